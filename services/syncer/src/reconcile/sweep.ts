import type { Applications } from '../applications/applications.ts';
import { declaredState } from './entry.ts';

/** One round over all applications takes this many sweeps. */
const sweepsPerRound = 20;

/**
 * Looks again at what a lost message or an emptied queue may have left: everything that waits or failed at each sweep,
 * everything else once a round.
 */
export function makeSweep(applications: Applications, wake: (key: string) => void, everyMs: number): { stop(): void } {
  let sweep = 0;
  const timer = setInterval(() => {
    sweep++;
    let index = 0;
    for (const entry of applications.all()) {
      const state = declaredState(entry);
      const isUnsettled =
        state === undefined || state.operation?.phase === 'Running' || state.failure !== undefined || state.isDeleting || state.comparison?.status !== 'Synced';
      const isItsTurn = index++ % sweepsPerRound === sweep % sweepsPerRound;
      if (isItsTurn) entry.recordsPointer = true;
      if (isUnsettled || isItsTurn) wake(entry.key);
    }
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}
