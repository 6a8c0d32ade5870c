import type { Load } from '../load/load.ts';
import type { Random } from '../random.ts';
import type { World } from '../world/world.ts';

/** One kind of fault: how it is brought about, and what has to be true afterwards besides the invariants. */
export interface FaultCase {
  /** Short, for `--case`. */
  id: string;
  /** Rows of the fault matrix and tests of the catalogue: F03, T18. */
  rows: readonly string[];
  title: string;
  expected: string;
  /** From the end of the fault until everything is as Git says, on a busy machine. */
  boundMs: number;
  /** Why it cannot be run on this platform, if so. */
  skippedBecause?(context: FaultContext): Promise<string | undefined>;
  /** Brings the fault about under load, and ends it. */
  inject(context: FaultContext): Promise<void>;
  /** After everything has converged. */
  check?(context: FaultContext): Promise<void>;
}

export interface FaultContext {
  world: World;
  load: Load;
  random: Random;
  /** 1 for a normal run; a full run does more of what is repeated. */
  scale: number;
  /** Something was broken, so many times. */
  injected(kind: string, count?: number): void;
  /** Something that has to be true; what is not is told with `detail`. */
  verify(what: string, isTrue: boolean, detail?: string): void;
  /** In the log, to find one's way. */
  note(text: string): void;
}
