import type { Consumer, SqlExecutor } from '@plumbline/event-log';
import type { DeclarationEvent } from '../domain/declaration.ts';

/** The last declaration of each project and of the policy, and its place in its stream: a projection of the log. */
export interface Recorded {
  version: number;
  event: DeclarationEvent;
}

export const declarationsConsumer: Consumer<SqlExecutor> = {
  name: 'rbac.declarations',
  types: ['ProjectDeclared', 'ProjectDeleted', 'PolicyChanged'],
  apply: async (events, tx) => {
    for (const { stream, version, type, data } of events) {
      await tx.query(
        `insert into declaration (stream, version, event) values ($1, $2, $3::jsonb)
         on conflict (stream) do update set version = excluded.version, event = excluded.event where declaration.version < excluded.version`,
        [stream, version, JSON.stringify({ type, data })],
      );
    }
  },
  reset: async (tx) => void (await tx.query('delete from declaration')),
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
