import { categoryOf } from '@plumbline/contracts';
import { prepared, storableJson } from '@plumbline/event-log';
import type { Consumer, ProjectionTable, SqlExecutor } from '@plumbline/event-log';
import type { Folded } from './application-log.ts';
import { fold, unseen } from './application-log.ts';

interface Row {
  stream: string;
  version: number;
  state: Folded['state'];
  status: Folded['status'];
}

export const applicationsTables: readonly ProjectionTable[] = [
  {
    name: 'application',
    ddl: ['create table if not exists application (stream text primary key, version int not null, state jsonb not null, status jsonb not null)'],
  },
];

/**
 * Where each application's stream stands, so that a restart doesn't replay the log. Only this service appends to these
 * streams: the rows trail its memory by milliseconds and are read at start only.
 */
export const applicationsProjection: Consumer<SqlExecutor> = {
  name: 'syncer.applications',
  async apply(events, tx) {
    const own = events.filter((event) => categoryOf(event.stream) === 'application');
    if (own.length === 0) return;
    const rows = await readRows(tx, [...new Set(own.map((event) => event.stream))]);
    for (const event of own) rows.set(event.stream, fold(rows.get(event.stream) ?? unseen, event));
    const live = [...rows].filter(([, folded]) => folded.state.status === 'declared');
    const gone = [...rows].filter(([, folded]) => folded.state.status === 'deleted').map(([stream]) => stream);
    if (gone.length > 0) await tx.query('delete from application where stream = any($1)', [gone]);
    if (live.length > 0) await writeRows(tx, live);
  },
  tables: applicationsTables,
};

const readSql = prepared('syncer application read', 'select stream, version, state, status from application where stream = any($1)');

async function readRows(tx: SqlExecutor, streams: string[]): Promise<Map<string, Folded>> {
  const rows = await tx.query<Row>(readSql, [streams]);
  return new Map(rows.map(({ stream, ...folded }) => [stream, folded]));
}

const writeSql = prepared(
  'syncer application write',
  `insert into application (stream, version, state, status)
   select * from unnest($1::text[], $2::int[], $3::jsonb[], $4::jsonb[])
   on conflict (stream) do update set version = excluded.version, state = excluded.state, status = excluded.status`,
);

async function writeRows(tx: SqlExecutor, rows: readonly [string, Folded][]): Promise<void> {
  await tx.query(writeSql, [
    rows.map(([stream]) => stream),
    rows.map(([, row]) => row.version),
    rows.map(([, row]) => storableJson(row.state)),
    rows.map(([, row]) => storableJson(row.status)),
  ]);
}

export async function readApplications(tx: SqlExecutor): Promise<Map<string, Folded>> {
  const rows = await tx.query<Row>('select stream, version, state, status from application');
  return new Map(rows.map(({ stream, ...folded }) => [stream, folded]));
}
