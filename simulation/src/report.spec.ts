import { expect, test } from 'vitest';
import { describeProgress, type Outcome } from './report.ts';

const outcome = (seed: number, isFailed = false): Outcome => ({
  ...{ seed, trace: 't', steps: 1, simulatedMs: 1, faults: {} },
  ...(isFailed ? { finding: { invariant: 'i', message: 'm', lines: [] } } : {}),
});

test('a run that goes on says how far it is, what failed, and how long the rest may take', () => {
  expect(describeProgress([], 20, 30)).toBe('0 of 20 seeds in 30 s, 0 failed');
  expect(describeProgress([outcome(1), outcome(2, true)], 20, 10)).toBe('2 of 20 seeds in 10 s, 1 failed, about 90 s to go');
});
