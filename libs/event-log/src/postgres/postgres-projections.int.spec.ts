import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { makeLocalAnnouncements } from '../announce.ts';
import { runConsumer, type RunConsumerOptions } from '../consumer/run-consumer.ts';
import { newEvent } from '../contract/sample-events.ts';
import type { Consumer, ProjectionTable, RunningConsumer, SqlExecutor } from '../port.ts';
import { migrateEventLog } from './migrate.ts';
import { makePostgresCheckpoints, migrateConsumers } from './postgres-checkpoints.ts';
import { makePostgresEventLog, type PostgresEventLog } from './postgres-event-log.ts';
import { openPool, sqlExecutorOf, transactionsOf } from './sql-executor.ts';

const server = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const database = `projections_${randomUUID().replaceAll('-', '')}`;
const url = Object.assign(new URL(server), { pathname: `/${database}` }).href;
let pool: Pool;
let log: PostgresEventLog;
let announcements: ReturnType<typeof makeLocalAnnouncements>;

async function onServer(...statements: string[]): Promise<void> {
  const admin = openPool(server, { connections: 1 });
  for (const sql of statements) await admin.query(sql);
  await admin.end();
}

const tables: readonly ProjectionTable[] = [
  {
    name: 'tally',
    ddl: [
      'create table if not exists tally (stream text primary key, events integer not null, last bigint not null)',
      'create index if not exists tally_last on tally (last)',
    ],
  },
  { name: 'seen', ddl: ['create table if not exists seen (type text primary key)'] },
];

/** Counts the events of each stream. */
const tally: Consumer = {
  name: 'shop.tally',
  tables,
  async apply(events, tx) {
    const streams = Map.groupBy(events, (event) => event.stream);
    const rows = [...streams].map(([stream, own]) => [stream, own.length, own.at(-1)?.position]);
    await tx.query(
      `insert into tally select * from unnest($1::text[], $2::int[], $3::bigint[])
       on conflict (stream) do update set events = tally.events + excluded.events, last = excluded.last`,
      [0, 1, 2].map((column) => rows.map((row) => row[column])),
    );
    await tx.query('insert into seen select unnest($1::text[]) on conflict do nothing', [[...new Set(events.map((event) => event.type))]]);
  },
};

beforeAll(async () => {
  await onServer(`create database ${database}`, `alter database ${database} set search_path = shop`);
  pool = openPool(url, { connections: 20 });
});
afterAll(async () => {
  await pool.end();
  await onServer(`drop database ${database} with (force)`);
});
beforeEach(async () => {
  await pool.query('drop schema if exists log cascade');
  await pool.query('drop schema if exists shop cascade');
  await migrateEventLog(pool);
  await migrateConsumers(sqlExecutorOf(pool), 'shop');
  announcements = makeLocalAnnouncements();
  log = makePostgresEventLog({ connection: pool, announce: announcements.announce });
});

async function run(consumer: Consumer = tally, options: Partial<RunConsumerOptions<SqlExecutor>> = {}): Promise<RunningConsumer> {
  const checkpoints = makePostgresCheckpoints({ schema: 'shop', transaction: log.announcing(transactionsOf(pool)) });
  const running = await runConsumer({ log, announcements, checkpoints, consumer, clock: Date.now, ...options });
  onTestFinished(() => running.stop());
  return running;
}

async function append(count: number, streams = 50): Promise<void> {
  for (let first = 0; first < count; first += 1_000) {
    const size = Math.min(1_000, count - first);
    const parts = Array.from({ length: Math.min(streams, size) }, (_, i) => i);
    await log.append(
      parts.map((i) => ({ stream: `thing-${i}`, events: Array.from({ length: Math.ceil((size - i) / streams) }, () => newEvent('Counted', { first })) })),
    );
  }
}

const counted = async (): Promise<number> => Number((await pool.query<{ sum: string }>('select coalesce(sum(events), 0) as sum from shop.tally')).rows[0]?.sum);

describe('a projection in PostgreSQL', () => {
  it.each([
    ['dropped', 'drop table shop.tally', ['tally']],
    ['without a column', 'alter table shop.tally drop column last', ['tally.last']],
    ['with a column of another type', 'alter table shop.tally alter events type bigint', ['tally.events']],
  ])('whose table is %s is made anew at the start', async (_what, sql, lost) => {
    const first = await run();
    await append(300);
    await first.waitFor(300, 20_000);
    await first.stop();
    await pool.query(sql);
    const told: unknown[] = [];
    const noise = { debug: () => undefined, info: () => undefined, warn: () => undefined };
    const logger = { ...noise, error: (_message: string, fields?: object) => void told.push(fields), child: () => logger };
    const second = await run(tally, { logger });
    await second.waitFor(300, 20_000);
    expect(told).toEqual([{ consumer: 'shop.tally', lost }]);
    expect(await counted()).toBe(300);
    expect(await second.parked()).toEqual([]);
    expect(await second.compare()).toMatchObject({ differences: 0 });
  });

  it('whose table is dropped while it runs is made anew, and parks nothing', async () => {
    const consumer = await run();
    await append(300);
    await consumer.waitFor(300, 20_000);
    await pool.query('drop table shop.tally');
    await append(200);
    await consumer.waitFor(500, 20_000);
    expect(await consumer.parked()).toEqual([]);
    expect(await counted()).toBe(500);
    const { rows } = await pool.query(`select indexname as name from pg_indexes where schemaname = 'shop' and tablename = 'tally' order by 1`);
    expect(rows).toEqual([{ name: 'tally_last' }, { name: 'tally_pkey' }]);
  });

  it('whose table is dropped while nothing happens is made anew for its readers', async () => {
    const consumer = await run();
    await append(300);
    await consumer.waitFor(300, 20_000);
    await pool.query('drop table shop.tally');
    await expect.poll(() => counted().catch(() => 0), { timeout: 20_000 }).toBe(300);
  });

  it('that misses a table which is none of its own parks the stream, as with any other mistake', async () => {
    const consumer = await run(
      { ...tally, apply: async (_events, tx) => void (await tx.query('select from nowhere')) },
      {
        timer: (delayMs, then) => {
          const timeout = setTimeout(then, delayMs / 50);
          return () => clearTimeout(timeout);
        },
      },
    );
    await append(1);
    await consumer.waitFor(1, 500_000);
    expect(await consumer.parked()).toMatchObject([{ stream: 'thing-0', error: expect.stringContaining('nowhere') }]);
  });

  it('shows the old tables or the new ones to a reader, never an empty or half of one, over many rebuilds', async () => {
    const consumer = await run();
    await append(400);
    await consumer.waitFor(400, 20_000);
    const over = new AbortController();
    const seen = new Set<number>();
    const reading = (async () => {
      while (!over.signal.aborted) seen.add(await counted());
    })();
    for (let round = 0; round < 5; round++) await consumer.rebuild();
    over.abort();
    await reading;
    expect([...seen]).toEqual([400]);
    const { rows } = await pool.query(`select nspname from pg_namespace where nspname like 'shop_%'`);
    expect(rows).toEqual([]);
  });

  it('tells the primary keys of rows that differ, and no more of them', async () => {
    const consumer = await run();
    await append(400);
    await consumer.waitFor(400, 20_000);
    await pool.query(`update shop.tally set events = 7 where stream in ('thing-3', 'thing-4')`);
    await pool.query(`delete from shop.seen`);
    expect(await consumer.compare()).toMatchObject({ rows: 50, differences: 5, sample: ['tally thing-3', 'tally thing-4', 'seen Counted'] });
    expect(await counted()).not.toBe(400);
  });

  it('is not swapped by a process that was stopped for too long while another one took over', async () => {
    const consumer = await run(tally, { owner: 'awake' });
    await append(100);
    await consumer.waitFor(100, 20_000);
    const gate = Promise.withResolvers<void>();
    onTestFinished(() => gate.resolve());
    const slow = await run(tally, {
      owner: 'asleep',
      timer: () => () => undefined,
      log: { ...log, readFeed: async (query) => (query.after === 0 && (await gate.promise), log.readFeed(query)) },
    });
    const rebuilding = slow.rebuild();
    const code = rebuilding.catch((error: unknown) => (error as { code: string }).code);
    await expect.poll(async () => (await consumer.status()).run?.owner).toBe('asleep');
    await pool.query(`update shop.projection_run set at = at - interval '1 minute'`);
    await consumer.rebuild();
    gate.resolve();
    expect(await code).toBe('conflict');
    expect(await counted()).toBe(100);
    expect((await consumer.status()).run).toMatchObject({ owner: 'awake', state: 'done' });
  });

  it('is replayed in pages of one transaction', async () => {
    const consumer = await run();
    await append(30_000);
    await consumer.waitFor(30_000, 60_000);
    await consumer.rebuild();
    const { run: last } = await consumer.status();
    expect(last).toMatchObject({ position: 30_000, head: 30_000, state: 'done' });
    expect(await counted()).toBe(30_000);
    if (process.env['MEASURE'] !== undefined) process.stdout.write(`${JSON.stringify(last)}\n`);
  });
});
