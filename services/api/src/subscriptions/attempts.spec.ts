import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../limits.ts';
import { backOffMs, judge, retryAfterMs } from './attempts.ts';

describe('what comes of a try', () => {
  const day = limits.deliveryRetryMsMax;

  it('back-off is between a second and ten minutes, and doubles', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (failed, random) => {
        const delay = backOffMs(failed, random);
        expect(delay).toBeGreaterThanOrEqual(1_000);
        expect(delay).toBeLessThanOrEqual(600_000);
        expect(backOffMs(failed + 1, random)).toBeGreaterThanOrEqual(delay);
      }),
    );
  });

  it('ends within a day, whatever is answered', () => {
    const outcome = fc.oneof(
      fc.record({ kind: fc.constant('answered' as const), status: fc.integer({ min: 300, max: 599 }), retryAfterMs: fc.integer({ min: 0, max: 2 * day }) }),
      fc.record({ kind: fc.constant('failed' as const), reason: fc.string() }),
    );
    fc.assert(
      fc.property(fc.infiniteStream(outcome), fc.double({ min: 0, max: 0.999, noNaN: true }), (outcomes, random) => {
        let ageMs = 0;
        for (let tries = 0; ; tries++) {
          const verdict = judge(outcomes.next().value, { tries, ageMs }, random);
          if (verdict.kind !== 'again') {
            expect(['dead-letter', 'disable']).toContain(verdict.kind);
            return;
          }
          expect(verdict.delayMs).toBeGreaterThan(0);
          ageMs += verdict.delayMs;
          expect(ageMs).toBeLessThanOrEqual(day);
        }
      }),
    );
  });

  it.each([
    [200, 0, 'delivered'],
    [204, 9, 'delivered'],
    [302, 0, 'again'],
    [400, 1, 'again'],
    [400, 2, 'dead-letter'],
    [429, 50, 'again'],
    [408, 50, 'again'],
    [425, 50, 'again'],
    [410, 0, 'disable'],
    [503, 50, 'again'],
    [503, 199, 'dead-letter'],
    [429, 199, 'dead-letter'],
  ])('%s after %s tries: %s', (status, tries, kind) => expect(judge({ kind: 'answered', status }, { tries, ageMs: 5 }, 0.5).kind).toBe(kind));

  it('waits as long as it is asked to, within reason', () => {
    expect(judge({ kind: 'answered', status: 503, retryAfterMs: 60_000 }, { tries: 0, ageMs: 0 }, 0)).toMatchObject({ delayMs: 60_000 });
    expect(judge({ kind: 'answered', status: 503, retryAfterMs: 1e12 }, { tries: 0, ageMs: 0 }, 0)).toMatchObject({ delayMs: limits.deliveryRetryAfterMsMax });
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:09 GMT', 4_000)).toBe(5_000);
    expect(retryAfterMs('soon', 0)).toBeUndefined();
  });
});
