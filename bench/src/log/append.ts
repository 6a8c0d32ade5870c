import { performance } from 'node:perf_hooks';
import { canonicalJson } from '@plumbline/contracts';
import { makePostgresEventLog, migrateEventLog, openPool, sqlExecutorOf, type SqlExecutor, type StreamAppend } from '@plumbline/event-log';
import { print, summary } from '../measure.ts';
import { sampleBatch } from './sample.ts';

const batchSizes = [100, 500];
/** Bare and ours in turn, so that what else the machine does falls on both. */
const roundsMax = 12;
const roundMs = 500;
const singles = 400;

/** Appends per second in batches, and the latency of one alone; beside each the bare inserts of the same rows. */
export async function benchAppend(databaseUrl: string): Promise<void> {
  const pool = openPool(databaseUrl, { connections: 4 });
  const executor = sqlExecutorOf(pool);
  await migrateEventLog(pool);
  await makeBareTable(executor);
  const log = makePostgresEventLog({ connection: pool, announce: () => undefined });
  const append = async (batch: readonly StreamAppend[]): Promise<void> => void (await log.append(batch));
  try {
    for (const size of batchSizes) {
      const ours = { events: 0, ms: 0 };
      const bare = { events: 0, ms: 0 };
      for (let round = 0; round < roundsMax; round++) {
        await measure(bare, size, (batch) => insertBare(executor, batch));
        await measure(ours, size, append);
      }
      const perSecond = { bare: rate(bare), append: rate(ours) };
      print(`calibration: bare unnest inserts of ${size}, same columns, primary key, unique (stream, version) and index (id), events/s`, {
        perSecond: perSecond.bare,
      });
      print(`log: appends of ${size} events, one after the other, events/s`, {
        perSecond: perSecond.append,
        ofBare: Math.round((perSecond.append / perSecond.bare) * 100) / 100,
      });
    }
    print('calibration: one bare insert after the other, ms', summary(await latencies((batch) => insertBare(executor, batch))));
    print('log: one append of one event after the other, ms', summary(await latencies(append)));
  } finally {
    await log.close();
    await pool.end();
  }
}

async function measure(sum: { events: number; ms: number }, size: number, write: (batch: readonly StreamAppend[]) => Promise<void>): Promise<void> {
  const batches = Array.from({ length: Math.ceil(20_000 / size) }, () => sampleBatch(size));
  const started = performance.now();
  for (const batch of batches) {
    await write(batch);
    sum.events += size;
    if (performance.now() - started > roundMs) break;
  }
  sum.ms += performance.now() - started;
}

const rate = ({ events, ms }: { events: number; ms: number }): number => Math.round((events / ms) * 1000);

async function latencies(write: (batch: readonly StreamAppend[]) => Promise<void>): Promise<number[]> {
  const values: number[] = [];
  for (let round = 0; round < singles; round++) {
    const batch = sampleBatch(1);
    const started = performance.now();
    await write(batch);
    values.push(performance.now() - started);
  }
  return values;
}

async function makeBareTable(executor: SqlExecutor): Promise<void> {
  await executor.query(`create table bare_event (
    position bigint primary key, id uuid not null, stream text not null, version integer not null, type text not null,
    metadata text not null, data text not null, at timestamptz not null, hash bytea not null)`);
  await executor.query('create unique index on bare_event (stream, version)');
  await executor.query('create index on bare_event (id)');
}

let position = 0;
const hash = '\\x' + 'ab'.repeat(32);

async function insertBare(executor: SqlExecutor, batch: readonly StreamAppend[]): Promise<void> {
  const columns: [number[], string[], string[], number[], string[], string[], string[]] = [[], [], [], [], [], [], []];
  for (const { stream, events } of batch) {
    for (const { id, type, metadata, data } of events) {
      position++;
      [position, id, stream, position, type, canonicalJson(metadata), canonicalJson(data)].forEach((value, index) => (columns[index] as unknown[]).push(value));
    }
  }
  await executor.query(
    `insert into bare_event select *, now(), '${hash}'::bytea
     from unnest($1::bigint[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[])`,
    columns,
  );
}
