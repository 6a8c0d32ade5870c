import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { AppError } from '@plumbline/contracts';
import { simpleGit } from 'simple-git';
import { DirectRemote } from './direct-remote.ts';
import { lockedEnvironment } from './environment.ts';
import { reasonOf, remoteError } from './git-error.ts';
import { parseCommit } from './git-object.ts';
import { runGit, type GitResult } from './git-process.ts';
import { limits } from './limits.ts';
import { parseLsRemote } from './ls-remote.ts';
import { isObjectId, mirrorRef } from './object-name.ts';
import { ObjectReader } from './object-reader.ts';
import type { GitCredentials, GitObject, Mirror, RemoteRefs } from './port.ts';
import { parseRepositoryUrl, withoutUserInfo } from './repository-url.ts';
import { walkNew } from './tree-walk.ts';

export interface MirrorOptions {
  /** Where the bare repository is or will be. One process owns it: stale locks in it are removed. */
  dir: string;
  url: string;
  /** Asked before each command that talks to the remote, so that rotated credentials are used at once. */
  credentials?: () => GitCredentials | undefined;
  /** Allow `file://` remotes: for tests and demonstrations only. */
  allowFile?: boolean;
  /** Default: `limits.fetchesBetweenMaintenance`. */
  fetchesBetweenMaintenance?: number;
}

/**
 * Opens or makes the mirror of a remote. Nothing is fetched yet.
 *
 * @throws AppError `invalid-argument` (not an address of an allowed protocol), `internal` (git can't be run)
 */
export async function openMirror(options: MirrorOptions): Promise<Mirror> {
  const { protocol } = parseRepositoryUrl(options.url);
  if (protocol === 'file' && options.allowFile !== true)
    throw new AppError('invalid-argument', 'repositories on the local disk (file://) are not allowed; serve it over http, https, ssh or git');
  await prepare(options.dir);
  return new SystemGitMirror(options);
}

class SystemGitMirror implements Mirror {
  readonly dir: string;
  readonly #options: MirrorOptions;
  readonly #url: string;
  readonly #contents: ObjectReader;
  readonly #headers: ObjectReader;
  /** Fetches and maintenance write to the repository: one at a time. */
  #writing: Promise<unknown> = Promise.resolve();
  #fetches = 0;
  /** Of HTTP remotes. */
  readonly #direct: DirectRemote | undefined;
  /** What each name led to when it was last fetched, the newest last; those in `#unsaved` are not in the repository's refs yet. */
  readonly #tips = new Map<string, string>();
  readonly #unsaved = new Set<string>();
  readonly #closed = new AbortController();

  constructor(options: MirrorOptions) {
    this.dir = options.dir;
    this.#options = options;
    this.#url = withoutUserInfo(options.url);
    const env = lockedEnvironment({ dir: this.dir });
    this.#contents = new ObjectReader('--batch', env);
    this.#headers = new ObjectReader('--batch-check', env);
    if (/^https?:/i.test(this.#url))
      this.#direct = new DirectRemote({ dir: this.dir, url: this.#url, env, signal: this.#closed.signal, has: (id) => this.has(id) });
  }

  async lsRemote(): Promise<RemoteRefs> {
    const told = await this.#direct?.lsRemote(this.#options.credentials?.());
    if (told !== undefined) return told;
    const result = await this.#remote(['ls-remote', '--symref', '--', this.#url], limits.lsRemoteMs, limits.lsRemoteBytesMax);
    return parseLsRemote(result.stdout.toString('utf8'));
  }

  fetch(wanted: readonly string[]): Promise<Map<string, string>> {
    const turn = this.#writing.then(() => this.#fetch(wanted));
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  async has(id: string): Promise<boolean> {
    return (await this.#headers.ask(checkedId(id))) !== undefined;
  }

  async commit(id: string): Promise<{ id: string; tree: string; author: string; date: string; message: string }> {
    const object = await this.#contents.ask(checkedId(id));
    if (object?.type !== 'commit') throw new AppError('revision-not-found', `${this.#url} has no commit ${id}`, { details: { url: this.#url } });
    return { id, ...parseCommit(id, object.bytes) };
  }

  async newObjects(tree: string, base?: string): Promise<{ id: string; type: 'blob' | 'tree'; sizeBytes: number }[]> {
    const walked = await walkNew(checkedId(tree), base, (ids) => Promise.all(ids.map((id) => this.#tree(id))));
    const headers = await Promise.all(walked.map((object) => this.#headers.ask(object.id)));
    return walked.map((object, index) => {
      const header = headers[index];
      if (header === undefined) throw new AppError('not-found', `object ${object.id} is not in the mirror of ${this.#url}`, { retry: 'later' });
      return { ...object, sizeBytes: header.sizeBytes };
    });
  }

  async *readObjects(ids: readonly string[], sizeBytesMax: number = limits.objectBytesMax): AsyncGenerator<GitObject> {
    for (let from = 0; from < ids.length;) {
      const candidates = ids.slice(from, from + limits.readAheadObjects);
      const headers = await Promise.all(candidates.map((id) => this.#headers.ask(checkedId(id))));
      let bytes = 0;
      let count = 0;
      while (count < headers.length && (count === 0 || bytes < limits.readAheadBytes)) bytes += Math.min(headers[count++]?.sizeBytes ?? 0, sizeBytesMax);
      const small = headers.slice(0, count).flatMap((header) => (header !== undefined && header.sizeBytes <= sizeBytesMax ? [header.id] : []));
      for (const object of await Promise.all(small.map((id) => this.#contents.ask(id)))) {
        if (object !== undefined) yield { id: object.id, type: object.type, bytes: object.bytes };
      }
      from += count;
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([this.#writing, this.#direct?.close()]);
    this.#contents.close();
    this.#headers.close();
  }

  async #fetch(wanted: readonly string[]): Promise<Map<string, string>> {
    if (wanted.length === 0) return new Map();
    if (wanted.length > limits.fetchRefsMax) throw new AppError('too-large', `${wanted.length} refs in one fetch; at most ${limits.fetchRefsMax}`);
    const found = (await this.#fetchDirectly(wanted)) ?? (await this.#fetchByGit(wanted));
    for (const [name, commit] of found) {
      this.#tips.delete(name);
      this.#tips.set(name, commit);
    }
    for (const oldest of this.#tips.keys()) {
      if (this.#tips.size <= limits.tipsKeptMax) break;
      this.#tips.delete(oldest);
      this.#unsaved.delete(oldest);
    }
    if (++this.#fetches % (this.#options.fetchesBetweenMaintenance ?? limits.fetchesBetweenMaintenance) === 0) await this.#maintain();
    return found;
  }

  async #fetchDirectly(wanted: readonly string[]): Promise<Map<string, string> | undefined> {
    for (const name of wanted) mirrorRef(name);
    const found = await this.#direct?.fetch(wanted, [...this.#tips.values()], this.#options.credentials?.());
    if (found === undefined) return undefined;
    const commits = await Promise.all([...found.values()].map((id) => this.#headers.ask(id)));
    if (commits.some((object) => object?.type !== 'commit')) return undefined;
    for (const name of found.keys()) this.#unsaved.add(name);
    return found;
  }

  async #fetchByGit(wanted: readonly string[]): Promise<Map<string, string>> {
    const refspecs = wanted.map((name) => `+${name}:${mirrorRef(name)}`);
    const args = ['fetch', '--quiet', '--depth=1', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--force', '--', this.#url, ...refspecs];
    await this.#remote(args, limits.fetchMs, limits.errorOutputBytesMax);
    const commits = await Promise.all(wanted.map((name) => this.#headers.ask(`${mirrorRef(name)}^{commit}`)));
    const found = new Map<string, string>();
    for (const [index, name] of wanted.entries()) {
      const commit = commits[index];
      if (commit === undefined) throw new AppError('revision-not-found', `${name} of ${this.#url} does not lead to a commit`, { details: { url: this.#url } });
      found.set(name, commit.id);
      this.#unsaved.delete(name);
    }
    return found;
  }

  /**
   * Drops what no observed ref needs any more, and packs the rest. What was fetched without git becomes a ref only here:
   * refs matter to nothing else, and when a kill loses them their commits are fetched again.
   */
  async #maintain(): Promise<void> {
    const lines = [...this.#unsaved].map((name) => `update ${mirrorRef(name)} ${this.#tips.get(name)!}\n`);
    const input = Readable.from([Buffer.from(lines.join(''))]) as AsyncIterable<Buffer>;
    const env = lockedEnvironment({ dir: this.dir });
    const result = await runGit({ args: ['update-ref', '--stdin'], env, input, timeoutMs: limits.setUpMs, outputBytesMax: limits.errorOutputBytesMax });
    if (result.exitCode !== 0) throw remoteError(this.#url, result.stderr);
    this.#unsaved.clear();
    await setUp(this.dir, ['gc', '--quiet', '--prune=now'], limits.maintenanceMs);
  }

  async #tree(id: string): Promise<Buffer | undefined> {
    const header = await this.#headers.ask(id);
    if (header?.type !== 'tree') return undefined;
    if (header.sizeBytes > limits.objectBytesMax) throw new AppError('too-large', `tree ${id} has ${header.sizeBytes} bytes; at most ${limits.objectBytesMax}`);
    return (await this.#contents.ask(id))?.bytes;
  }

  /** A command that talks to the remote. */
  async #remote(args: string[], timeoutMs: number, outputBytesMax: number): Promise<GitResult> {
    if (this.#closed.signal.aborted) throw new AppError('unavailable', `the mirror of ${this.#url} is closed`, { retry: 'later' });
    const credentials = this.#options.credentials?.();
    const keyDir = credentials?.sshPrivateKey === undefined ? undefined : await keyDirectory(credentials.sshPrivateKey);
    try {
      const env = lockedEnvironment({
        dir: this.dir,
        url: this.#url,
        ...(credentials === undefined ? {} : { credentials }),
        ...(keyDir === undefined ? {} : { sshKeyFile: join(keyDir, 'key') }),
        ...(this.#options.allowFile === true ? { allowFile: true } : {}),
      });
      const result = await runGit({ args, env, timeoutMs, outputBytesMax, signal: this.#closed.signal });
      if (result.exitCode !== 0) throw remoteError(this.#url, result.stderr);
      return result;
    } finally {
      if (keyDir !== undefined) await rm(keyDir, { recursive: true, force: true });
    }
  }
}

function checkedId(id: string): string {
  if (!isObjectId(id)) throw new AppError('invalid-argument', `${JSON.stringify(id.slice(0, 200))} is not a full Git object id`);
  return id;
}

/** ssh reads a key from a file only: in memory where the system has a memory file system, for one command. */
async function keyDirectory(privateKey: string): Promise<string> {
  const dir = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'plumbline-ssh-'));
  await writeFile(join(dir, 'key'), `${privateKey.trimEnd()}\n`, { mode: 0o600 });
  return dir;
}

/** Makes the bare repository, or finds it again after any kind of end: `git init` repairs what is missing. */
async function prepare(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await removeLocks(dir);
  try {
    await setUp(dir, ['init', '--quiet', '--bare', '--initial-branch=main'], limits.setUpMs);
  } catch {
    await rm(dir, { recursive: true, force: true });
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await setUp(dir, ['init', '--quiet', '--bare', '--initial-branch=main'], limits.setUpMs);
  }
}

/** A process that was killed leaves `*.lock` files that would stop git forever. */
async function removeLocks(dir: string): Promise<void> {
  const top = await readdir(dir);
  const refs = await readdir(join(dir, 'refs'), { recursive: true }).catch(() => []);
  const locks = [...top, ...refs.map((name) => join('refs', name))].filter((name) => name.endsWith('.lock'));
  await Promise.all(locks.map((name) => rm(join(dir, name), { force: true })));
}

/** Local commands off the hot path go through simple-git, which refuses what looks like an injected option. */
async function setUp(dir: string, args: string[], timeoutMs: number): Promise<void> {
  const env = lockedEnvironment({ dir });
  // simple-git guards these settings against callers; here it is ourselves who turn hooks, helpers and prompts off.
  const unsafe = {
    allowUnsafeConfigPaths: true,
    allowUnsafeConfigEnvCount: true,
    allowUnsafeHooksPath: true,
    allowUnsafeFsMonitor: true,
    allowUnsafeCredentialHelper: true,
    allowUnsafeSshCommand: true,
    allowUnsafeAskPass: true,
  };
  try {
    await simpleGit({ baseDir: dir, allowEnvironment: Object.keys(env), unsafe, timeout: { block: timeoutMs } })
      .env(env)
      .raw(args);
  } catch (cause) {
    throw new AppError('internal', `git ${args[0]} failed in ${dir}: ${reasonOf(cause instanceof Error ? cause.message : String(cause))}`, {
      retry: 'later',
      cause,
    });
  }
}
