import { performance } from 'node:perf_hooks';
import { canonicalJson } from '@plumbline/contracts';
import { makePostgresEventLog, migrateEventLog, openPool, sqlExecutorOf, type SqlExecutor, type StreamAppend } from '@plumbline/event-log';
import { print, summary } from '../measure.ts';
import { sampleBatch } from './sample.ts';

const batchSizes = [100, 500];
const warmUpEvents = 50_000;
/** Bare and ours in turn, batch by batch, so that what else the machine does falls on both. */
const eventsPerSize = 30_000;
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
    // Later batches find their streams there, as they nearly always do.
    for (let events = 0; events < warmUpEvents; events += 500) await append(sampleBatch(500));
    for (const size of batchSizes) {
      const bare: number[] = [];
      const ours: number[] = [];
      for (let batch = 0; batch < eventsPerSize / size; batch++) {
        const columns = bareColumns(sampleBatch(size));
        bare.push(await timed(() => insertBare(executor, columns)));
        const events = sampleBatch(size);
        ours.push(await timed(() => append(events)));
      }
      const perSecond = { bare: rate(bare, size), append: rate(ours, size) };
      print(`calibration: bare unnest inserts of ${size}, same columns, primary key, unique (stream, version) and index (id), events/s`, {
        perSecond: perSecond.bare,
      });
      print(`log: appends of ${size} events, one after the other, events/s`, {
        perSecond: perSecond.append,
        ofBare: Math.round((perSecond.append / perSecond.bare) * 100) / 100,
      });
    }
    print('calibration: one bare insert after the other, ms', summary(await latencies(bareColumns, (columns) => insertBare(executor, columns))));
    print('log: one append of one event after the other, ms', summary(await latencies((batch) => batch, append)));
  } finally {
    await log.close();
    await pool.end();
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

const rate = (batchesMs: readonly number[], size: number): number =>
  Math.round((batchesMs.length * size * 1000) / batchesMs.reduce((sum, each) => sum + each, 0));

async function latencies<Batch>(make: (batch: StreamAppend[]) => Batch, write: (batch: Batch) => Promise<void>): Promise<number[]> {
  const values: number[] = [];
  for (let round = 0; round < singles; round++) {
    const batch = make(sampleBatch(1));
    values.push(await timed(() => write(batch)));
  }
  return values;
}

async function makeBareTable(executor: SqlExecutor): Promise<void> {
  await executor.query('create table bare_event (like log.event, primary key (position))');
  await executor.query('create unique index on bare_event (stream, version)');
  await executor.query('create index on bare_event (id)');
}

type BareColumns = [number[], string[], string[], number[], string[], string[], string[]];

let position = 0;
const hash = `\\x${'ab'.repeat(32)}`;

/** Rows as they could be sent at once: nothing is checked, serialised, numbered or chained. */
function bareColumns(batch: readonly StreamAppend[]): BareColumns {
  const columns: BareColumns = [[], [], [], [], [], [], []];
  for (const { stream, events } of batch) {
    for (const { id, type, metadata, data } of events) {
      position++;
      [position, id, stream, position, type, canonicalJson(metadata), canonicalJson(data)].forEach((value, index) => (columns[index] as unknown[]).push(value));
    }
  }
  return columns;
}

async function insertBare(executor: SqlExecutor, columns: BareColumns): Promise<void> {
  await executor.query(
    `insert into bare_event select *, now(), '${hash}'::bytea
     from unnest($1::bigint[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[])`,
    columns,
  );
}
