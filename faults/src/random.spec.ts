import { describe, expect, it } from 'vitest';
import { makeRandom } from './random.ts';

const draws = (seed: number, name?: string): number[] => {
  const random = name === undefined ? makeRandom(seed) : makeRandom(seed).fork(name);
  return Array.from({ length: 20 }, () => random.int(0, 1_000_000));
};

describe('makeRandom', () => {
  it('repeats itself for a seed, and for nothing else', () => {
    expect(draws(7)).toEqual(draws(7));
    expect(draws(7)).not.toEqual(draws(8));
  });

  it('forks into sequences of their own', () => {
    const used = makeRandom(7);
    used.next();
    expect(used.fork('a').int(0, 1_000_000)).toBe(makeRandom(7).fork('a').int(0, 1_000_000));
    expect(draws(7, 'a')).not.toEqual(draws(7, 'b'));
  });

  it('stays within its bounds and reaches both', () => {
    const random = makeRandom(1);
    const seen = new Set(Array.from({ length: 500 }, () => random.int(3, 6)));
    expect(seen).toEqual(new Set([3, 4, 5, 6]));
  });
});
