import { expect, it } from 'vitest';
import { mayRetry, retryDelayMs } from './backoff.ts';

it('doubles from the first delay and stops at a minute', () => {
  expect([1, 2, 3, 7, 50].map((attempt) => retryDelayMs(attempt, {}))).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
  expect(retryDelayMs(2, { backoffMs: 10 })).toBe(20);
});

it('counts the first run as an attempt', () => {
  expect([1, 2, 3].map((attempt) => mayRetry(attempt, { attemptsMax: 3 }))).toEqual([true, true, false]);
});
