import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@plumbline/contracts';
import { runGit } from './git-process.ts';
import { limits } from './limits.ts';
import { isObjectId } from './object-name.ts';
import type { GitCredentials, RemoteRefs } from './port.ts';
import { UploadPack, type AdvertisedRef } from './upload-pack.ts';

export interface DirectRemoteOptions {
  /** The bare repository that objects go into. */
  dir: string;
  /** `http:` or `https:`, without user info. */
  url: string;
  /** Of git children that work in `dir`. */
  env: Readonly<Record<string, string>>;
  /** Ends what runs. */
  signal: AbortSignal;
  has(id: string): Promise<boolean>;
}

/**
 * Talks to a remote without starting git for it: lists its refs, and brings a commit that follows one which is here. It
 * may answer `undefined` at any time, which means: let git do it. After a failure it does so for `limits.directPauseMs`;
 * what is wrong with a remote is found and said by git alone.
 */
export class DirectRemote {
  readonly #options: DirectRemoteOptions;
  readonly #server: UploadPack;
  #pausedUntil = 0;

  constructor(options: DirectRemoteOptions) {
    this.#options = options;
    this.#server = new UploadPack(options.url);
  }

  async lsRemote(credentials: GitCredentials | undefined): Promise<RemoteRefs | undefined> {
    return this.#unlessPaused(limits.lsRemoteMs, async (signal) => {
      const listed = await this.#server.refs({ credentials, signal });
      const head = listed.find((ref) => ref.name === 'HEAD')?.target;
      const refs = new Map(listed.map((ref) => [ref.name, ref.peeled ?? ref.id]));
      return head === undefined ? { refs } : { refs, head };
    });
  }

  /**
   * Which commit each of these names (HEAD, full names of refs) leads to, once that commit is in the repository.
   * Undefined also when a name is not there, or leads to a tag or something else than a commit.
   *
   * @param known commits that were fetched before and are still here, the newest last
   */
  async fetch(names: readonly string[], known: readonly string[], credentials: GitCredentials | undefined): Promise<Map<string, string> | undefined> {
    if (known.length === 0 || names.some(isObjectId)) return undefined;
    return this.#unlessPaused(limits.fetchMs, async (signal) => {
      const advertised = new Map((await this.#server.refs({ credentials, signal }, names)).map((ref) => [ref.name, ref]));
      const found = new Map<string, string>();
      for (const name of names) {
        const commit = commitOf(advertised.get(name));
        if (commit === undefined) return undefined;
        found.set(name, commit);
      }
      const commits = [...new Set(found.values())];
      const isHere = await Promise.all(commits.map((id) => this.#options.has(id)));
      const want = commits.filter((_, index) => isHere[index] !== true);
      if (want.length > 0) await this.#bring(want, known.slice(-limits.havesMax), { credentials, signal });
      return found;
    });
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  async #bring(
    want: readonly string[],
    have: readonly string[],
    conversation: { credentials: GitCredentials | undefined; signal: AbortSignal },
  ): Promise<void> {
    const { shallow, bytes } = await this.#server.pack({ want, have }, conversation);
    const first = await bytes.next();
    const head = first.done === true ? Buffer.alloc(0) : first.value;
    // A pack begins with PACK, its version, and how many objects it has (gitformat-pack(5)).
    const isSmall = head.length >= 12 && head.readUInt32BE(8) <= limits.unpackObjectsMax;
    const result = await runGit({
      args: isSmall ? ['unpack-objects', '-q'] : ['index-pack', '--stdin', '--fix-thin'],
      env: this.#options.env,
      timeoutMs: limits.fetchMs,
      outputBytesMax: limits.errorOutputBytesMax,
      signal: conversation.signal,
      input: following(head, bytes),
    });
    if (result.exitCode !== 0) throw new AppError('unavailable', `git can't read the pack: ${result.stderr.slice(0, 300)}`, { retry: 'later' });
    await addShallow(this.#options.dir, shallow);
  }

  async #unlessPaused<R>(timeoutMs: number, work: (signal: AbortSignal) => Promise<R | undefined>): Promise<R | undefined> {
    if (performance.now() < this.#pausedUntil) return undefined;
    try {
      return await work(AbortSignal.any([this.#options.signal, AbortSignal.timeout(timeoutMs)]));
    } catch {
      // Not worth a word: git tries the same next, and says what is wrong if something is.
      this.#pausedUntil = performance.now() + limits.directPauseMs;
      return undefined;
    }
  }
}

/** Undefined: not there, or an annotated tag, whose own object has to come as well. */
const commitOf = (ref: AdvertisedRef | undefined): string | undefined => (ref?.peeled === undefined ? ref?.id : undefined);

async function* following(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

/** Tells git which commits are here without their parents, as git itself writes it: a lock, then a rename. */
async function addShallow(dir: string, commits: readonly string[]): Promise<void> {
  const path = join(dir, 'shallow');
  const before = (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  await writeFile(`${path}.lock`, `${[...new Set([...before, ...commits])].join('\n')}\n`, { flag: 'wx' });
  await rename(`${path}.lock`, path);
}
