import type { ApplicationEvent, RecordedEvent } from '@plumbline/contracts';
import { storableText } from '@plumbline/event-log';
import type { Consumer, ProjectionTable, SqlExecutor } from '@plumbline/event-log';
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

export const wantedTables: readonly ProjectionTable[] = [
  {
    name: 'wanted',
    ddl: [
      `create table if not exists wanted (application text not null, repository text not null, ref text not null, chart text not null, url text not null,
         place text not null, primary key (application, repository, ref, chart))`,
      'create index if not exists wanted_repository on wanted (repository)',
      'create index if not exists wanted_place on wanted (place)',
    ],
  },
];

/** Keeps the table; `changed` hears, after the commit, which repositories it concerned. */
export function wantedRefsProjection(changed: (repositories: ReadonlySet<string>) => void): Consumer<SqlExecutor> {
  // By the event itself: what a rebuild applies is never told, and nothing of it is kept.
  const dropped = new WeakMap<RecordedEvent, string[]>();
  return {
    name: 'repo-watcher.wanted-refs',
    types: ['ApplicationDeclared', 'ApplicationDeleted'],
    async apply(events, tx) {
      // Of several declarations of one application the last counts; what each of them named is told all the same.
      const last = new Map(events.map((event) => [event.stream, event]));
      const before = await tx.query<{ application: string; repository: string }>(
        'WITH gone AS (DELETE FROM wanted WHERE application = ANY($1) RETURNING application, repository) SELECT application, repository FROM gone',
        [[...last.keys()]],
      );
      const byApplication = Map.groupBy(before, (row) => row.application);
      for (const [stream, event] of last) {
        dropped.set(
          event,
          (byApplication.get(stream) ?? []).map((row) => row.repository),
        );
      }
      const rows = [...last.values()].flatMap(rowsOf);
      await tx.query(
        `INSERT INTO wanted (application, repository, ref, chart, url, place)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) ON CONFLICT DO NOTHING`,
        (['application', 'repository', 'ref', 'chart', 'url', 'place'] as const).map((column) => rows.map((row) => storableText(row[column]))),
      );
    },
    committed(events) {
      const repositories = new Set<string>();
      for (const event of events) {
        for (const repository of dropped.get(event) ?? []) repositories.add(repository);
        for (const row of rowsOf(event)) repositories.add(row.repository);
      }
      changed(repositories);
    },
    tables: wantedTables,
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
