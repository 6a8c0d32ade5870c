import type { Logger } from '@plumbline/contracts';
import type { JobQueue } from '@plumbline/jobs';
import type { Mirrors } from './observation/mirrors.ts';
import type { Observer } from './observation/observer.ts';
import type { RepositoryStreams } from './tables/repository-streams.ts';
import type { WantedRefsTable } from './tables/wanted-refs-table.ts';

export interface PollingParts {
  queue: JobQueue;
  intervalMs: number;
  observer: Observer;
  wanted: WantedRefsTable;
  streams: RepositoryStreams;
  mirrors: Mirrors;
  log: Logger;
}

/**
 * Sees to it that each wanted repository is looked at: at once when something about it changed here, and by a recurring
 * job. The queue may lose everything at any time; the sweep compares it with what is wanted and fills it again.
 */
export class Polling {
  readonly #parts: PollingParts;

  constructor(parts: PollingParts) {
    this.#parts = parts;
  }

  /** Applications began or ceased to follow refs of these repositories. */
  async wantedChanged(repositories: Iterable<string>): Promise<void> {
    const { queue, intervalMs, wanted, log } = this.#parts;
    for (const repository of repositories) {
      this.lookSoon(repository);
      try {
        if ((await wanted.of(repository)).length > 0) await queue.every(repository, intervalMs);
        else await queue.cancel(repository);
      } catch (error) {
        log.warn('polling could not be arranged; the next sweep does it', { repository, error });
      }
    }
  }

  /** New credentials may open what was closed. */
  async retryUnreachable(): Promise<void> {
    try {
      for (const repository of await this.#parts.streams.unreachable()) this.lookSoon(repository);
    } catch (error) {
      this.#parts.log.warn('unreachable repositories could not be retried with new credentials; the next poll does', { error });
    }
  }

  /** Looks in the background; what fails is looked at again by the next sweep or poll. */
  lookSoon(repository: string, movedRef?: string): void {
    void this.#look(repository, movedRef);
  }

  /** One tick of a repository's recurring job. */
  async poll(repository: string): Promise<void> {
    await this.#parts.observer.observe(repository);
  }

  /** `refreshIntervals`: also tell the queue the interval of jobs that it has, which may be of an earlier configuration. */
  async sweep({ refreshIntervals = false } = {}): Promise<void> {
    const { queue, intervalMs, wanted, streams, mirrors, log } = this.#parts;
    try {
      const [wantedNow, recurring] = [new Set(await wanted.repositories()), new Set(await queue.recurring())];
      for (const repository of wantedNow) if (refreshIntervals || !recurring.has(repository)) await queue.every(repository, intervalMs);
      for (const repository of recurring) if (!wantedNow.has(repository)) await queue.cancel(repository);
      const known = new Set([...(await streams.registered()), ...(await mirrors.onDisk())]);
      const abandoned = [...known].filter((repository) => !wantedNow.has(repository));
      const neglected = await this.#neglected(wantedNow);
      await Promise.all([...abandoned, ...neglected].map((repository) => this.#look(repository)));
    } catch (error) {
      log.warn('sweep failed; the next one tries again', { error });
    }
  }

  /** Wanted, but never looked at: the process ended before it could. */
  async #neglected(wantedNow: ReadonlySet<string>): Promise<string[]> {
    const found: string[] = [];
    for (const repository of wantedNow) {
      const state = await this.#parts.streams.state(repository);
      if (state.status === 'unreachable') continue;
      const rows = await this.#parts.wanted.of(repository);
      if (state.status === 'unknown' || rows.some((row) => !Object.hasOwn(state.refs, row.ref))) found.push(repository);
    }
    return found;
  }

  async #look(repository: string, movedRef?: string): Promise<void> {
    try {
      await this.#parts.observer.observe(repository, movedRef === undefined ? {} : { movedRef });
    } catch (error) {
      this.#parts.log.warn('repository could not be looked at; the next poll tries again', { repository, error });
    }
  }
}
