import type { History } from '../load/history.ts';
import type { Load } from '../load/load.ts';
import type { ObjectWatch } from '../load/object-watch.ts';
import type { Subscriber } from '../load/subscriber.ts';
import type { FaultPlatform } from '../platform/platform.ts';
import type { Random } from '../random.ts';

/** Everything that a case may touch. */
export interface CaseContext {
  platform: FaultPlatform;
  load: Load;
  history: History;
  subscribers: readonly Subscriber[];
  objects: ObjectWatch;
  random: Random;
  /** How much of it: rounds, kills per service. */
  runs: number;
  /** One fault of this kind was done. */
  count(kind: string, times?: number): void;
  /** What a case found beyond the invariants; a case with a violation has failed. */
  violation(text: string): void;
  /** What was looked at, for the report. */
  checked(text: string): void;
  /** Told to the person who watches. */
  tell(line: string): void;
}

export interface FaultCase {
  /** Of the fault matrix, with a word: `f-05-kill-storm`. */
  id: string;
  title: string;
  /** Rows of the fault matrix and of the security tests. */
  rows: readonly string[];
  expected: string;
  /** From the end of the fault until everything is as it should be again. */
  boundMs: number;
  runs: number;
  /** Does the faults while the load runs, and ends them. */
  inject(context: CaseContext): Promise<void>;
  /** After the platform has converged: what this case alone says. */
  verify?(context: CaseContext): Promise<void>;
  /** Whatever happened: puts things back for the next case. */
  restore?(context: CaseContext): Promise<void>;
}
