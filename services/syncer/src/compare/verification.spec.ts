import { expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { makeVerification } from './verification.ts';

const minuteMs = 60_000;
const dayMs = 1_440 * minuteMs;
const keys = Array.from({ length: 1_000 }, (_, index) => `apps/Deployment/ns-${index % 7}/web-${index}`);

/** Looks at every key each ten minutes, as the sweep does, from a start at any time of day; answers how often each was checked. */
function checked(days: number, startMs: number, restartEveryMs = Infinity): number[] {
  let now = startMs;
  let verification = makeVerification(() => now);
  const counts = keys.map(() => 0);
  for (let startedAt = now; now <= startMs + days * dayMs; now += 10 * minuteMs) {
    if (now - startedAt >= restartEveryMs) {
      startedAt = now;
      verification = makeVerification(() => now);
    }
    keys.forEach((key, index) => {
      if (!verification.isDue(key)) return;
      verification.done(key);
      counts[index] = (counts[index] ?? 0) + 1;
    });
  }
  return counts;
}

test('each memo is checked once a day', () => {
  const counts = checked(3, 17.3 * 3_600_000 + 20_000 * dayMs);
  expect([Math.min(...counts), Math.max(...counts)]).toEqual([3, 3]);
});

test('also where the process starts anew every two hours', () => {
  const counts = checked(3, 20_000 * dayMs, 2 * 3_600_000);
  // One whose turn falls between the last look before a restart and the first after it is looked at the next day.
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2.5 * keys.length);
});

test('no more at once than there is room for, and none is forgotten over it', () => {
  let now = 20_000 * dayMs;
  const verification = makeVerification(() => now);
  now += dayMs;
  const dueNow = (): number => keys.filter((key) => verification.isDue(key) && (verification.done(key), true)).length;
  expect([dueNow(), dueNow()]).toEqual([limits.verificationsPerMinuteMax, 0]);
  now += minuteMs;
  expect(dueNow()).toBe(limits.verificationsPerMinuteMax);
});
