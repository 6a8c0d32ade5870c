import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { makeLocalAnnouncements } from '../announce.ts';
import { runConsumer } from '../consumer/run-consumer.ts';
import { quickTimer } from '../contract/consumer-cases.ts';
import { newEvent } from '../contract/sample-events.ts';
import type { Consumer, RunningConsumer, SqlExecutor } from '../port.ts';
import { applied, makeTestDatabase, type TestDatabase } from './fixture/test-database.ts';
import { makePostgresCheckpoints } from './postgres-checkpoints.ts';
import { makePostgresEventLog, type PostgresEventLog } from './postgres-event-log.ts';
import { transactionsOf } from './sql-executor.ts';

let database: TestDatabase;
let log: PostgresEventLog;
const announcements = makeLocalAnnouncements();

beforeAll(async () => {
  database = await makeTestDatabase();
});

afterAll(() => database.drop());

beforeEach(async () => {
  await database.emptyLog();
  log = makePostgresEventLog({ connection: database.pool, announce: announcements.announce });
});

async function start(consumer: Pick<Consumer<SqlExecutor>, 'apply' | 'committed' | 'load'>): Promise<RunningConsumer> {
  const running = await runConsumer({
    log,
    announcements,
    checkpoints: makePostgresCheckpoints({ schema: 'projections', transaction: log.announcing(transactionsOf(database.pool)) }),
    clock: Date.now,
    timer: quickTimer,
    consumer: { name: 'test.lost', tables: [applied], ...consumer },
  });
  onTestFinished(() => running.stop());
  return running;
}

const note = async (events: readonly { id: string }[], tx: SqlExecutor): Promise<void> => {
  for (const { id } of events) await tx.query('insert into applied (id) values ($1)', [id]);
};
const noted = async (): Promise<string[]> =>
  (await database.pool.query<{ id: string }>('select id from projections.applied')).rows.map(({ id }) => id).toSorted();
const appendTo = (...streams: string[]): Promise<string[]> =>
  Promise.all(
    streams.map(async (stream) => {
      const event = newEvent();
      await log.append([{ stream, events: [event] }]);
      return event.id;
    }),
  );
const patienceMs = 20_000;

it('does not wait for the disk with what can be applied again, and does with what is appended', async () => {
  const seen: string[] = [];
  const setting = async (tx: SqlExecutor): Promise<void> => {
    const [row] = await tx.query<{ value: string }>("select current_setting('synchronous_commit') as value");
    seen.push(row!.value);
  };
  const consumer = await start({
    async apply(events, tx) {
      await setting(tx);
      if (!events.some(({ stream }) => stream === 'a-1')) return;
      await log.append([{ stream: 'b-1', events: [newEvent()] }], { tx });
      await setting(tx);
    },
  });
  await appendTo('a-1');
  await consumer.waitFor(2, patienceMs);
  expect(seen).toEqual(['off', 'on', 'off']);
});

// As a server that crashes leaves it: the last transactions of the consumer are gone as a whole, effects and checkpoints.
it('applies again what a crash of the server lost, also when nothing happens any more', async () => {
  const memory = new Set<string>();
  let loads = 0;
  const consumer = await start({
    apply: note,
    committed: (events) => events.forEach(({ id }) => memory.add(id)),
    load: async (tx) => {
      loads++;
      memory.clear();
      for (const { id } of await tx.query<{ id: string }>('select id from applied')) memory.add(id);
    },
  });
  const first = await appendTo('a-1', 'a-2', 'a-3');
  await consumer.waitFor(3, patienceMs);
  const before = (await database.pool.query('select * from projections.checkpoint')).rows as { bucket: number; position: string; revision: string }[];
  const lost = await appendTo('a-1', 'a-2', 'a-3');
  await consumer.waitFor(6, patienceMs);
  const loadsBefore = loads;
  await transactionsOf(database.pool)(async (tx) => {
    await tx.query('delete from projections.applied where id = any($1)', [lost]);
    for (const { bucket, position, revision } of before) {
      await tx.query('update projections.checkpoint set position = $2, revision = $3 where bucket = $1', [bucket, position, revision]);
    }
  });
  await expect.poll(noted, { timeout: patienceMs }).toEqual([...first, ...lost].toSorted());
  await expect.poll(() => [...memory].toSorted(), { timeout: patienceMs }).toEqual([...first, ...lost].toSorted());
  expect(loads).toBeGreaterThan(loadsBefore);
});

it('is not disturbed by a replica that is ahead', async () => {
  const loads = [0, 0];
  const replicas = await Promise.all(loads.map((_, index) => start({ apply: note, load: () => Promise.resolve(void loads[index]!++) })));
  for (let round = 0; round < 30; round++) await appendTo('a-1', 'a-2', 'a-3');
  await Promise.all(replicas.map((replica) => replica.waitFor(90, patienceMs)));
  expect(loads).toEqual([1, 1]);
  expect(await noted()).toHaveLength(90);
});
