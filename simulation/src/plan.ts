import type { FaultRates } from './faults.ts';
import type { Random } from './random.ts';

/** What the seed decides before anything runs. */
export interface Plan {
  applications: number;
  repositories: number;
  /** What people do while things go wrong. */
  deeds: number;
  /** How long things go wrong. */
  troubleMs: number;
  rates: FaultRates;
  /** Outages and crashes beside those of single calls. */
  outages: number;
}

export function planOf(random: Random): Plan {
  // Some seeds have few faults, so that what they find is easy to read; some have many.
  const storm = random.pick([0.2, 1, 3]);
  return {
    applications: random.integer(1, 3),
    repositories: random.integer(1, 2),
    deeds: random.integer(6, 20),
    troubleMs: random.integer(20, 60) * 1_000,
    rates: {
      crash: 0.0015 * storm,
      error: 0.004 * storm,
      delay: 0.01 * storm,
      duplicate: 0.02 * storm,
      drop: 0.05 * storm,
    },
    outages: random.integer(1, 6),
  };
}
