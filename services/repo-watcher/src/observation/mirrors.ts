import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@plumbline/contracts';
import { openMirror, type GitCredentials, type Mirror } from '@plumbline/git';

export interface MirrorsOptions {
  /** Everything below it is ours and may be deleted while the service is stopped. */
  dir: string;
  credentialsFor(url: string): GitCredentials | undefined;
}

/** The bare mirrors on disk, one directory per repository. */
export class Mirrors {
  readonly #options: MirrorsOptions;
  readonly #open = new Map<string, Promise<Mirror>>();
  #isClosed = false;

  constructor(options: MirrorsOptions) {
    this.#options = options;
  }

  open(repository: string, url: string): Promise<Mirror> {
    const known = this.#open.get(repository);
    if (known !== undefined) return known;
    if (this.#isClosed) return Promise.reject(new AppError('unavailable', 'repo-watcher is stopping', { retry: 'later' }));
    const opening = openMirror({ dir: join(this.#options.dir, repository), url, credentials: () => this.#options.credentialsFor(url) });
    this.#open.set(repository, opening);
    opening.catch(() => this.#open.delete(repository));
    return opening;
  }

  /** Ids of the repositories that have a directory. */
  async onDisk(): Promise<string[]> {
    await mkdir(this.#options.dir, { recursive: true });
    return readdir(this.#options.dir);
  }

  async remove(repository: string): Promise<void> {
    const mirror = await this.#open.get(repository)?.catch(() => undefined);
    this.#open.delete(repository);
    await mirror?.close();
    await rm(join(this.#options.dir, repository), { recursive: true, force: true });
  }

  /** Ends what runs on them. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#open.values()].map(async (mirror) => (await mirror).close()));
    this.#open.clear();
  }
}
