import { AppError, assertUnderstood, type NewEvent, type RecordedEvent, type RepositoryEvent } from '@plumbline/contracts';
import type { Consumer, EventLog, ProjectionTable, SqlExecutor } from '@plumbline/event-log';
import type { DataSource } from 'typeorm';
import { decide, evolve, initialState, type RepositoryCommand, type RepositoryState } from '../domain/repository.ts';
import { limits } from '../limits.ts';
import { snapshotEntity } from './entities.ts';

const prefix = 'repository-';
const pageEvents = 500;

export const repositoryStream = (repository: string): string => `${prefix}${repository}`;

interface Versioned {
  version: number;
  state: RepositoryState;
}

export interface RepositoryStreamsParts {
  eventLog: EventLog<SqlExecutor>;
  database: DataSource;
  event<T extends string, D>(type: T, data: D, why: { cause: string; correlation?: string }): NewEvent<T, D>;
}

/** The repositories' streams: state as of the last event, and commands decided on it. */
export class RepositoryStreams {
  readonly #parts: RepositoryStreamsParts;
  readonly #cache = new Map<string, Versioned>();

  constructor(parts: RepositoryStreamsParts) {
    this.#parts = parts;
  }

  async state(repository: string): Promise<RepositoryState> {
    return (this.#cache.get(repository) ?? (await this.#load(repository))).state;
  }

  /** Ids of the repositories that are registered, as far as the snapshots know. */
  registered(): Promise<string[]> {
    return this.#withStatus('reachable', 'unreachable');
  }

  unreachable(): Promise<string[]> {
    return this.#withStatus('unreachable');
  }

  /** Decides on the present state and appends; decides again when another writer was faster. */
  async handle(command: RepositoryCommand, correlation?: string): Promise<RecordedEvent[]> {
    const { repository } = command;
    let current = this.#cache.get(repository) ?? (await this.#load(repository));
    for (let tries = 1; ; tries++) {
      const events = decide(command, current.state);
      if (events.length === 0) return [];
      try {
        const recorded = await this.#parts.eventLog.append([
          { stream: repositoryStream(repository), expectedVersion: current.version, events: this.#named(repository, current.version, events, correlation) },
        ]);
        this.#remember(repository, { version: current.version + events.length, state: events.reduce(evolve, current.state) });
        return recorded;
      } catch (error) {
        this.#cache.delete(repository);
        if (!AppError.is(error) || error.code !== 'conflict' || tries >= limits.appendTriesMax) throw error;
        current = await this.#load(repository);
      }
    }
  }

  async #withStatus(...statuses: RepositoryState['status'][]): Promise<string[]> {
    const rows: { repository: string }[] = await this.#parts.database.query('SELECT repository FROM snapshot WHERE status = ANY($1)', [statuses]);
    return rows.map((row) => row.repository);
  }

  /** The cause names the place in the stream and what is said, so that a repeated append is recognised and nothing else is. */
  #named(repository: string, version: number, events: readonly RepositoryEvent[], correlation: string | undefined): NewEvent[] {
    return events.map((event, index) => {
      const about = 'ref' in event.data ? `${event.data.ref} ${'commit' in event.data ? event.data.commit : event.data.message}` : '';
      return this.#parts.event(event.type, event.data, {
        cause: `${repository}@${version + 1 + index} ${about}`,
        ...(correlation === undefined ? {} : { correlation }),
      });
    });
  }

  async #load(repository: string): Promise<Versioned> {
    const snapshot = await this.#parts.database.getRepository(snapshotEntity).findOne({ where: { repository } });
    let current: Versioned =
      snapshot === null ? { version: 0, state: initialState } : { version: snapshot.version, state: JSON.parse(snapshot.state) as RepositoryState };
    for (;;) {
      const page = await this.#parts.eventLog.readStream(repositoryStream(repository), { afterVersion: current.version, limit: pageEvents });
      for (const recorded of page) assertUnderstood(recorded);
      current = page.reduce(replay, current);
      if (page.length < pageEvents) break;
    }
    return this.#remember(repository, current);
  }

  #remember(repository: string, current: Versioned): Versioned {
    this.#cache.delete(repository);
    this.#cache.set(repository, current);
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined && this.#cache.size > limits.repositoriesInMemory) this.#cache.delete(oldest);
    return current;
  }
}

export const snapshotTables: readonly ProjectionTable[] = [
  {
    name: 'snapshot',
    ddl: ['create table if not exists snapshot (repository text primary key, version int not null, status text not null, state text not null)'],
  },
];

/** Keeps the snapshots. */
export function snapshotProjection(): Consumer<SqlExecutor> {
  return {
    name: 'repo-watcher.snapshots',
    types: [
      'RepositoryRegistered',
      'RevisionObserved',
      'RefUnresolved',
      'RepositoryUnreachable',
      'RepositoryRecovered',
      'RepositoryForgotten',
    ] satisfies RepositoryEvent['type'][],
    async apply(events, tx) {
      const byRepository = Map.groupBy(events, (event) => event.stream.slice(prefix.length));
      const rows = await tx.query<{ repository: string; version: number; state: string }>(
        'SELECT repository, version, state FROM snapshot WHERE repository = ANY($1)',
        [[...byRepository.keys()]],
      );
      const before = new Map(rows.map(({ repository, version, state }) => [repository, { version, state: JSON.parse(state) as RepositoryState }]));
      const after = [...byRepository].map(([repository, news]) => ({
        repository,
        ...news.reduce<Versioned>(replay, before.get(repository) ?? { version: 0, state: initialState }),
      }));
      await tx.query(
        `INSERT INTO snapshot (repository, version, status, state) SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[])
         ON CONFLICT (repository) DO UPDATE SET version = excluded.version, status = excluded.status, state = excluded.state`,
        [
          after.map(({ repository }) => repository),
          after.map(({ version }) => version),
          after.map(({ state }) => state.status),
          after.map(({ state }) => JSON.stringify(state)),
        ],
      );
    },
    tables: snapshotTables,
  };
}

function replay(current: Versioned, event: RecordedEvent): Versioned {
  return { version: event.version, state: evolve(current.state, { type: event.type, data: event.data } as RepositoryEvent) };
}
