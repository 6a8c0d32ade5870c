import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import type { Wakeups } from './wakeups.ts';

/** One round over all applications takes this many sweeps. */
const sweepsPerRound = 20;

export interface SweepParts {
  applications: { all(): Iterable<Entry> };
  wakeups: Wakeups;
  wake(key: string): void;
  everyMs: number;
}

/**
 * Looks again at what a lost message or an emptied queue may have left: everything that waits or failed at each sweep,
 * everything else once a round. Timers are ordered again from the state, whether or not looking at the application works.
 */
export function makeSweep({ applications, wakeups, wake, everyMs }: SweepParts): { stop(): void } {
  let sweep = 0;
  const timer = setInterval(() => {
    sweep++;
    let index = 0;
    for (const entry of applications.all()) {
      const state = declaredState(entry);
      const isUnsettled =
        state === undefined ||
        state.operation?.phase === 'Running' ||
        state.failure !== undefined ||
        state.deletion !== undefined ||
        state.comparison?.status !== 'Synced';
      const isItsTurn = index++ % sweepsPerRound === sweep % sweepsPerRound;
      if (isItsTurn) entry.recordsPointer = true;
      wakeups.arrange(entry.key, entry.log.state);
      if (isUnsettled || isItsTurn) wake(entry.key);
    }
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}
