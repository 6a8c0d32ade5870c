import type { Clock } from '@plumbline/contracts';
import { limits } from '../limits.ts';

/** Which memos are looked through by a dry run although they answer: each once a day, at a time of day of its own. */
export interface Verification {
  /** It is this object's turn, and there is room for it in this minute. */
  isDue(key: string): boolean;
  done(key: string): void;
}

const dayMs = 86_400_000;
const minuteMs = 60_000;

/**
 * A memo is right as long as nobody changes what an apply means without changing the object: an admission webhook, a
 * default of a CustomResourceDefinition. So each is checked once a day. The time of day comes from the key: restarts
 * neither bunch the checks nor put any off for ever.
 */
export function makeVerification(clock: Clock): Verification {
  const startedAt = clock();
  const doneAt = new Map<string, number>();
  let minute = { began: startedAt, checks: 0 };

  return {
    isDue(key) {
      const now = clock();
      const turn = lastTurn(key, now);
      if (turn <= (doneAt.get(key) ?? startedAt)) return false;
      if (now - minute.began >= minuteMs) minute = { began: now, checks: 0 };
      if (minute.checks >= limits.verificationsPerMinuteMax) return false;
      minute.checks++;
      return true;
    },
    done(key) {
      if (doneAt.size >= limits.judgementsKeptMax) doneAt.clear();
      doneAt.set(key, clock());
    },
  };
}

/** The latest moment at which it was this key's turn. */
function lastTurn(key: string, now: number): number {
  const today = Math.floor(now / dayMs) * dayMs + timeOfDay(key);
  return today <= now ? today : today - dayMs;
}

/** FNV-1a: spreads keys evenly over a day; nothing depends on it being hard to guess. */
function timeOfDay(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % dayMs;
}
