/** What came of one try to hand over an event. */
export type Attempt =
  | { kind: 'answered'; status: number; retryAfterMs?: number }
  | { kind: 'unreachable'; reason: string }
  | { kind: 'refused'; reason: string };

/** What happens to the event now. Its stream goes on after `acknowledged` and `dead-letter`, and waits in `retry`. */
export type Decision =
  | { kind: 'acknowledged' }
  | { kind: 'retry'; at: number }
  | { kind: 'dead-letter'; reason: string }
  | { kind: 'disable-subscription'; reason: string };

export interface Tried {
  /** Tries so far, this one among them. */
  tries: number;
  /** Time of the first, in ms. */
  firstAt: number;
  now: number;
  /** 0 ≤ n < 1. */
  random: number;
}

export interface DeliveryLimits {
  firstRetryMs: number;
  retryMsMax: number;
  /** From the first try on. */
  deliveryMsMax: number;
  triesMax: number;
  /** For answers that say that the request itself is wrong. */
  refusedTriesMax: number;
}

/** Statuses below 500 that time can change: request timeout, too early, too many requests. */
const passing: readonly number[] = [408, 425, 429];

/** A destination that the policy refuses counts as unreachable: the policy, or the name's address, may change back. */
export function decideDelivery(attempt: Attempt, tried: Tried, limits: DeliveryLimits): Decision {
  if (attempt.kind !== 'answered') return again(attempt.reason, undefined, tried, limits);
  const { status, retryAfterMs } = attempt;
  if (status >= 200 && status < 300) return { kind: 'acknowledged' };
  const reason = `answered ${status}`;
  if (status === 410) return { kind: 'disable-subscription', reason };
  const isRefusal = status < 500 && !passing.includes(status);
  return again(reason, retryAfterMs, tried, { ...limits, triesMax: isRefusal ? limits.refusedTriesMax : limits.triesMax });
}

function again(reason: string, retryAfterMs: number | undefined, tried: Tried, limits: DeliveryLimits): Decision {
  const { tries, firstAt, now, random } = tried;
  if (tries >= limits.triesMax) return { kind: 'dead-letter', reason: `${reason} (${tries} tries)` };
  const end = firstAt + limits.deliveryMsMax;
  if (now >= end) return { kind: 'dead-letter', reason: `${reason} (not delivered within ${limits.deliveryMsMax} ms)` };
  // A receiver may ask for more patience than we would have, but not for more than the event has.
  const delayMs = Math.max(backoffMs(tries, random, limits), retryAfterMs ?? 0);
  return { kind: 'retry', at: Math.min(now + delayMs, end) };
}

/** Doubles, up to the most; the upper half is chance, so that many streams don't come back together. */
function backoffMs(tries: number, random: number, { firstRetryMs, retryMsMax }: DeliveryLimits): number {
  const full = Math.min(firstRetryMs * 2 ** Math.min(tries - 1, 30), retryMsMax);
  return full * (0.5 + random / 2);
}
