import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedEvent } from '@plumbline/contracts';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { archiveLines, checkArchive } from '../archive/archive.ts';
import { verifyLog } from '../audit/verify-log.ts';
import { runConsumer } from '../consumer/run-consumer.ts';
import { appendOneBy, newEvent } from '../contract/sample-events.ts';
import type { RunningConsumer, SqlExecutor } from '../port.ts';
import { makeLogSigner } from '../signed-head.ts';
import { applied as appliedTable, makeTestDatabase, type TestDatabase } from './fixture/test-database.ts';
import { migrateEventLog } from './migrate.ts';
import { beginGeneration, consumersBehind, dropPartition, listPartitions, recordExport, recordVerified } from './partitions.ts';
import { makePostgresCheckpoints } from './postgres-checkpoints.ts';
import { makePostgresEventLog, type PostgresEventLog } from './postgres-event-log.ts';
import { makePostgresLeases } from './postgres-leases.ts';
import { grantLogAccess } from './roles.ts';
import { openPool, sqlExecutorOf, transactionsOf } from './sql-executor.ts';

const signer = makeLogSigner(randomBytes(32));
let database: TestDatabase;
let pool: Pool;
let log: PostgresEventLog;

beforeAll(async () => {
  database = await makeTestDatabase();
  ({ pool } = database);
  log = makePostgresEventLog({ connection: pool, announce: () => undefined });
});
beforeEach(() => database.emptyLog());
afterAll(() => database.drop());

const executor = () => sqlExecutorOf(pool);
const events = (count: number) => Array.from({ length: count }, () => newEvent());

/** Exports, reads the file again, and says so. */
async function exportVerified(first: number, last: number): Promise<void> {
  const header = await checkArchive(archiveLines(log, { first, last }, signer), signer.publicKey);
  await recordExport(executor(), header);
  await recordVerified(executor(), header);
}

describe('verify', () => {
  const damage: Readonly<Record<string, { sql: string; problem: RegExp }>> = {
    'an event that was removed': { sql: 'delete from log.event where position = 3', problem: /position 3 is missing/ },
    'an event with a new hash': { sql: "update log.event set data = '1', hash = sha256('x') where position = 4", problem: /position 4: event/ },
    'another hash in the head': { sql: "update log.head set hash = sha256('x')", problem: /the head's hash is not that of position 6/ },
    'a head beyond the events': { sql: 'update log.head set position = 9', problem: /the head is at 9/ },
    'a version that is too high': {
      sql: "update log.stream set version = 7 where id = 'a-1'",
      problem: /stream a-1 is said to be at version 7, its last event is 4/,
    },
    'a version that is too low': { sql: "update log.stream set version = 1 where id = 'a-1'", problem: /stream a-1 has more events/ },
    'a stream that nobody knows': { sql: "delete from log.stream where id = 'b-1'", problem: /stream b-1 has more events/ },
  };
  it.each(Object.keys(damage))('finds %s', async (name) => {
    const { sql, problem } = damage[name] ?? { sql: '', problem: /^/ };
    await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'a-1', 'b-1', 'a-1']);
    expect((await verifyLog(log)).problems).toEqual([]);
    await database.behindTheTrigger(sql);
    const { isIntact, problems } = await verifyLog(log);
    expect(isIntact).toBe(false);
    expect(problems.join('\n')).toMatch(problem);
  });

  it('finds a version that comes twice, though every hash is right, also when it began behind', async () => {
    await appendOneBy(log, ['a-1', 'b-1', 'a-1']);
    // A bug of ours would chain it all the same.
    await database.behindTheTrigger("update log.stream set version = 1 where id = 'a-1'");
    await appendOneBy(log, ['a-1']);
    expect((await verifyLog(log)).problems).toEqual(['position 4: version 2 of stream a-1 follows on 2']);
    expect((await verifyLog(log, { from: 4 })).problems).toEqual(['position 4: version 2 of stream a-1 follows on 2']);
  });

  it('goes up to where the log was when it began, while others append', async () => {
    await appendOneBy(log, ['a-1', 'b-1']);
    const over = new AbortController();
    const appending = (async () => {
      while (!over.signal.aborted) await log.append([{ stream: 'busy-1', events: events(5) }]);
    })();
    for (let round = 0; round < 20; round++) expect((await verifyLog(log)).problems).toEqual([]);
    over.abort();
    await appending;
  });
});

describe('partitions', () => {
  beforeEach(async () => {
    await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'a-1', 'b-1']);
  });

  it('are listed with what they hold', async () => {
    const [first, second] = await listPartitions(executor());
    expect(first).toMatchObject({ first: 1, last: 3, isFull: true, exported: 'no', from: expect.stringMatching(/^2\d{3}-.*Z$/) });
    expect(second).toMatchObject({ first: 4, last: 10_000_003, isFull: false, exported: 'no' });
    expect(first?.sizeBytes).toBeGreaterThan(0);
  });

  it('are dropped after their file was verified, the oldest first, never the newest', async () => {
    await expect(dropPartition(executor(), 2)).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('there are 1, 4') });
    await expect(dropPartition(executor(), 4)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('the oldest partition begins at 1'),
    });
    await expect(dropPartition(executor(), 1)).rejects.toMatchObject({ code: 'failed-precondition', message: expect.stringContaining('not exported') });
    const header = await checkArchive(archiveLines(log, { first: 1, last: 3 }, signer), signer.publicKey);
    await recordExport(executor(), header);
    await expect(dropPartition(executor(), 1)).rejects.toThrow(/not verified/);
    await expect(recordVerified(executor(), { ...header, hashAfter: 'ab'.repeat(32) })).rejects.toMatchObject({ code: 'failed-precondition' });
    await recordVerified(executor(), header);
    expect((await listPartitions(executor()))[0]).toMatchObject({ exported: 'verified' });
    expect(await dropPartition(executor(), 1)).toBe(4);
    expect((await listPartitions(executor())).map((partition) => partition.first)).toEqual([4]);
    await expect(log.readFeed({ after: 0, limit: 10 })).rejects.toMatchObject({ code: 'gone', details: { oldest: 4 } });
    expect(await verifyLog(log)).toMatchObject({ isIntact: true, from: 4, to: 5 });
    // What is left is the newest now.
    await executor().query('insert into log.export select 4, 10000003, hash, now(), now() from log.event where position = 5');
    await expect(dropPartition(executor(), 4)).rejects.toThrow(/newest/);
  });

  it('stay when their events are not those of the file any more', async () => {
    await exportVerified(1, 3);
    await database.behindTheTrigger("update log.event set hash = sha256('x') where position = 3");
    await expect(dropPartition(executor(), 1)).rejects.toThrow(/has changed since it was exported/);
  });

  it('stay while a consumer of any service needs them', async () => {
    await exportVerified(1, 3);
    const [consumer] = await running('test.slow', () => Promise.resolve());
    await consumer.stop();
    await executor().query(`update projections.checkpoint set position = 2 where bucket = 7`);
    expect(await consumersBehind(executor(), 3)).toEqual([{ schema: 'projections', consumer: 'test.slow', position: 2 }]);
    await expect(dropPartition(executor(), 1)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('test.slow at 2'),
      details: { behind: [{ consumer: 'test.slow' }] },
    });
    await executor().query(`update projections.checkpoint set position = 5`);
    expect(await dropPartition(executor(), 1)).toBe(4);
    // Who was past it goes on without noticing.
    const [again, applied] = await running('test.slow', () => Promise.resolve());
    await appendOneBy(log, ['a-1']);
    await again.waitFor(6, 10_000);
    expect(applied).toEqual([6]);
    await again.stop();
  });
});

async function running(name: string, apply: () => Promise<void>, hasReset = false): Promise<[RunningConsumer, number[]]> {
  const applied: number[] = [];
  const consumer = await runConsumer({
    log,
    announcements: { subscribe: () => () => undefined },
    checkpoints: makePostgresCheckpoints({ schema: 'projections', transaction: transactionsOf(pool) }),
    clock: Date.now,
    timer: (delayMs, run) => {
      const timeout = setTimeout(run, delayMs / 20);
      return () => clearTimeout(timeout);
    },
    consumer: {
      name,
      async apply(some: readonly RecordedEvent[], tx: SqlExecutor) {
        await apply();
        for (const event of some) await tx.query('insert into projections.applied (id) values ($1)', [event.id]);
      },
      committed: (some: readonly RecordedEvent[]) => void applied.push(...some.map((event) => event.position)),
      ...(hasReset && { tables: [appliedTable] }),
    },
  });
  await consumer.waitFor((await log.head()).position, 200_000);
  return [consumer, applied];
}

describe('recovery from an older copy', () => {
  const ids = async (): Promise<string[]> => (await executor().query<{ id: string }>('select id from projections.applied order by n')).map((row) => row.id);
  const feed = async (): Promise<string[]> => (await log.readFeed({ after: 0, limit: 1000 })).events.map((event) => event.id);
  /** The log as it was at a position; what services wrote besides is what it is. */
  const restoreLog = (position: number): Promise<void> =>
    database.behindTheTrigger(
      `delete from log.event where position > ${position}`,
      'delete from log.stream',
      'insert into log.stream select stream, max(version) from log.event group by stream',
      `update log.head set position = ${position}, hash = (select hash from log.event where position = ${position})`,
    );

  it('rewinds consumers whose checkpoints are ahead of the restored head', async () => {
    await appendOneBy(log, ['a-1', 'b-1', 'c-1', 'a-1', 'b-1', 'c-1']);
    const [before] = await running('test.projection', () => Promise.resolve(), true);
    await before.stop();
    await restoreLog(4);
    const generation = await beginGeneration(executor());
    expect((await log.head()).generation).toBe(generation);
    await appendOneBy(log, ['d-1', 'd-1', 'd-1']);
    const [after] = await running('test.projection', () => Promise.resolve(), true);
    await expect.poll(async () => (await ids()).toSorted()).toEqual((await feed()).toSorted());
    expect(after.position()).toBe(7);
    await after.stop();
  });

  it('also those whose checkpoints were in the copy, and who run while it is told', async () => {
    await appendOneBy(log, ['a-1', 'b-1', 'c-1', 'a-1']);
    const [consumer] = await running('test.projection', () => Promise.resolve(), true);
    // The whole database is of the same moment: what comes now was lost for everybody, and positions come again.
    await beginGeneration(executor());
    await appendOneBy(log, ['d-1', 'd-1']);
    await expect.poll(async () => (await ids()).toSorted()).toEqual((await feed()).toSorted());
    expect(consumer.position()).toBe(6);
    await consumer.stop();
  });

  it('goes on in the partitions that the copy has, and ends every lease', async () => {
    const leases = makePostgresLeases(executor());
    const held = await leases.claim('syncer/one', 'a', { lifeMs: 60_000 });
    await appendOneBy(log, ['a-1', 'b-1', 'c-1']);
    await restoreLog(2);
    await beginGeneration(executor());
    await log.append([{ stream: 'a-1', events: events(4) }]);
    expect(await verifyLog(log)).toMatchObject({ isIntact: true, to: 6 });
    expect(await leases.claim('syncer/one', 'a', { lifeMs: 60_000, epoch: held?.epoch ?? 0 })).toBeUndefined();
    const next = await leases.claim('syncer/one', 'b', { lifeMs: 60_000 });
    // The copy may be older than many epochs: the next one is beyond any that it missed.
    expect(next?.epoch).toBeGreaterThan(1_000_000);
  });
});

describe('a role of a service', () => {
  const role = `plumbline_svc_${randomBytes(4).toString('hex')}`;
  let own: Pool;

  beforeEach(async () => {
    await pool.query(`do $$ begin if to_regrole('${role}') is null then create role ${role}; end if; end $$`);
    await grantLogAccess(executor(), role);
    own = openPool(database.url, { connections: 3 });
    own.on('connect', (client) => void client.query(`set role ${role}`));
    return () => own.end();
  });
  afterAll(async () => {
    const last = openPool(database.url, { connections: 1 });
    await last.query(`drop owned by ${role}`);
    await last.query(`drop role ${role}`);
    await last.end();
  });

  it('appends, reads, holds leases and starts on a log that is up to date', async () => {
    const mine = makePostgresEventLog({ connection: own, announce: () => undefined });
    const leases = makePostgresLeases(sqlExecutorOf(own));
    const claimed = await leases.claim('syncer/one', 'a', { lifeMs: 60_000 });
    const [first] = await mine.append([{ stream: 'a-1', events: events(1) }], { fence: { lease: 'syncer/one', epoch: claimed?.epoch ?? 0 } });
    await mine.append([{ stream: 'a-1', events: events(5) }]);
    expect((await mine.readFeed({ after: 0, limit: 10 })).events).toHaveLength(6);
    expect(await mine.readStream('a-1', { limit: 1 })).toEqual([first]);
    expect(await mine.readStream('b-1')).toEqual([]);
    expect((await mine.head()).position).toBe(6);
    expect((await verifyLog(mine)).isIntact).toBe(true);
    await leases.release('syncer/one', claimed?.epoch ?? 0);
    await migrateEventLog(own);
  });

  it.each([
    "insert into log.event values (9, gen_random_uuid(), 's', 1, 't', '{}', '{}', now(), '')",
    "update log.event set data = 'null'",
    'delete from log.event',
    'truncate log.event',
    "update log.event_from_1 set data = 'null'",
    'delete from log.event_from_1',
    'truncate log.event_from_1',
    'drop table log.event',
    'drop table log.event_from_1',
    'drop schema log cascade',
    'alter table log.event disable trigger all',
    'alter table log.event detach partition log.event_from_1',
    'drop trigger event_is_never_changed on log.event',
    'set session_replication_role = replica',
    "update log.head set position = 0, hash = ''",
    'delete from log.head',
    'update log.stream set version = 0',
    'insert into log.stream values ($$x$$, 1)',
    'select * from log.lease for update',
    'update log.lease set epoch = 1',
    'select log.add_partition(1)',
    'select log.begin_generation()',
    'select log.drop_partition(1)',
    'create table log.mine (n int)',
    "create or replace function log.refuse_change() returns trigger language plpgsql as 'begin return new; end'",
  ])('may not: %s', async (statement) => {
    await appendOneBy(log, ['a-1']);
    await expect(own.query(statement)).rejects.toMatchObject({ code: '42501' });
    expect((await verifyLog(log)).isIntact).toBe(true);
    expect((await log.head()).position).toBe(1);
  });

  it('is told whom to ask when the log has to be migrated first', async () => {
    await pool.query("comment on schema log is 'an older one'");
    await expect(migrateEventLog(own)).rejects.toMatchObject({ code: 'permission-denied', message: expect.stringContaining('plumb log') });
  });

  it('is given by name only', async () => {
    await expect(grantLogAccess(executor(), 'x"; drop table log.event; --')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(grantLogAccess(executor(), 'nobody_of_this_name')).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a stuck writer', () => {
  /** A transaction that has appended and then does nothing. */
  async function stuck(settings: string): Promise<{ ended: Promise<unknown> }> {
    const client = await pool.connect();
    await client.query('begin');
    await client.query(settings);
    const tx = sqlExecutorOf(client);
    await log.append([{ stream: 'stuck-1', events: events(2) }], { tx });
    const ended = new Promise((resolve) => client.once('error', resolve)).finally(() => client.release(true));
    return { ended };
  }

  it('is ended by PostgreSQL; the others go on behind it, without a gap', async () => {
    const { ended } = await stuck('set local idle_in_transaction_session_timeout = 200');
    const others = Promise.all(Array.from({ length: 10 }, (_, i) => log.append([{ stream: `other-${i}`, events: events(1) }])));
    expect(await ended).toMatchObject({ code: '25P03' });
    expect(
      (await others)
        .flat()
        .map((event) => event.position)
        .toSorted((a, b) => a - b),
    ).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
    expect(await verifyLog(log)).toMatchObject({ isIntact: true, to: 10 });
  });

  it('that runs a statement for too long is ended as well', async () => {
    const slow = transactionsOf(pool)(async (tx) => {
      await log.append([{ stream: 'slow-1', events: events(1) }], { tx });
      await tx.query('set local statement_timeout = 100');
      await tx.query('select pg_sleep(20)');
    });
    const other = sleep(20).then(() => log.append([{ stream: 'other-1', events: events(1) }]));
    await expect(slow).rejects.toMatchObject({ code: 'deadline-exceeded', retry: 'later' });
    await expect(other).resolves.toMatchObject([{ position: 1 }]);
  });

  it('is bounded by the settings of every session that we open', async () => {
    const { rows } = await pool.query(
      "select name, setting from pg_settings where name in ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout') order by 1",
    );
    expect(rows).toEqual([
      { name: 'idle_in_transaction_session_timeout', setting: '10000' },
      { name: 'lock_timeout', setting: '5000' },
      { name: 'statement_timeout', setting: '30000' },
    ]);
  });
});
