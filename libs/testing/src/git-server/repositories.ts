import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readIfThere, writeState } from '../state-files.ts';
import { gitEnvironment, gitSettings } from './git-environment.ts';

const run = promisify(execFile);

/** One folder of bare repositories, each `<name>.git`. */
export class BareRepositories {
  readonly #dir: string;
  readonly #creating = new Map<string, Promise<string>>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** The name in a URL's first part, without `.git`; undefined when it can't be a repository's. */
  static nameOf(part: string): string | undefined {
    const name = part.replace(/\.git$/, '');
    return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name) && !name.endsWith('.git') ? name : undefined;
  }

  async find(name: string): Promise<string | undefined> {
    const path = join(this.#dir, `${name}.git`);
    return (await stat(path).catch(() => undefined)) === undefined ? undefined : path;
  }

  async findOrCreate(name: string): Promise<string> {
    const found = await this.find(name);
    if (found !== undefined) return found;
    const creating = this.#creating.get(name) ?? this.#create(name).finally(() => this.#creating.delete(name));
    this.#creating.set(name, creating);
    return creating;
  }

  /** Full name of the branch that HEAD points to, whether it exists or not. */
  async head(path: string): Promise<string> {
    return (await readFile(join(path, 'HEAD'), 'utf8')).replace(/^ref: /, '').trim();
  }

  /** Points HEAD at `branch` unless it points at a branch that exists. */
  async adoptHead(path: string, branch: string): Promise<void> {
    const head = await this.head(path);
    const packed = (await readIfThere(join(path, 'packed-refs'))) ?? '';
    if ((await readIfThere(join(path, head))) !== undefined || packed.includes(` ${head}\n`)) return;
    await writeState(join(path, 'HEAD'), `ref: ${branch}\n`, 0o644);
  }

  async #create(name: string): Promise<string> {
    const path = join(this.#dir, `${name}.git`);
    const unfinished = join(this.#dir, `.${name}-${randomUUID()}`);
    await mkdir(this.#dir, { recursive: true });
    try {
      await run('git', [...gitSettings, 'init', '--quiet', '--bare', '--template=', '--initial-branch=main', unfinished], { env: gitEnvironment() });
      await rename(unfinished, path);
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
    return path;
  }
}
