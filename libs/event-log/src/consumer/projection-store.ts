import type { ProjectionRun, ProjectionTable } from '../port.ts';

/** Who wants to rebuild or compare. */
export interface Claim {
  consumer: string;
  kind: ProjectionRun['kind'];
  owner: string;
  /** Names this run for as long as it lasts: whoever lost its claim is told by it. */
  token: string;
  nowMs: number;
  /** Only when the last run, whatever kind it was, began before this. */
  startedBeforeMs?: number;
}

/** The tables of projections as things to make, rebuild and compare, and the record of who is at it. */
export interface ProjectionStore<Tx> {
  /** What the statements would make and isn't there: tables, and columns as `table.column`. Changes nothing. */
  damage(tables: readonly ProjectionTable[]): Promise<string[]>;
  /** Cheap enough to be asked every few seconds: false when a table is gone. */
  areThere(tables: readonly ProjectionTable[]): Promise<boolean>;
  /** Drops the tables and makes them anew, empty. */
  recreate(tx: Tx, tables: readonly ProjectionTable[]): Promise<void>;
  /** Makes the record of a consumer that has none, in the state `waiting`. */
  watch(consumer: string, owner: string, nowMs: number): Promise<void>;
  lastRun(consumer: string): Promise<ProjectionRun | undefined>;
  /** False: another run has it, or (with `startedBeforeMs`) there was one lately. One that is silent for long is dead. */
  claim(claim: Claim): Promise<boolean>;
  /** Says how far it is, or how it ended; with the end the shadow goes. False: the claim is lost. */
  report(token: string, run: ProjectionRun): Promise<boolean>;
  /** Until the transaction ends nobody takes the claim away. False: it is lost already. */
  hold(tx: Tx, consumer: string, token: string): Promise<boolean>;
  /** Ends a run of an owner that is no longer at it, and drops what it left. */
  abandon(consumer: string, message: string): Promise<void>;
  /** Empty tables beside the live ones; what an earlier run left is dropped. Undefined: the claim is lost, and nothing was touched. */
  openShadow(consumer: string, token: string, tables: readonly ProjectionTable[]): Promise<Shadow<Tx> | undefined>;
}

export interface TableDifference {
  table: string;
  rows: number;
  differences: number;
  sample: readonly string[];
}

/** The tables of a projection a second time, where nobody reads them. */
export interface Shadow<Tx> {
  /** A table's name means the one in the shadow. `isOfOneMoment`: all that is read is as it was at the first statement. */
  transaction<R>(work: (tx: Tx) => Promise<R>, options?: { isOfOneMoment?: boolean }): Promise<R>;
  /** The tables take the place of the live ones, when this transaction (of the shadow) commits. */
  swap(tx: Tx): Promise<void>;
  /** In a transaction of the shadow. */
  compare(tx: Tx): Promise<TableDifference[]>;
}
