import { AppError } from '@plumbline/contracts';
import type { Checkpoint, CheckpointStore } from '../consumer/checkpoints.ts';
import { bucketCount } from '../limits.ts';
import type { ParkedStream, SqlExecutor } from '../port.ts';
import type { TransactionRunner } from './sql-executor.ts';

/** Creates the checkpoint tables in a service's own schema; any number of times. */
export async function migrateConsumers(executor: SqlExecutor, schema: string): Promise<void> {
  const name = schemaName(schema);
  await executor.query(`create schema if not exists ${name}`);
  await executor.query(`create table if not exists ${name}.checkpoint (
    consumer text not null, bucket integer not null, position bigint not null, generation uuid not null, revision bigint not null default 0,
    primary key (consumer, bucket)) with (fillfactor = 50)`);
  await executor.query(`create table if not exists ${name}.parked_event (
    consumer text not null, stream text not null, position bigint not null, version integer not null, event_id uuid not null, type text not null,
    error text not null, stack text not null, attempts integer not null, at timestamptz not null, primary key (consumer, stream))`);
  await executor.query(`create table if not exists ${name}.skipped_event (
    consumer text not null, stream text not null, position bigint not null, version integer not null, event_id uuid not null, type text not null,
    error text not null, stack text not null, attempts integer not null, at timestamptz not null, reason text not null,
    primary key (consumer, position))`);
}

export interface PostgresCheckpointsOptions {
  /** The schema given to `migrateConsumers`. */
  schema: string;
  /** Of the service's database connections, wrapped by the log's `announcing` if consumers append. */
  transaction: TransactionRunner<SqlExecutor>;
}

const parkedColumns = 'consumer, stream, position, version, event_id, type, error, stack, attempts, at';

export function makePostgresCheckpoints({ schema, transaction }: PostgresCheckpointsOptions): CheckpointStore<SqlExecutor> {
  const name = schemaName(schema);
  return {
    transaction,
    load: (consumer, generation) =>
      transaction(async (tx) => {
        await tx.query(
          `insert into ${name}.checkpoint (consumer, bucket, position, generation) select $1, b, 0, $2::uuid from generate_series(0, $3::int - 1) b on conflict do nothing`,
          [consumer, generation, bucketCount],
        );
        const rows = await tx.query<{ bucket: number; position: string; generation: string; revision: string }>(
          `select bucket, position, generation, revision from ${name}.checkpoint where consumer = $1 order by bucket`,
          [consumer],
        );
        const checkpoints = rows.map((row): Checkpoint => ({ ...row, position: Number(row.position), revision: Number(row.revision) }));
        return { checkpoints, parked: await parkedOf(tx, name, consumer) };
      }),
    async move(tx, consumer, moves) {
      const rows = await tx.query(
        // A SELECT to the outside: drivers answer rows for it, where they answer an UPDATE each in its own way.
        `with moved as (
           update ${name}.checkpoint c set position = m.position, generation = m.generation, revision = c.revision + 1
           from unnest($2::int[], $3::bigint[], $4::bigint[], $5::uuid[]) m(bucket, revision, position, generation)
           where c.consumer = $1 and c.bucket = m.bucket and c.revision = m.revision returning c.bucket
         ) select bucket from moved`,
        [consumer, moves.map((m) => m.from.bucket), moves.map((m) => m.from.revision), moves.map((m) => m.position), moves.map((m) => m.generation)],
      );
      return rows.length === moves.length;
    },
    async park(tx, parked) {
      await tx.query(
        `insert into ${name}.parked_event (${parkedColumns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (consumer, stream) do update set position = excluded.position, version = excluded.version, event_id = excluded.event_id,
           type = excluded.type, error = excluded.error, stack = excluded.stack, attempts = excluded.attempts, at = excluded.at`,
        parkedValues(parked),
      );
    },
    async unpark(tx, consumer, stream) {
      await tx.query(`delete from ${name}.parked_event where consumer = $1 and stream = $2`, [consumer, stream]);
    },
    async recordSkipped(tx, skipped) {
      await tx.query(
        `insert into ${name}.skipped_event (${parkedColumns}, reason) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing`,
        [...parkedValues(skipped), skipped.reason],
      );
    },
  };
}

async function parkedOf(tx: SqlExecutor, name: string, consumer: string): Promise<ParkedStream[]> {
  type Row = Omit<ParkedStream, 'position' | 'eventId'> & { position: string; event_id: string };
  const rows = await tx.query<Row>(
    `select consumer, stream, position, version, event_id, type, error, stack, attempts, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
     from ${name}.parked_event where consumer = $1 order by position`,
    [consumer],
  );
  return rows.map(({ event_id: eventId, position, ...row }) => ({ ...row, position: Number(position), eventId }));
}

function parkedValues(parked: ParkedStream): unknown[] {
  const { consumer, stream, position, version, eventId, type, error, stack, attempts, at } = parked;
  return [consumer, stream, position, version, eventId, type, storable(error), storable(stack), attempts, at];
}

/** PostgreSQL's text has no NUL, and an error's message may hold anything. */
const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed();

function schemaName(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return schema;
  throw new AppError('invalid-argument', `schema ${JSON.stringify(schema)}: give lower-case letters, digits and underscores`);
}
