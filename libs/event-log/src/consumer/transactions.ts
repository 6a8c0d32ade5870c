import type { RecordedEvent } from '@plumbline/contracts';
import { applyEventsMax, consumerTransactionsMax, joinedEventsMax } from '../limits.ts';
import type { Consumer } from '../port.ts';
import type { CheckpointMove, CheckpointStore } from './checkpoints.ts';
import { makeSlots, type Slots } from './slots.ts';

/** Another replica moved the checkpoint: what is known about this bucket is old. */
export class Overtaken extends Error {}

/** What one bucket wants: these events applied, and its checkpoint moved, in one transaction. */
export interface Piece {
  move: CheckpointMove;
  events: readonly RecordedEvent[];
}

interface Waiting {
  piece: Piece;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * The transactions of one running consumer. Small pieces of several buckets go together: what comes while one of these
 * transactions is under way makes the next, so that a burst of events costs few commits and a single event never waits.
 * A joined transaction that fails is nobody's fault: each piece is then done alone, and fails by itself.
 */
export class Transactions<Tx> {
  readonly #checkpoints: CheckpointStore<Tx>;
  readonly #consumer: Consumer<Tx>;
  readonly #slots: Slots;
  readonly #waiting: Waiting[] = [];
  #isJoining = false;

  constructor(checkpoints: CheckpointStore<Tx>, consumer: Consumer<Tx>, slots: Slots = makeSlots(consumerTransactionsMax)) {
    this.#checkpoints = checkpoints;
    this.#consumer = consumer;
    this.#slots = slots;
  }

  /**
   * Resolves when it is committed. Rejects with `Overtaken`, or with what went wrong with this piece.
   *
   * @param isSuspect it failed before: kept apart from the others
   */
  run(piece: Piece, isSuspect: boolean): Promise<void> {
    if (isSuspect || piece.events.length > joinedEventsMax) return this.#alone(piece);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ piece, resolve, reject });
      void this.#join();
    });
  }

  async #join(): Promise<void> {
    if (this.#isJoining) return;
    this.#isJoining = true;
    // One announcement has events for several buckets: all of them are there once it was handed round.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#together(this.#waiting.splice(0, this.#countOfNext()));
    this.#isJoining = false;
  }

  #countOfNext(): number {
    let events = 0;
    const end = this.#waiting.findIndex(({ piece }) => (events += piece.events.length) > applyEventsMax);
    return end === -1 ? this.#waiting.length : Math.max(1, end);
  }

  async #together(group: readonly Waiting[]): Promise<void> {
    const [first] = group;
    if (group.length === 1 && first !== undefined) return this.#alone(first.piece).then(first.resolve, first.reject);
    try {
      const moved = await this.#slots.run(() => this.#transact(group.map(({ piece }) => piece)));
      for (const { piece, resolve, reject } of group) {
        if (moved.has(piece.move.from.bucket)) resolve();
        else reject(new Overtaken());
      }
    } catch {
      for (const { piece, resolve, reject } of group) void this.#alone(piece).then(resolve, reject);
    }
  }

  #alone(piece: Piece): Promise<void> {
    return this.#slots.run(async () => {
      const moved = await this.#transact([piece]);
      if (!moved.has(piece.move.from.bucket)) throw new Overtaken();
    });
  }

  /** The checkpoints first: their row locks keep other replicas out, and tell which of them were quicker. */
  #transact(pieces: readonly Piece[]): Promise<ReadonlySet<number>> {
    return this.#checkpoints.transaction(async (tx) => {
      const moved = await this.#checkpoints.advance(
        tx,
        this.#consumer.name,
        pieces.map(({ move }) => move),
      );
      const events = pieces.flatMap((piece) => (moved.has(piece.move.from.bucket) ? piece.events : []));
      if (pieces.length > 1) events.sort((a, b) => a.position - b.position);
      if (events.length > 0) await this.#consumer.apply(events, tx);
      return moved;
    });
  }
}
