import { randomBytes, randomUUID } from 'node:crypto';
import { makeMemoryBus, makeMemoryNetwork } from '@plumbline/bus';
import { silentLogger } from '@plumbline/contracts';
import {
  makeLocalAnnouncements,
  makePostgresCheckpoints,
  makePostgresEventLog,
  migrateConsumers,
  migrateEventLog,
  openPool,
  sqlExecutorOf,
  transactionsOf,
} from '@plumbline/event-log';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { openConsumers } from './consumers.ts';
import { makeEventMaker } from './event-maker.ts';

const server = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const database = `consumers_${randomUUID().replaceAll('-', '')}`;
const pool = openPool(Object.assign(new URL(server), { pathname: `/${database}` }).href, { connections: 10 });
const gauges = new Map<string, number>();
const errors: string[] = [];

async function onServer(...statements: string[]): Promise<void> {
  const admin = openPool(server, { connections: 1 });
  for (const sql of statements) await admin.query(sql);
  await admin.end();
}

beforeAll(async () => {
  await onServer(`create database ${database}`, `alter database ${database} set search_path = shop`);
  await migrateEventLog(pool);
  await migrateConsumers(sqlExecutorOf(pool), 'shop');
});
afterAll(async () => {
  await pool.end();
  await onServer(`drop database ${database} with (force)`);
});

it('compares each projection once a day, says what it found in the log, and repairs nothing', async () => {
  const announcements = makeLocalAnnouncements();
  const eventLog = makePostgresEventLog({ connection: pool, announce: announcements.announce });
  const event = makeEventMaker('shop');
  const open = (instance: string) =>
    openConsumers({
      service: 'shop',
      config: { instance, version: '1', key: randomBytes(32) },
      log: { ...silentLogger, error: (message) => void errors.push(message) },
      metrics: { count: () => undefined, observeMs: () => undefined, gauge: (name, value) => void gauges.set(name, value) },
      clock: Date.now,
      bus: makeMemoryBus(makeMemoryNetwork()),
      eventLog,
      announcements,
      checkpoints: makePostgresCheckpoints({ schema: 'shop', transaction: eventLog.announcing(transactionsOf(pool)) }),
      event,
      compareCheckMs: 50,
    });
  const replicas = [open('shop-0'), open('shop-1')];
  onTestFinished(async () => void (await Promise.all(replicas.map((replica) => replica.stop()))));
  await pool.query('create table thing (stream text primary key)');
  for (const replica of replicas) {
    await replica.consume({
      name: 'shop.things',
      types: ['ThingMade'],
      tables: [{ name: 'thing', ddl: ['create table if not exists thing (stream text primary key)'] }],
      apply: async (events, tx) =>
        void (await tx.query('insert into thing select unnest($1::text[]) on conflict do nothing', [events.map(({ stream }) => stream)])),
    });
  }
  await eventLog.append([{ stream: 'thing-1', events: [event('ThingMade', {}, { cause: '1' })] }]);
  await expect.poll(async () => (await pool.query('select stream from thing')).rows).toEqual([{ stream: 'thing-1' }]);
  const said = async () => (await eventLog.readFeed({ after: 0, limit: 100 })).events.filter(({ type }) => type === 'ProjectionCompared');
  expect(await said()).toEqual([]);

  await pool.query(`insert into thing values ('thing-2')`);
  await pool.query(`update projection_run set started_at = started_at - interval '26 hours'`);
  await expect.poll(said).toMatchObject([
    {
      stream: expect.stringMatching(/^service-shop\/shop-[01]$/),
      data: { consumer: 'shop.things', rows: 2, differences: 1, sample: ['thing thing-2'] },
      metadata: { actor: 'system:shop' },
    },
  ]);
  expect(gauges.get('projection_differences')).toBe(1);
  expect(errors).toEqual([expect.stringContaining('not what the log makes of it')]);
  expect((await pool.query('select stream from thing')).rows).toHaveLength(2);
  // Both replicas look many times more, and find that it was done.
  await pool.query('select pg_sleep(0.5)');
  expect(await said()).toHaveLength(1);
});
