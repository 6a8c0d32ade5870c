import type { RetryStrategy } from '@plumbline/contracts';
import { durationMs } from './durations.ts';

export interface Backoff {
  durationMs: number;
  factor: number;
  maxDurationMs: number;
}

/** Argo CD's defaults (5 s, doubling, at most 3 min) for what the strategy leaves open or writes unreadably. */
export function backoffOf(retry: RetryStrategy | undefined): Backoff {
  const backoff = retry?.backoff;
  return {
    durationMs: durationMs(backoff?.duration ?? '') ?? 5_000,
    factor: backoff?.factor !== undefined && backoff.factor >= 1 ? backoff.factor : 2,
    maxDurationMs: durationMs(backoff?.maxDuration ?? '') ?? 180_000,
  };
}

/** Wait before attempt `attempt` (1 = the first retry): duration × factor^(attempt − 1), capped. */
export function retryDelayMs(backoff: Backoff, attempt: number): number {
  return Math.min(backoff.maxDurationMs, backoff.durationMs * backoff.factor ** (attempt - 1));
}

const healsAtOnce = 5;
const healWindowMs = 60_000;
const healDelayMs = 2_000;
const healDelayFactor = 3;
const healDelayMsMax = 300_000;

/**
 * When the next self-heal may start. The first five within a minute are immediate; after that somebody else keeps
 * writing the same objects, and Argo CD's self-heal back-off applies (2 s, tripling, at most 5 min) from the last one.
 */
export function nextHealAt(heals: readonly string[]): number {
  const times = heals.map((heal) => Date.parse(heal));
  let fight = 0;
  for (let i = times.length - 1; i > 0; i--) {
    const pauseMs = times[i]! - times[i - 1]!;
    if (pauseMs > healWindowMs + healDelayOf(times.length - i)) break;
    fight++;
  }
  const last = times.at(-1);
  if (last === undefined || fight + 1 < healsAtOnce) return 0;
  return last + healDelayOf(fight + 1);
}

function healDelayOf(healsInARow: number): number {
  return healsInARow < healsAtOnce ? 0 : Math.min(healDelayMsMax, healDelayMs * healDelayFactor ** (healsInARow - healsAtOnce));
}
