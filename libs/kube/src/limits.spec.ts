import { expect, it } from 'vitest';
import { kubeLimits } from './limits.ts';

it('notices a dead connection within a minute, and takes no quiet one for dead', () => {
  const { secondsMin, secondsMax, silenceMaxMs } = kubeLimits.watch;
  expect(secondsMin).toBeLessThanOrEqual(secondsMax);
  // The end of a watch is the one thing that is heard of a kind in which nothing happens.
  expect(silenceMaxMs).toBeGreaterThan(secondsMax * 1000);
  expect(silenceMaxMs).toBeLessThan(60_000);
});
