import { describe, expect, it } from 'vitest';

import { nextBackoffMs } from './service-process.ts';

describe('the back-off of a service that dies', () => {
  it('doubles from 100 ms to 10 s', () => {
    const waits: number[] = [];
    for (let round = 0; round < 9; round++) waits.push(nextBackoffMs(50, waits.at(-1)));
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  });

  it('begins again when the service had lived for 30 s', () => {
    expect(nextBackoffMs(29_999, 6400)).toBe(10_000);
    expect(nextBackoffMs(30_000, 6400)).toBe(100);
  });
});
