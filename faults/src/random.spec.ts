import { expect, test } from 'vitest';
import { seeded } from './random.ts';

const first = (seed: number): number[] =>
  Array.from(
    { length: 20 },
    (
      (random) => () =>
        random.below(1_000)
    )(seeded(seed)),
  );

test('the same seed, the same numbers; another seed, others', () => {
  expect(first(7)).toEqual(first(7));
  expect(first(7)).not.toEqual(first(8));
});

test('numbers stay within their bounds', () => {
  const random = seeded(1);
  for (let index = 0; index < 1_000; index++) {
    expect(random.between(3, 5)).toBeGreaterThanOrEqual(3);
    expect(random.between(3, 5)).toBeLessThanOrEqual(5);
  }
  expect(() => random.pick([])).toThrow('nothing to pick from');
});

test('a fork does not depend on what was used before', () => {
  const [fresh, used] = [seeded(7), seeded(7)];
  used.below(10);
  expect(used.fork('load').below(1_000_000)).toBe(fresh.fork('load').below(1_000_000));
  expect(fresh.fork('load').below(1_000_000)).not.toBe(fresh.fork('case').below(1_000_000));
});
