import type { Checkpoint, CheckpointStore } from '../consumer/checkpoints.ts';
import { bucketCount } from '../limits.ts';
import type { ParkedStream } from '../port.ts';
import type { MemoryDatabase, MemoryTx } from './memory-database.ts';

const key = (consumer: string, rest: string | number): string => `${consumer}\n${rest}`;

/** Checkpoints in the tables `checkpoint`, `parked_event` and `skipped_event` of the database. */
export function makeMemoryCheckpoints(database: MemoryDatabase): CheckpointStore<MemoryTx> {
  return {
    transaction: (work) => database.transaction(work),
    load: (consumer, generation) =>
      database.transaction(async (tx) => {
        const rows = tx.table<Checkpoint>('checkpoint');
        const checkpoints: Checkpoint[] = [];
        for (let bucket = 0; bucket < bucketCount; bucket++) {
          let checkpoint = rows.get(key(consumer, bucket));
          if (checkpoint === undefined) {
            checkpoint = { bucket, position: 0, generation, revision: 0 };
            rows.set(key(consumer, bucket), checkpoint);
          }
          checkpoints.push(checkpoint);
        }
        const parked = tx.table<ParkedStream>('parked_event').entries();
        return { checkpoints, parked: parked.map(([, row]) => row).filter((row) => row.consumer === consumer) };
      }),
    async move(tx, consumer, moves) {
      const rows = tx.table<Checkpoint>('checkpoint');
      for (const { from, position, generation } of moves) {
        const current = rows.get(key(consumer, from.bucket));
        if (current?.revision !== from.revision) return false;
        rows.set(key(consumer, from.bucket), { bucket: from.bucket, position, generation, revision: from.revision + 1 });
      }
      return true;
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
  };
}
