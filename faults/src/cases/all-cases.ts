import type { FaultCase } from './fault-case.ts';
import { kills } from './kills.ts';

/** In the order in which they run: what is done to the log itself comes last. */
export const allCases: readonly FaultCase[] = [...kills];
