import { AppError } from '@plumbline/contracts';
import type { ArchiveHeader } from '../archive/archive.ts';
import type { SqlExecutor } from '../port.ts';

/** A part of the log that can be exported and dropped as one. */
export interface LogPartition {
  /** Names it. */
  first: number;
  /** Last position that belongs into it. */
  last: number;
  /** RFC 3339, UTC; undefined while it is empty. */
  from: string | undefined;
  to: string | undefined;
  sizeBytes: number;
  /** False: the head is in it, or it is still empty. */
  isFull: boolean;
  exported: 'no' | 'not verified' | 'verified';
}

const time = (expression: string): string => `to_char(${expression} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;

/** All partitions, the oldest first. */
export async function listPartitions(executor: SqlExecutor): Promise<LogPartition[]> {
  type Row = { first: string; last: string; from: string | null; to: string | null; size: string; is_full: boolean; exported: LogPartition['exported'] };
  const rows = await executor.query<Row>(
    `with part as (
       select c.oid, substr(c.relname, length('event_from_') + 1)::bigint as first
       from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'log.event'::regclass
     ), bounds as (
       select p.*, coalesce(lead(p.first) over (order by p.first) - 1, h.capacity) as last, h.position as head from part p cross join log.head h
     )
     select b.first, b.last, b.last < b.head as is_full, pg_total_relation_size(b.oid) as size,
       (select ${time('e.at')} from log.event e where e.position between b.first and b.last order by e.position limit 1) as from,
       (select ${time('e.at')} from log.event e where e.position between b.first and b.last order by e.position desc limit 1) as to,
       case when x.first_position is null then 'no' when x.verified_at is null then 'not verified' else 'verified' end as exported
     from bounds b left join log.export x on x.first_position = b.first order by b.first`,
  );
  return rows.map((row) => ({
    first: Number(row.first),
    last: Number(row.last),
    from: row.from ?? undefined,
    to: row.to ?? undefined,
    sizeBytes: Number(row.size),
    isFull: row.is_full,
    exported: row.exported,
  }));
}

/** @throws AppError `not-found` with the partitions that there are */
export async function findPartition(executor: SqlExecutor, first: number): Promise<LogPartition> {
  const partitions = await listPartitions(executor);
  const found = partitions.find((partition) => partition.first === first);
  if (found !== undefined) return found;
  throw new AppError('not-found', `no partition begins at position ${first}; there are ${partitions.map((partition) => partition.first).join(', ')}`);
}

/** Keeps for the record that a partition was written to a file; the file still has to be verified. */
export async function recordExport(executor: SqlExecutor, { first, last, hashAfter }: { first: number; last: number; hashAfter: string }): Promise<void> {
  await executor.query(
    `insert into log.export (first_position, last_position, hash_after) values ($1, $2, decode($3, 'hex'))
     on conflict (first_position) do update set last_position = excluded.last_position, hash_after = excluded.hash_after, exported_at = now(), verified_at = null`,
    [first, last, hashAfter],
  );
}

/**
 * Keeps for the record that a file was read again and found right, if this log has a partition with just these events.
 *
 * @throws AppError `failed-precondition` when it has not
 */
export async function recordVerified(executor: SqlExecutor, header: ArchiveHeader): Promise<void> {
  const rows = await executor.query(
    `update log.export x set verified_at = now() from log.event e
     where x.first_position = $1 and x.last_position = $2 and x.hash_after = decode($3, 'hex') and e.position = $2 and e.hash = x.hash_after
     returning x.first_position`,
    [header.first, header.last, header.hashAfter],
  );
  if (rows.length === 0)
    throw new AppError(
      'failed-precondition',
      `this log has not exported positions ${header.first} to ${header.last} with these events: the file is of another log, or of before an export`,
    );
}

/** A consumer that still needs events up to `position`. */
export interface ConsumerBehind {
  schema: string;
  consumer: string;
  position: number;
}

/** Every consumer of every service whose checkpoints are before a position, or whose parked streams are. */
export async function consumersBehind(executor: SqlExecutor, position: number): Promise<ConsumerBehind[]> {
  const schemas = await executor.query<{ schema: string; has_parked: boolean }>(
    `select c.table_schema as schema, to_regclass(format('%I.parked_event', c.table_schema)) is not null as has_parked
     from information_schema.columns c where c.table_name = 'checkpoint' and c.column_name in ('consumer', 'bucket', 'position', 'generation')
     group by c.table_schema having count(*) = 4 order by 1`,
  );
  const behind: ConsumerBehind[] = [];
  for (const { schema, has_parked: hasParked } of schemas) {
    const name = `"${schema.replaceAll('"', '""')}"`;
    const parked = hasParked ? `union all select consumer, position - 1 from ${name}.parked_event` : '';
    const rows = await executor.query<{ consumer: string; position: string }>(
      `select consumer, min(position) as position from (select consumer, position from ${name}.checkpoint ${parked}) c
       group by consumer having min(position) < $1 order by consumer`,
      [position],
    );
    behind.push(...rows.map((row) => ({ schema, consumer: row.consumer, position: Number(row.position) })));
  }
  return behind;
}

/**
 * Removes the oldest partition. Answers the oldest position that is left.
 *
 * @throws AppError `failed-precondition`: it is the newest, not the oldest, not exported and verified, or a consumer still
 *   needs it
 */
export async function dropPartition(executor: SqlExecutor, first: number): Promise<number> {
  const { last } = await findPartition(executor, first);
  const behind = await consumersBehind(executor, last);
  if (behind.length > 0) {
    const who = behind.map(({ consumer, position }) => `${consumer} at ${position}`).join(', ');
    throw new AppError('failed-precondition', `these consumers have not come past position ${last} yet: ${who}`, { details: { behind } });
  }
  const [row] = await executor.query<{ oldest: string }>('select log.drop_partition($1) as oldest', [first]);
  return Number(row?.oldest);
}

/**
 * To be called once when the database was recovered from an older copy, before the services start: consumers rewind,
 * subscribers are told, leases are free. Answers the new generation.
 */
export async function beginGeneration(executor: SqlExecutor): Promise<string> {
  const [row] = await executor.query<{ generation: string }>('select log.begin_generation() as generation');
  return row?.generation ?? '';
}
