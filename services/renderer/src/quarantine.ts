import { AppError } from '@plumbline/contracts';
import type { Clock } from '@plumbline/contracts';
import { limits } from './limits.ts';

/** Keeps an input that kills engines from killing the next one, for a while. */
export interface Quarantine {
  /** @throws AppError `render-failed` (retry later) while the input is set aside. */
  check(input: string): void;
  countDeath(input: string): void;
}

export function makeQuarantine(clock: Clock): Quarantine {
  const deaths = new Map<string, { count: number; until: number }>();
  return {
    check(input) {
      const record = deaths.get(input);
      if (record === undefined) return;
      if (record.until <= clock()) deaths.delete(input);
      else if (record.count >= limits.deathsMax) {
        throw new AppError(
          'render-failed',
          `the engine died ${record.count} times over this input; it is set aside until ${new Date(record.until).toISOString()}: make the application smaller, or look for a template that never ends`,
          { retry: 'later' },
        );
      }
    },
    countDeath(input) {
      const count = (deaths.get(input)?.count ?? 0) + 1;
      deaths.delete(input);
      deaths.set(input, { count, until: clock() + limits.quarantineMs });
      for (const oldest of deaths.keys()) {
        if (deaths.size <= limits.quarantinedMax) break;
        deaths.delete(oldest);
      }
    },
  };
}
