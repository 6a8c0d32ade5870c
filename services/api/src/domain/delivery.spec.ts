import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideDelivery } from './delivery.ts';
import type { Attempt } from './delivery.ts';

const limits = { firstRetryMs: 1_000, retryMsMax: 600_000, deliveryMsMax: 86_400_000, triesMax: 200, refusedTriesMax: 3 };
const first = { tries: 1, firstAt: 0, now: 0, random: 0 };
const answered = (status: number, retryAfterMs?: number): Attempt => ({ kind: 'answered', status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });

describe('after a try', () => {
  it.each([200, 202, 204, 299])('%i acknowledges', (status) => expect(decideDelivery(answered(status), first, limits)).toEqual({ kind: 'acknowledged' }));

  it('410 ends the subscription', () => expect(decideDelivery(answered(410), first, limits)).toEqual({ kind: 'disable-subscription', reason: 'answered 410' }));

  it.each([301, 302, 307, 400, 401, 403, 404, 422])('%i becomes a dead letter after few tries', (status) => {
    expect(decideDelivery(answered(status), { ...first, tries: 2 }, limits).kind).toBe('retry');
    expect(decideDelivery(answered(status), { ...first, tries: 3 }, limits)).toEqual({ kind: 'dead-letter', reason: `answered ${status} (3 tries)` });
  });

  it.each([408, 425, 429, 500, 502, 503, 504])('%i is tried as long as the event has time', (status) => {
    expect(decideDelivery(answered(status), { ...first, tries: 199 }, limits).kind).toBe('retry');
    expect(decideDelivery(answered(status), { ...first, tries: 200 }, limits).kind).toBe('dead-letter');
    expect(decideDelivery(answered(status), { ...first, now: 86_400_000 }, limits).kind).toBe('dead-letter');
  });

  it.each([
    { kind: 'unreachable', reason: "can't be reached (ECONNREFUSED)" },
    { kind: 'refused', reason: 'that is a private address' },
  ] as const)('$kind is tried as long as the event has time', (attempt) => {
    expect(decideDelivery(attempt, { ...first, tries: 199 }, limits).kind).toBe('retry');
    expect(decideDelivery(attempt, { ...first, tries: 200 }, limits)).toEqual({ kind: 'dead-letter', reason: `${attempt.reason} (200 tries)` });
  });

  it('waits as long as the receiver asks, but never past the last try that the event has', () => {
    expect(decideDelivery(answered(503, 120_000), first, limits)).toEqual({ kind: 'retry', at: 120_000 });
    expect(decideDelivery(answered(429, 10), first, limits)).toEqual({ kind: 'retry', at: 500 });
    expect(decideDelivery(answered(429, 1e15), first, limits)).toEqual({ kind: 'retry', at: limits.deliveryMsMax });
  });

  it('waits twice as long each time, up to the most', () => {
    const waits = [1, 2, 3, 10, 11, 100].map((tries) => decideDelivery(answered(500), { ...first, tries }, limits));
    expect(waits).toEqual([500, 1_000, 2_000, 256_000, 300_000, 300_000].map((at) => ({ kind: 'retry', at })));
  });

  it('ends whatever is answered, with every wait within bounds', () => {
    const attempt = fc.oneof(
      fc.record({ kind: fc.constant('answered' as const), status: fc.integer({ min: 300, max: 599 }), retryAfterMs: fc.nat() }),
      fc.constant({ kind: 'unreachable' as const, reason: 'x' }),
    );
    fc.assert(
      fc.property(fc.array(attempt, { minLength: 200, maxLength: 200 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempts, random) => {
        let now = 0;
        for (const [index, each] of attempts.entries()) {
          const decision = decideDelivery(each, { tries: index + 1, firstAt: 0, now, random }, limits);
          if (decision.kind !== 'retry') return;
          expect(decision.at).toBeGreaterThan(now);
          expect(decision.at).toBeLessThanOrEqual(limits.deliveryMsMax);
          now = decision.at;
        }
        expect.unreachable('retried for ever');
      }),
    );
  });
});
