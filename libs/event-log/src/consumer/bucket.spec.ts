import { noMetrics, silentLogger, type RecordedEvent } from '@plumbline/contracts';
import { expect, it } from 'vitest';
import { makeMemoryCheckpoints } from '../memory/memory-checkpoints.ts';
import { makeMemoryDatabase } from '../memory/memory-database.ts';
import { makeMemoryEventLog } from '../memory/memory-event-log.ts';
import { Bucket } from './bucket.ts';
import { makeSlots } from './slots.ts';
import { Transactions } from './transactions.ts';

// Found by the simulator (seed 9): an idle bucket that waited to store how far it is stored a place behind an event that
// came meanwhile and was not applied yet. After a crash at that moment nobody ever applied it.
it('never stores a checkpoint behind an event that came while it waited for its turn', async () => {
  const database = makeMemoryDatabase();
  const checkpoints = makeMemoryCheckpoints(database);
  const slots = makeSlots(1);
  const applied: number[] = [];
  const stored: number[] = [];
  const noting = {
    ...checkpoints,
    advance: (...[tx, name, moves]: Parameters<typeof checkpoints.advance>) => {
      stored.push(moves[0]?.position ?? 0);
      return checkpoints.advance(tx, name, moves);
    },
  };
  const consumer = { name: 'test.bucket', apply: async (events: readonly RecordedEvent[]) => void applied.push(...events.map(({ position }) => position)) };
  const shared = {
    log: makeMemoryEventLog({ database, clock: () => 0, announce: () => undefined, newId: () => 'generation' }),
    checkpoints: noting,
    consumer,
    transactions: new Transactions(noting, consumer, slots),
    clock: () => 0,
    timer: () => () => undefined,
    logger: silentLogger,
    metrics: noMetrics,
    generation: () => 'generation',
    progressed: () => undefined,
    version: '1',
    skipped: new Set<string>(),
    replaced: () => undefined,
    isDamaged: () => Promise.resolve(false),
  };
  const [checkpoint] = (await checkpoints.load('test.bucket', 'generation')).checkpoints;
  const bucket = new Bucket(shared, checkpoint!, []);
  const others = Promise.withResolvers<void>();
  const taken = slots.run(() => others.promise);
  bucket.offer(1, 5, []);
  bucket.storeLag(true);
  bucket.offer(6, 6, [
    { position: 6, id: 'id', stream: 'a-1', version: 1, type: 'Happened', data: {}, metadata: { actor: '', service: '', schemaVersion: 1 }, at: '' },
  ]);
  others.resolve();
  await taken;
  await expect.poll(() => applied).toEqual([6]);
  expect(stored).toEqual([5, 6]);
});
