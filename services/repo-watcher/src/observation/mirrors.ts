import { AppError } from '@plumbline/contracts';
import type { GitCredentials, Mirror } from '@plumbline/git';

/** Where mirrors are kept, by repository id. */
export interface MirrorPlaces {
  open(repository: string, url: string, credentials: () => GitCredentials | undefined): Promise<Mirror>;
  /** Ids of the repositories that have one. */
  list(): Promise<string[]>;
  remove(repository: string): Promise<void>;
}

export interface MirrorsOptions {
  places: MirrorPlaces;
  credentialsFor(url: string): GitCredentials | undefined;
}

/** The bare mirrors, one per repository, each open once. */
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
    const opening = this.#options.places.open(repository, url, () => this.#options.credentialsFor(url));
    this.#open.set(repository, opening);
    opening.catch(() => this.#open.delete(repository));
    return opening;
  }

  /** Ids of the repositories that have a directory. */
  onDisk(): Promise<string[]> {
    return this.#options.places.list();
  }

  async remove(repository: string): Promise<void> {
    const mirror = await this.#open.get(repository)?.catch(() => undefined);
    this.#open.delete(repository);
    await mirror?.close();
    await this.#options.places.remove(repository);
  }

  /** Ends what runs on them. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#open.values()].map(async (mirror) => (await mirror).close()));
    this.#open.clear();
  }
}
