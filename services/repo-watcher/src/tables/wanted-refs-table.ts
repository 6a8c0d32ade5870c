import type { ApplicationEvent, RecordedEvent } from '@plumbline/contracts';
import type { Consumer, SqlExecutor } from '@plumbline/event-log';
import { repositoryId, repositoryPlace, withoutUserInfo } from '@plumbline/git';
import type { DataSource } from 'typeorm';
import { wantedRefs } from '../domain/wanted-refs.ts';
import { wantedEntity, type WantedRow } from './entities.ts';

/** Which applications follow which refs of which repositories: a projection of what applications declare. */
export class WantedRefsTable {
  readonly #database: DataSource;

  constructor(database: DataSource) {
    this.#database = database;
  }

  /** What is wanted of one repository; empty = no application names it. */
  of(repository: string): Promise<WantedRow[]> {
    return this.#database.getRepository(wantedEntity).find({ where: { repository }, order: { ref: 'ASC', application: 'ASC' } });
  }

  /** Ids of all repositories that some application names. */
  async repositories(): Promise<string[]> {
    const rows: { repository: string }[] = await this.#database.query('SELECT DISTINCT repository FROM wanted');
    return rows.map((row) => row.repository);
  }

  /** Repositories at these addresses, whatever protocol, user and port they are written with. */
  async at(urls: readonly string[]): Promise<string[]> {
    const rows: { repository: string }[] = await this.#database.query('SELECT DISTINCT repository FROM wanted WHERE place = ANY($1)', [
      urls.map(repositoryPlace),
    ]);
    return rows.map((row) => row.repository);
  }
}

/** Keeps the table; `changed` hears, after the commit, which repositories it concerned. */
export function wantedRefsProjection(changed: (repositories: ReadonlySet<string>) => void): Consumer<SqlExecutor> {
  const dropped = new Map<string, string[]>();
  return {
    name: 'repo-watcher.wanted-refs',
    types: ['ApplicationDeclared', 'ApplicationDeleted'],
    async apply(events, tx) {
      for (const event of events) {
        const before = await tx.query<{ repository: string }>('DELETE FROM wanted WHERE application = $1 RETURNING repository', [event.stream]);
        dropped.set(
          event.id,
          before.map((row) => row.repository),
        );
        for (const row of rowsOf(event)) {
          await tx.query('INSERT INTO wanted (application, repository, ref, chart, url, place) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING', [
            row.application,
            row.repository,
            row.ref,
            row.chart,
            row.url,
            row.place,
          ]);
        }
      }
    },
    committed(events) {
      const repositories = new Set<string>();
      for (const event of events) {
        for (const repository of dropped.get(event.id) ?? []) repositories.add(repository);
        for (const row of rowsOf(event)) repositories.add(row.repository);
        dropped.delete(event.id);
      }
      changed(repositories);
    },
    async reset(tx) {
      await tx.query('DELETE FROM wanted');
    },
  };
}

function rowsOf(event: RecordedEvent): WantedRow[] {
  if (event.type !== 'ApplicationDeclared') return [];
  const { spec } = event.data as Extract<ApplicationEvent, { type: 'ApplicationDeclared' }>['data'];
  return wantedRefs(spec).map(({ url, ref, chart }) => ({
    application: event.stream,
    repository: repositoryId(url),
    ref,
    chart,
    url: withoutUserInfo(url),
    place: repositoryPlace(url),
  }));
}
