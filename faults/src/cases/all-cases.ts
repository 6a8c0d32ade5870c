import type { FaultCase } from './fault-case.ts';
import { cluster } from './cluster.ts';
import { forged } from './forged.ts';
import { git } from './git.ts';
import { kills } from './kills.ts';
import { logTampered } from './log-tampered.ts';
import { owners } from './owners.ts';
import { poisoned } from './poisoned.ts';
import { stores } from './stores.ts';

/** In the order in which they run: what is done to the log itself comes last. */
export const allCases: readonly FaultCase[] = [...kills, ...stores, ...cluster, ...git, ...owners, ...forged, ...poisoned, ...logTampered];
