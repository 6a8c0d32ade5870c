import { expect, it } from 'vitest';
import { makeRoom } from './room.ts';

it('neither one subscription, nor one destination, nor all together take more than theirs', () => {
  const room = makeRoom({ perSubscription: 2, perDestination: 3, max: 5 });
  room.take('a', 'slow', 2);
  expect([room.left('a', 'slow'), room.left('b', 'slow'), room.left('b', 'quick')]).toEqual([0, 1, 2]);
  room.take('b', 'slow', 1);
  expect([room.left('c', 'slow'), room.left('c', 'quick')]).toEqual([0, 2]);
  room.take('c', 'quick', 2);
  expect(room.left('d', 'other')).toBe(0);
  room.give('a', 'slow', 1);
  expect([room.left('a', 'slow'), room.left('d', 'other')]).toEqual([1, 1]);
});
