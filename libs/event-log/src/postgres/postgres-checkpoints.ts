import { AppError } from '@plumbline/contracts';
import type { Checkpoint, CheckpointMove, CheckpointStore, ConsumerState } from '../consumer/checkpoints.ts';
import { bucketCount } from '../limits.ts';
import type { ParkedStream, SqlExecutor } from '../port.ts';
import { makePostgresProjections } from './postgres-projections.ts';
import { prepared, type TransactionRunner } from './sql-executor.ts';
import { storableText } from './storable.ts';

/** Creates the checkpoint tables in a service's own schema; any number of times. */
export async function migrateConsumers(executor: SqlExecutor, schema: string): Promise<void> {
  const name = schemaName(schema);
  await executor.query(`create schema if not exists ${name}`);
  await executor.query(`create table if not exists ${name}.checkpoint (
    consumer text not null, bucket integer not null, position bigint not null, generation uuid not null, revision bigint not null default 0,
    build integer not null default 0, primary key (consumer, bucket)) with (fillfactor = 50)`);
  await executor.query(`create table if not exists ${name}.parked_event (
    consumer text not null, stream text not null, position bigint not null, version integer not null, event_id uuid not null, type text not null,
    error text not null, stack text not null, attempts integer not null, at timestamptz not null, tried_by text not null default '',
    primary key (consumer, stream))`);
  await executor.query(`create table if not exists ${name}.skipped_event (
    consumer text not null, stream text not null, position bigint not null, version integer not null, event_id uuid not null, type text not null,
    error text not null, stack text not null, attempts integer not null, at timestamptz not null, reason text not null,
    primary key (consumer, position))`);
  // What these tables lacked in earlier versions.
  await executor.query(`alter table ${name}.checkpoint add column if not exists build integer not null default 0`);
  await executor.query(`alter table ${name}.parked_event add column if not exists tried_by text not null default ''`);
  await executor.query(`create table if not exists ${name}.projection_run (
    consumer text primary key, kind text not null, state text not null, owner text not null, token text not null, position bigint not null, head bigint not null,
    events_per_second integer not null, parked integer not null, started_at timestamptz not null, at timestamptz not null, message text not null)`);
}

export interface PostgresCheckpointsOptions {
  /** The schema given to `migrateConsumers`. */
  schema: string;
  /** Of the service's database connections, wrapped by the log's `announcing` if consumers append. */
  transaction: TransactionRunner<SqlExecutor>;
}

const parkedColumns = 'consumer, stream, position, version, event_id, type, error, stack, attempts, at, tried_by';
const skippedColumns = 'consumer, stream, position, version, event_id, type, error, stack, attempts, at, reason';

export function makePostgresCheckpoints({ schema, transaction }: PostgresCheckpointsOptions): CheckpointStore<SqlExecutor> {
  const name = schemaName(schema);
  // A SELECT to the outside: drivers answer rows for it, where they answer an UPDATE each in its own way.
  const moveWith = (columns: string): string =>
    // Locked in one order: replicas that move several at once would wait for each other for ever.
    `with locked as (select bucket from ${name}.checkpoint where consumer = $1 and bucket = any($2::int[]) order by bucket for update),
     moved as (
       update ${name}.checkpoint c set position = m.position, generation = m.generation, build = m.build, revision = c.revision + 1
       from unnest($2::int[], $3::bigint[], $4::bigint[], $5::uuid[], $6::int[]) m(bucket, revision, position, generation, build)
       join locked on locked.bucket = m.bucket
       where c.consumer = $1 and c.bucket = m.bucket and c.revision = m.revision returning c.bucket
     ) select ${columns} from moved`;
  const moveSql = moveWith('bucket');
  const advanceSql = prepared(`advance ${schema}`, moveWith("bucket, set_config('synchronous_commit', 'off', true)"));
  const read = async (tx: SqlExecutor, consumer: string): Promise<ConsumerState> => ({
    checkpoints: await checkpointsOf(tx, name, consumer),
    parked: await parkedOf(tx, name, consumer),
  });
  const load = (consumer: string, generation: string): Promise<ConsumerState> =>
    transaction(async (tx) => {
      await tx.query(
        `insert into ${name}.checkpoint (consumer, bucket, position, generation) select $1, b, 0, $2::uuid from generate_series(0, $3::int - 1) b on conflict do nothing`,
        [consumer, generation, bucketCount],
      );
      return read(tx, consumer);
    });
  return {
    transaction,
    load,
    async snapshot(consumer, generation, work) {
      await load(consumer, generation);
      return transaction(async (tx) => {
        await tx.query('set transaction isolation level repeatable read');
        return work(tx, await read(tx, consumer));
      });
    },
    read,
    async lock(tx, consumer) {
      await tx.query(`select from ${name}.checkpoint where consumer = $1 order by bucket for update`, [consumer]);
      return read(tx, consumer);
    },
    async move(tx, consumer, moves) {
      const rows = await tx.query(moveSql, movesIn(consumer, moves));
      return rows.length === moves.length;
    },
    async advance(tx, consumer, moves) {
      const rows = await tx.query<{ bucket: number }>(advanceSql, movesIn(consumer, moves));
      return new Set(rows.map(({ bucket }) => bucket));
    },
    ...makeParking(name, transaction),
    build: (consumer) =>
      transaction(async (tx) => {
        const [row] = await tx.query<{ build: number | null }>(`select max(build) as build from ${name}.checkpoint where consumer = $1`, [consumer]);
        return row?.build ?? undefined;
      }),
    projections: makePostgresProjections(name, transaction),
  };
}

const movesIn = (consumer: string, moves: readonly CheckpointMove[]): unknown[] => [
  consumer,
  moves.map((m) => m.from.bucket),
  moves.map((m) => m.from.revision),
  moves.map((m) => m.position),
  moves.map((m) => m.generation),
  moves.map((m) => m.build ?? m.from.build),
];

type Parking = Pick<CheckpointStore<SqlExecutor>, 'park' | 'unpark' | 'recordSkipped' | 'skipped'>;

function makeParking(name: string, transaction: TransactionRunner<SqlExecutor>): Parking {
  return {
    async park(tx, parked) {
      await tx.query(
        `insert into ${name}.parked_event (${parkedColumns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (consumer, stream) do update set position = excluded.position, version = excluded.version, event_id = excluded.event_id,
           type = excluded.type, error = excluded.error, stack = excluded.stack, attempts = excluded.attempts, at = excluded.at,
           tried_by = excluded.tried_by`,
        [...parkedValues(parked), parked.triedBy],
      );
    },
    async unpark(tx, consumer, stream) {
      await tx.query(`delete from ${name}.parked_event where consumer = $1 and stream = $2`, [consumer, stream]);
    },
    async recordSkipped(tx, skipped) {
      await tx.query(`insert into ${name}.skipped_event (${skippedColumns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing`, [
        ...parkedValues(skipped),
        storableText(skipped.reason),
      ]);
    },
    skipped: (consumer) =>
      transaction(async (tx) => {
        const rows = await tx.query<{ event_id: string }>(`select event_id from ${name}.skipped_event where consumer = $1`, [consumer]);
        return rows.map((row) => row.event_id);
      }),
  };
}

async function checkpointsOf(tx: SqlExecutor, name: string, consumer: string): Promise<Checkpoint[]> {
  type Row = { bucket: number; position: string; generation: string; revision: string; build: number };
  const rows = await tx.query<Row>(`select bucket, position, generation, revision, build from ${name}.checkpoint where consumer = $1 order by bucket`, [
    consumer,
  ]);
  return rows.map((row): Checkpoint => ({ ...row, position: Number(row.position), revision: Number(row.revision) }));
}

async function parkedOf(tx: SqlExecutor, name: string, consumer: string): Promise<ParkedStream[]> {
  type Row = Omit<ParkedStream, 'position' | 'eventId' | 'triedBy'> & { position: string; event_id: string; tried_by: string };
  const rows = await tx.query<Row>(
    `select consumer, stream, position, version, event_id, type, error, stack, attempts, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, tried_by
     from ${name}.parked_event where consumer = $1 order by position`,
    [consumer],
  );
  return rows.map(({ event_id: eventId, tried_by: triedBy, position, ...row }) => ({ ...row, position: Number(position), eventId, triedBy }));
}

function parkedValues(parked: ParkedStream): unknown[] {
  const { consumer, stream, position, version, eventId, type, error, stack, attempts, at } = parked;
  return [consumer, stream, position, version, eventId, type, storableText(error), storableText(stack), attempts, at];
}

function schemaName(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return schema;
  throw new AppError('invalid-argument', `schema ${JSON.stringify(schema)}: give lower-case letters, digits and underscores`);
}
