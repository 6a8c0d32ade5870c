import { limits } from '../limits.ts';

/** What came of one try to deliver. */
export type Outcome =
  | { kind: 'answered'; status: number; retryAfterMs?: number }
  /** No answer: it was not reached, did not answer in time, or may not be called. */
  | { kind: 'failed'; reason: string };

/** Of the event that its stream waits for. */
export interface Tries {
  /** Failed ones before this. */
  tries: number;
  /** Since the first try; 0 at the first. */
  ageMs: number;
}

/** What to do after a try. */
export type Verdict =
  | { kind: 'delivered' }
  | { kind: 'again'; delayMs: number; reason: string }
  | { kind: 'dead-letter'; reason: string }
  /** The receiver wants nothing more. */
  | { kind: 'disable'; reason: string };

/** The client errors that time may change. */
const passing = new Set([408, 425, 429]);

/** `random`: 0 (inclusive) to 1 (exclusive). */
export function judge(outcome: Outcome, { tries, ageMs }: Tries, random: number): Verdict {
  const failed = tries + 1;
  if (outcome.kind === 'answered') {
    const { status } = outcome;
    if (status >= 200 && status < 300) return { kind: 'delivered' };
    if (status === 410) return { kind: 'disable', reason: 'the receiver answered 410: it is gone for good' };
    const isFinal = status >= 400 && status < 500 && !passing.has(status);
    if (isFinal && failed >= limits.deliveryRefusalsMax) return { kind: 'dead-letter', reason: `the receiver answered ${status}, ${failed} times` };
  }
  const reason = outcome.kind === 'failed' ? outcome.reason : `the receiver answered ${outcome.status}`;
  const leftMs = limits.deliveryRetryMsMax - ageMs;
  if (leftMs <= 0 || failed >= limits.deliveryTriesMax) return { kind: 'dead-letter', reason: `${reason}; given up after ${failed} tries` };
  const asked = outcome.kind === 'answered' ? Math.min(outcome.retryAfterMs ?? 0, limits.deliveryRetryAfterMsMax) : 0;
  return { kind: 'again', delayMs: Math.min(Math.max(backOffMs(failed, random), asked), leftMs), reason };
}

/** Doubling, with jitter: half of it is certain, half is chance; so that what failed together does not come again together. */
export function backOffMs(failed: number, random: number): number {
  const whole = Math.min(limits.deliveryBackOffMsMin * 2 ** Math.min(failed - 1, 30), limits.deliveryBackOffMsMax);
  return Math.max(limits.deliveryBackOffMsMin, Math.round(whole / 2 + (whole / 2) * random));
}

/** Seconds, or a date. Undefined for what is neither. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
