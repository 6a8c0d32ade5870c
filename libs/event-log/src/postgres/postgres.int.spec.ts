import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeLocalAnnouncements } from '../announce.ts';
import { verifyChain } from '../chain.ts';
import { runConsumer } from '../consumer/run-consumer.ts';
import { describeEventLog } from '../contract.ts';
import { newEvent, sampleUpcast } from '../contract/sample-events.ts';
import { triesMax } from '../limits.ts';
import type { SqlExecutor } from '../port.ts';
import { applied, makeTestDatabase, type TestDatabase } from './fixture/test-database.ts';
import { migrateEventLog } from './migrate.ts';
import { makePostgresCheckpoints } from './postgres-checkpoints.ts';
import { makePostgresEventLog } from './postgres-event-log.ts';
import { makePostgresLeases } from './postgres-leases.ts';
import { openPool, sqlExecutorOf, transactionsOf } from './sql-executor.ts';

let database: TestDatabase;
let pool: Pool;
let url: string;

beforeAll(async () => {
  database = await makeTestDatabase();
  ({ pool, url } = database);
});

afterAll(() => database.drop());

const emptyLog = (): Promise<void> => database.emptyLog();
const behindTheTrigger = (...statements: string[]): Promise<void> => database.behindTheTrigger(...statements);

describeEventLog<SqlExecutor>('PostgreSQL', async () => {
  await emptyLog();
  const announcements = makeLocalAnnouncements();
  const log = makePostgresEventLog({ connection: pool, announce: announcements.announce, upcast: sampleUpcast });
  return {
    log,
    leases: makePostgresLeases(sqlExecutorOf(pool)),
    announcements,
    checkpoints: makePostgresCheckpoints({ schema: 'projections', transaction: log.announcing(transactionsOf(pool)) }),
    projection: {
      async add(tx, event) {
        await tx.query('insert into applied (id) values ($1)', [event.id]);
      },
      tables: [applied],
      read: async (tx) => (await tx.query<{ id: string }>('select id from applied order by n')).map((row) => row.id),
      async ids() {
        const { rows } = await pool.query<{ id: string }>('select id from projections.applied order by n');
        return rows.map((row) => row.id);
      },
    },
    tamper: (position) => behindTheTrigger(`update log.event set data = '{"changed":true}' where position = ${position}`),
    recoverTo: (position) =>
      behindTheTrigger(
        `delete from log.event where position > ${position}`,
        'delete from log.stream',
        'insert into log.stream select stream, max(version) from log.event group by stream',
        `update log.head set position = ${position}, hash = (select hash from log.event where position = ${position})`,
        'select log.begin_generation()',
      ),
    async dropFirstThree() {
      await pool.query('insert into log.export select 1, 3, hash, now(), now() from log.event where position = 3');
      await pool.query('select log.drop_partition(1)');
    },
    async crash(tx) {
      await tx.query('select pg_terminate_backend(pg_backend_pid())');
    },
    forbidden: [
      "update log.event set data = 'null'",
      'delete from log.event',
      'update log.event_from_1 set version = 2',
      'delete from log.event_from_1',
      'truncate log.event',
      'truncate log.event_from_1',
    ].map((what) => ({ what, run: () => pool.query(what) })),
    close: () => log.close(),
  };
});

describe('event log: PostgreSQL only', () => {
  const quiet = { announce: () => undefined };

  it('is migrated by many at once, and again without touching what is there', async () => {
    await pool.query('drop schema if exists log cascade');
    await Promise.all(Array.from({ length: 5 }, () => migrateEventLog(pool)));
    const log = makePostgresEventLog({ connection: url, ...quiet });
    await log.append([{ stream: 'a-1', events: [newEvent()] }]);
    await migrateEventLog(pool);
    expect((await log.head()).position).toBe(1);
    await log.close();
  });

  it('goes on into the next partition, within one append too', async () => {
    await emptyLog();
    await pool.query('select log.add_partition(2)');
    const log = makePostgresEventLog({ connection: pool, ...quiet });
    const recorded = await log.append([{ stream: 'a-1', events: Array.from({ length: 7 }, () => newEvent()) }]);
    expect((await log.readFeed({ after: 0, limit: 10 })).events).toEqual(recorded);
    const again = await log.append([{ stream: 'a-1', events: recorded.map(({ id, type, data, metadata }) => ({ id, type, data, metadata })) }]);
    expect(again).toEqual(recorded);
    const { rows } = await pool.query("select inhrelid::regclass::text as name from pg_inherits where inhparent = 'log.event'::regclass order by 1");
    expect(rows).toEqual([{ name: 'log.event_from_1' }, { name: 'log.event_from_4' }, { name: 'log.event_from_6' }]);
    expect(await verifyChain(log)).toMatchObject({ isIntact: true, position: 7 });
  });

  it('lets only the one fail that PostgreSQL refuses, of those that went together', async () => {
    await emptyLog();
    await pool.query(
      "create function log.refuse_poison() returns trigger language plpgsql as $$ begin if new.type = 'Poison' then raise 'poison'; end if; return new; end $$",
    );
    await pool.query('create trigger poison before insert on log.event for each row execute function log.refuse_poison()');
    const log = makePostgresEventLog({ connection: pool, ...quiet });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 9 }, (_, i) => log.append([{ stream: `a-${i}`, events: [newEvent(i === 4 ? 'Poison' : 'Fine')] }])),
    );
    expect(outcomes.map((outcome) => outcome.status === 'fulfilled')).toEqual(outcomes.map((_, i) => i !== 4));
    expect(outcomes[4]).toMatchObject({ reason: { code: 'internal', message: expect.stringContaining('poison') } });
    expect((await log.head()).position).toBe(8);
  });

  it('says unavailable, to be tried later, when PostgreSQL is not there', async () => {
    const log = makePostgresEventLog({ connection: 'postgres://postgres@127.0.0.1:1/none', ...quiet });
    await expect(log.append([{ stream: 'a-1', events: [newEvent()] }])).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    await expect(log.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'unavailable' });
    await log.close();
  });

  it('does not wait for ever behind a stuck writer', async () => {
    await emptyLog();
    const log = makePostgresEventLog({ connection: pool, ...quiet });
    await pool.query("alter function log.append set lock_timeout = '50ms'");
    await log.transaction(async (tx) => {
      await log.append([{ stream: 'a-1', events: [newEvent()] }], { tx });
      await expect(log.append([{ stream: 'b-1', events: [newEvent()] }])).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    });
    await expect(log.append([{ stream: 'b-1', events: [newEvent()] }])).resolves.toMatchObject([{ position: 2 }]);
  });

  it('refuses to call a transaction committed that PostgreSQL rolled back', async () => {
    await emptyLog();
    const log = makePostgresEventLog({ connection: pool, ...quiet });
    const lost = log.transaction(async (tx) => {
      await log.append([{ stream: 'a-1', events: [newEvent()] }], { tx });
      await tx.query('select 1/0').catch(() => undefined);
    });
    await expect(lost).rejects.toMatchObject({ code: 'internal' });
    expect((await log.head()).position).toBe(0);
  });

  it('has a consumer outlive an outage without parking anything', async () => {
    await emptyLog();
    const announcements = makeLocalAnnouncements();
    const own = openPool(url, { connections: 4, applicationName: 'consumer under test' });
    const log = makePostgresEventLog({ connection: own, announce: announcements.announce });
    const told: string[] = [];
    const consumer = await runConsumer({
      log,
      announcements,
      checkpoints: makePostgresCheckpoints({ schema: 'projections', transaction: log.announcing(transactionsOf(own)) }),
      clock: Date.now,
      timer: (delayMs, run) => {
        const timeout = setTimeout(run, delayMs / 50);
        return () => clearTimeout(timeout);
      },
      consumer: {
        name: 'test.outage',
        async apply(events, tx) {
          for (const event of events) await tx.query('insert into projections.applied (id) values ($1)', [event.id]);
        },
        committed: (events) => void told.push(...events.map((event) => event.id)),
      },
    });
    const kill = async (): Promise<void> =>
      void (await pool.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'consumer under test'"));
    for (let round = 0; round < 20; round++) {
      const event = newEvent();
      const append = (): Promise<unknown> => log.append([{ stream: `a-${round % 4}`, events: [event] }]);
      // Each of the pool's connections may turn out to be one of the killed, and one more may be on its way.
      const appended = Array.from({ length: 8 }).reduce<Promise<unknown>>((tried) => tried.catch(append), append());
      await Promise.all([appended, kill()]);
    }
    await consumer.waitFor(20, 500_000);
    expect(await consumer.parked()).toEqual([]);
    const { rows } = await pool.query('select id from projections.applied');
    expect(rows).toHaveLength(20);
    await consumer.stop();
    await own.end();
  });

  // Remembers that a full disk counted as a fault of the event: what was applied found no room, the note that its stream
  // is parked did, and it waited for an operator when there was room again.
  it('has a consumer outlive a full disk without parking anything', async () => {
    await emptyLog();
    const announcements = makeLocalAnnouncements();
    const log = makePostgresEventLog({ connection: pool, announce: announcements.announce });
    let isFull = true;
    let refused = 0;
    const consumer = await runConsumer({
      log,
      announcements,
      checkpoints: makePostgresCheckpoints({ schema: 'projections', transaction: transactionsOf(pool) }),
      clock: Date.now,
      timer: (delayMs, run) => {
        const timeout = setTimeout(run, delayMs / 50);
        return () => clearTimeout(timeout);
      },
      consumer: {
        name: 'test.full',
        async apply(events, tx) {
          if (isFull) refused++;
          if (isFull) await tx.query(`do $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$`);
          for (const event of events) await tx.query('insert into projections.applied (id) values ($1)', [event.id]);
        },
      },
    });
    await log.append([{ stream: 'a-1', events: [newEvent()] }]);
    await expect.poll(() => refused, { timeout: 20_000 }).toBeGreaterThan(triesMax);
    isFull = false;
    await consumer.waitFor(1, 20_000);
    expect(await consumer.parked()).toEqual([]);
    expect((await pool.query('select id from projections.applied')).rows).toHaveLength(1);
    await consumer.stop();
  });
});
