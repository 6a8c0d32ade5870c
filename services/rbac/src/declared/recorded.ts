import { storableJson } from '@plumbline/event-log';
import type { Consumer, ProjectionTable, SqlExecutor } from '@plumbline/event-log';
import type { DeclarationEvent } from '../domain/declaration.ts';

/** The last declaration of each project and of the policy, and its place in its stream: a projection of the log. */
export interface Recorded {
  version: number;
  event: DeclarationEvent;
}

export const declarationTables: readonly ProjectionTable[] = [
  { name: 'declaration', ddl: ['create table if not exists declaration (stream text primary key, version integer not null, event jsonb not null)'] },
];

export const declarationsConsumer: Consumer<SqlExecutor> = {
  name: 'rbac.declarations',
  types: ['ProjectDeclared', 'ProjectDeleted', 'PolicyChanged'],
  apply: async (events, tx) => {
    const last = [...new Map(events.map((event) => [event.stream, event])).values()];
    await tx.query(
      `insert into declaration (stream, version, event) select * from unnest($1::text[], $2::int[], $3::jsonb[])
       on conflict (stream) do update set version = excluded.version, event = excluded.event where declaration.version < excluded.version`,
      [last.map(({ stream }) => stream), last.map(({ version }) => version), last.map(({ type, data }) => storableJson({ type, data }))],
    );
  },
  tables: declarationTables,
};

export async function readRecorded(database: SqlExecutor, stream: string): Promise<Recorded | undefined> {
  const rows = await database.query<Recorded>('select version, event from declaration where stream = $1', [stream]);
  return rows[0];
}

/** Streams of projects that the log says exist. */
export async function declaredProjectStreams(database: SqlExecutor): Promise<string[]> {
  const rows = await database.query<{ stream: string }>(`select stream from declaration where event->>'type' = 'ProjectDeclared'`);
  return rows.map((row) => row.stream);
}
