import { performance } from 'node:perf_hooks';
import { bucketOf, makePostgresCheckpoints, makePostgresEventLog, migrateConsumers, migrateEventLog, openPool, runConsumer } from '@plumbline/event-log';
import { sqlExecutorOf, transactionsOf, type PostgresEventLog, type SqlExecutor } from '@plumbline/event-log';
import { print } from '../measure.ts';
import { sampleBatch } from './sample.ts';

const eventsWanted = 60_000;
const pageEvents = 1_000;
const rounds = 3;
/** Of a consumer that never gets there. */
const patienceMs = 300_000;

/** How fast the feed is read: bare rows, through the log, into a fold, into a table. */
export async function benchReplay(databaseUrl: string): Promise<void> {
  const pool = openPool(databaseUrl, { connections: 6 });
  const executor = sqlExecutorOf(pool);
  await migrateEventLog(pool);
  const log = makePostgresEventLog({ connection: pool, announce: () => undefined });
  try {
    for (let { position } = await log.head(); position < eventsWanted; position += 500) await log.append(sampleBatch(500));
    const { position: head } = await log.head();
    print(`calibration: bare reads of all columns but the hash in pages of ${pageEvents}, events/s`, await best(head, () => readBare(executor)));
    print(`log: raw reading in pages of ${pageEvents} (readChain, texts and hashes), events/s`, await best(head, () => readRaw(log)));
    print(`log: readFeed in pages of ${pageEvents} into a pure fold, events/s`, await best(head, () => fold(log)));
    print('log: runConsumer into a table, events/s', await intoTable(log, executor, (work) => transactionsOf(pool)(work)));
  } finally {
    await log.close();
    await pool.end();
  }
}

async function best(events: number, read: () => Promise<unknown>): Promise<{ perSecond: number; events: number }> {
  let shortestMs = Infinity;
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    await read();
    shortestMs = Math.min(shortestMs, performance.now() - started);
  }
  return { perSecond: Math.round((events / shortestMs) * 1000), events };
}

/**
 * Positions are dense, so the next page is asked for while the one before is looked at; ends with a page that isn't full.
 */
async function eachPage<Row>(read: (after: number) => Promise<Row[]>, take: (rows: Row[]) => void): Promise<void> {
  let coming = read(0);
  for (let after = pageEvents; ; after += pageEvents) {
    const rows = await coming;
    if (rows.length === pageEvents) coming = read(after);
    take(rows);
    if (rows.length < pageEvents) return;
  }
}

function readBare(executor: SqlExecutor): Promise<void> {
  const sql = 'select position, id, stream, version, type, metadata, data, at::text from log.event where position > $1 order by position limit $2';
  return eachPage(
    (after) => executor.query(sql, [after, pageEvents]),
    () => undefined,
  );
}

const readRaw = (log: PostgresEventLog): Promise<void> =>
  eachPage(
    (after) => log.readChain({ after, limit: pageEvents }),
    () => undefined,
  );

/** The last known status of each stream: what a projection in memory does. */
async function fold(log: PostgresEventLog): Promise<ReadonlyMap<string, unknown>> {
  const state = new Map<string, unknown>();
  await eachPage(
    async (after) => (await log.readFeed({ after, limit: pageEvents })).events,
    (events) => {
      for (const event of events) state.set(event.stream, { version: event.version, status: (event.data as { status: string }).status });
    },
  );
  return state;
}

async function intoTable(
  log: PostgresEventLog,
  executor: SqlExecutor,
  transaction: <R>(work: (tx: SqlExecutor) => Promise<R>) => Promise<R>,
): Promise<{ perSecond: number; events: number; buckets: number }> {
  await migrateConsumers(executor, 'bench');
  await executor.query('create table bench.latest (stream text primary key, version integer not null, status text not null)');
  const buckets = new Set<number>();
  const { position } = await log.head();
  const started = performance.now();
  const consumer = await runConsumer({
    log,
    announcements: { subscribe: () => () => undefined },
    checkpoints: makePostgresCheckpoints({ schema: 'bench', transaction }),
    clock: Date.now,
    consumer: {
      name: 'bench.latest',
      async apply(events, tx) {
        const latest = new Map(events.map((event) => [event.stream, event]));
        for (const stream of latest.keys()) buckets.add(bucketOf(stream));
        await tx.query(
          `insert into bench.latest select * from unnest($1::text[], $2::int[], $3::text[])
           on conflict (stream) do update set version = excluded.version, status = excluded.status`,
          [
            [...latest.keys()],
            [...latest.values()].map((event) => event.version),
            [...latest.values()].map((event) => (event.data as { status: string }).status),
          ],
        );
      },
    },
  });
  await consumer.waitFor(position, patienceMs);
  const ms = performance.now() - started;
  await consumer.stop();
  return { perSecond: Math.round((position / ms) * 1000), events: position, buckets: buckets.size };
}
