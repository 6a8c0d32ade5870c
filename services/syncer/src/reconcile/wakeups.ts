import type { Clock, Logger } from '@plumbline/contracts';
import type { JobQueue } from '@plumbline/jobs';
import { react } from '../domain/process.ts';
import type { ApplicationState } from '../domain/state.ts';

/** Carries out the timers of applications: by a job queue that may be emptied at any time, and a sweep that fills it again. */
export interface Wakeups {
  /** Orders what the state says has to happen later; the same again changes nothing. */
  arrange(key: string, state: ApplicationState): void;
  /** For what is no state of the application: the sweep finds it too, later. */
  at(key: string, wakeAt: number): void;
}

export interface WakeupsParts {
  queue: Pick<JobQueue, 'reschedule'>;
  clock: Clock;
  log: Logger;
}

export function makeWakeups({ queue, clock, log }: WakeupsParts): Wakeups {
  const at = (key: string, wakeAt: number): void => {
    queue.reschedule(key, Math.max(0, wakeAt - clock())).catch((error: unknown) => {
      log.warn('could not schedule a wake-up; the sweep does it again', { application: key, reason: String(error) });
    });
  };
  return {
    arrange(key, state) {
      const times = react(state).map((command) => command.wakeAt);
      // What is due is done by whoever looks at the application now.
      const next = Math.min(...times.filter((wakeAt) => wakeAt > clock()));
      if (Number.isFinite(next)) at(key, next);
    },
    at,
  };
}
