import type { Checkpoint, CheckpointStore, ConsumerState } from '../consumer/checkpoints.ts';
import { bucketCount } from '../limits.ts';
import type { ParkedStream } from '../port.ts';
import type { MemoryDatabase, MemoryTx } from './memory-database.ts';
import { makeMemoryProjections } from './memory-projections.ts';

const key = (consumer: string, rest: string | number): string => `${consumer}\n${rest}`;

/** Checkpoints in the tables `checkpoint`, `parked_event` and `skipped_event` of the database. */
export function makeMemoryCheckpoints(database: MemoryDatabase): CheckpointStore<MemoryTx> {
  const read = async (tx: MemoryTx, consumer: string): Promise<ConsumerState> => {
    const rows = tx.table<Checkpoint>('checkpoint');
    const checkpoints = Array.from({ length: bucketCount }, (_, bucket) => rows.get(key(consumer, bucket))).filter((row) => row !== undefined);
    const parked = tx.table<ParkedStream>('parked_event').entries();
    return { checkpoints, parked: parked.map(([, row]) => row).filter((row) => row.consumer === consumer) };
  };
  const load = (consumer: string, generation: string): Promise<ConsumerState> =>
    database.transaction(async (tx) => {
      const rows = tx.table<Checkpoint>('checkpoint');
      for (let bucket = 0; bucket < bucketCount; bucket++) {
        if (rows.get(key(consumer, bucket)) === undefined) rows.set(key(consumer, bucket), { bucket, position: 0, generation, revision: 0, build: 0 });
      }
      return read(tx, consumer);
    });
  const revisions = ({ checkpoints }: ConsumerState): string => checkpoints.map((checkpoint) => checkpoint.revision).join();
  return {
    transaction: (work) => database.transaction(work),
    load,
    async snapshot(consumer, generation, work) {
      // A transaction in memory sees what others commit meanwhile: what was read counts only if nobody did.
      for (;;) {
        const before = await load(consumer, generation);
        const result = await database.transaction((tx) => work(tx, before));
        if (revisions(await load(consumer, generation)) === revisions(before)) return result;
      }
    },
    read,
    // No locks in memory: whoever wrote the same rows first wins, and a swap writes them all.
    lock: read,
    async move(tx, consumer, moves) {
      const rows = tx.table<Checkpoint>('checkpoint');
      for (const { from, position, generation, build = from.build } of moves) {
        const current = rows.get(key(consumer, from.bucket));
        if (current?.revision !== from.revision) return false;
        rows.set(key(consumer, from.bucket), { bucket: from.bucket, position, generation, revision: from.revision + 1, build });
      }
      return true;
    },
    async advance(tx, consumer, moves) {
      const rows = tx.table<Checkpoint>('checkpoint');
      const moved = moves.filter(({ from }) => rows.get(key(consumer, from.bucket))?.revision === from.revision);
      for (const { from, position, generation, build = from.build } of moved) {
        rows.set(key(consumer, from.bucket), { bucket: from.bucket, position, generation, revision: from.revision + 1, build });
      }
      return new Set(moved.map(({ from }) => from.bucket));
    },
    async park(tx, parked) {
      tx.table<ParkedStream>('parked_event').set(key(parked.consumer, parked.stream), parked);
    },
    async unpark(tx, consumer, stream) {
      tx.table<ParkedStream>('parked_event').delete(key(consumer, stream));
    },
    async recordSkipped(tx, skipped) {
      tx.table<ParkedStream>('skipped_event').set(key(skipped.consumer, skipped.position), skipped);
    },
    skipped: (consumer) =>
      database.transaction(async (tx) => {
        const rows = tx.table<ParkedStream>('skipped_event').entries();
        return rows
          .map(([, row]) => row)
          .filter((row) => row.consumer === consumer)
          .map((row) => row.eventId);
      }),
    build: (consumer) =>
      database.transaction(async (tx) => {
        const { checkpoints } = await read(tx, consumer);
        return checkpoints.length === 0 ? undefined : Math.max(...checkpoints.map((checkpoint) => checkpoint.build));
      }),
    projections: makeMemoryProjections(database),
  };
}
