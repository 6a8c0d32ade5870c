import type { RecordedEvent } from '@plumbline/contracts';
import { expect, it } from 'vitest';
import { joinedEventsMax } from '../limits.ts';
import { makeMemoryCheckpoints } from '../memory/memory-checkpoints.ts';
import { makeMemoryDatabase, type MemoryTx } from '../memory/memory-database.ts';
import { Overtaken, Transactions, type Piece } from './transactions.ts';

const name = 'test.joined';
const event = (position: number): RecordedEvent => ({
  position,
  id: `event ${position}`,
  stream: `stream-${position}`,
  version: 1,
  type: 'Happened',
  data: {},
  metadata: { actor: '', service: '', schemaVersion: 1 },
  at: '',
});

/** A consumer that notes what each of its transactions was given; event 13 can't be applied. */
async function setUp(): Promise<{
  transactions: Transactions<MemoryTx>;
  given: number[][];
  piece(bucket: number, ...positions: number[]): Piece;
  stored(): Promise<number[]>;
  gate: { wait: Promise<void> };
}> {
  const checkpoints = makeMemoryCheckpoints(makeMemoryDatabase());
  const state = await checkpoints.load(name, 'generation');
  const given: number[][] = [];
  const gate = { wait: Promise.resolve() };
  const transactions = new Transactions(checkpoints, {
    name,
    async apply(events) {
      given.push(events.map(({ position }) => position));
      await gate.wait;
      if (events.some(({ position }) => position === 13)) throw new Error('not this one');
    },
  });
  return {
    transactions,
    given,
    gate,
    piece: (bucket, ...positions) => ({
      move: { from: state.checkpoints[bucket]!, position: positions.at(-1) ?? 0, generation: 'generation' },
      events: positions.map(event),
    }),
    stored: async () => (await checkpoints.load(name, 'generation')).checkpoints.map(({ position }) => position),
  };
}

it('applies what several buckets want in one transaction, in the order of the feed', async () => {
  const { transactions, given, piece, stored } = await setUp();
  await Promise.all([transactions.run(piece(0, 2, 5), false), transactions.run(piece(3, 1, 4), false), transactions.run(piece(7, 3), false)]);
  expect(given).toEqual([[1, 2, 3, 4, 5]]);
  expect(await stored()).toEqual([5, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
});

it('joins what comes while a transaction is under way, and lets a first one go at once', async () => {
  const { transactions, given, piece, gate } = await setUp();
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.wait = promise;
  const first = transactions.run(piece(0, 1), false);
  await expect.poll(() => given).toEqual([[1]]);
  const others = [transactions.run(piece(1, 2), false), transactions.run(piece(2, 3), false)];
  resolve();
  await Promise.all([first, ...others]);
  expect(given).toEqual([[1], [2, 3]]);
});

it('lets only the one fail that fails', async () => {
  const { transactions, given, piece, stored } = await setUp();
  const [fine, bad, alsoFine] = await Promise.allSettled([0, 1, 2].map((bucket) => transactions.run(piece(bucket, 12 + bucket), false)));
  expect([fine?.status, bad?.status, alsoFine?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect((bad as PromiseRejectedResult).reason).toMatchObject({ message: 'not this one' });
  expect(given).toEqual([[12, 13, 14], [12], [13], [14]]);
  expect((await stored()).slice(0, 3)).toEqual([12, 0, 14]);
});

it('tells a bucket that was overtaken so, and applies the rest in the same transaction', async () => {
  const { transactions, given, piece } = await setUp();
  await transactions.run(piece(1, 1), false);
  const [fine, late] = await Promise.allSettled([transactions.run(piece(0, 2), false), transactions.run(piece(1, 1), false)]);
  expect(fine?.status).toBe('fulfilled');
  expect((late as PromiseRejectedResult).reason).toBeInstanceOf(Overtaken);
  expect(given).toEqual([[1], [2]]);
});

it('keeps what failed before and what is big apart', async () => {
  const { transactions, given, piece } = await setUp();
  const big = Array.from({ length: joinedEventsMax + 1 }, (_, index) => 100 + index);
  await Promise.all([
    transactions.run(piece(0, 1), false),
    transactions.run(piece(1, 2), true),
    transactions.run(piece(2, ...big), false),
    transactions.run(piece(3, 3), false),
  ]);
  expect(given.map((events) => events.length).toSorted((a, b) => a - b)).toEqual([1, 2, big.length]);
});
