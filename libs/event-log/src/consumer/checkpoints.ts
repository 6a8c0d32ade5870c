import { bucketCount } from '../limits.ts';
import type { ParkedStream } from '../port.ts';
import type { ProjectionStore } from './projection-store.ts';

/** How far a consumer is with one bucket of streams. */
export interface Checkpoint {
  bucket: number;
  /** Every event of the bucket up to here is applied, or parked. */
  position: number;
  generation: string;
  /** Counts every change of the row: whoever holds an old one has been overtaken by another replica. */
  revision: number;
  /** Counts how often the projection was begun anew or swapped: another number, another content. */
  build: number;
}

export interface ConsumerState {
  /** All buckets, in order. */
  checkpoints: Checkpoint[];
  parked: ParkedStream[];
}

/** Where a consumer's checkpoints live: beside what it projects, in the same transactions. */
export interface CheckpointStore<Tx> {
  /** Appends of the log with this `tx` should be announced after the commit (see `announcing` of the PostgreSQL log). */
  transaction<R>(work: (tx: Tx) => Promise<R>): Promise<R>;
  /** Missing checkpoints are made: at position 0 of `generation`. */
  load(consumer: string, generation: string): Promise<ConsumerState>;
  /** Like `load`, and `work` reads what was projected at the very same moment. It may be called again. */
  snapshot<R>(consumer: string, generation: string, work: (tx: Tx, state: ConsumerState) => Promise<R>): Promise<R>;
  /** The state, in a transaction that was begun for one moment. */
  read(tx: Tx, consumer: string): Promise<ConsumerState>;
  /** Holds all checkpoints: until the transaction ends, nobody applies anything for this consumer. */
  lock(tx: Tx, consumer: string): Promise<ConsumerState>;
  /**
   * Moves checkpoints to new positions and takes their row locks, so that two replicas can't apply the same events.
   * False when one of them was changed since it was loaded: the transaction must be rolled back then.
   */
  move(tx: Tx, consumer: string, moves: readonly CheckpointMove[]): Promise<boolean>;
  /**
   * The same for what can be done again from the log: moves those that nobody changed since, and answers their buckets.
   * The commit need not wait for the disk: a server that crashes within the next second may lose the transaction, but only
   * as a whole, with whatever followed.
   */
  advance(tx: Tx, consumer: string, moves: readonly CheckpointMove[]): Promise<ReadonlySet<number>>;
  /** Adds or replaces. To be called in a transaction that also moves the checkpoint of the stream's bucket. */
  park(tx: Tx, parked: ParkedStream): Promise<void>;
  unpark(tx: Tx, consumer: string, stream: string): Promise<void>;
  /** Keeps for the record that an event was skipped, and why. A rebuild leaves it out too. */
  recordSkipped(tx: Tx, skipped: ParkedStream & { reason: string }): Promise<void>;
  /** Ids of the events that were skipped: positions change their meaning with the generation. */
  skipped(consumer: string): Promise<string[]>;
  /** The number of the build that is stored; undefined before the first `load`. */
  build(consumer: string): Promise<number | undefined>;
  projections: ProjectionStore<Tx>;
}

export interface CheckpointMove {
  from: Checkpoint;
  position: number;
  generation: string;
  /** Default: as it was. */
  build?: number;
}

/** The bucket of a stream: FNV-1a (32 bit) over the UTF-8 bytes of its name, modulo 16. Never to be changed. */
export function bucketOf(stream: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(stream)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % bucketCount;
}
