import type { Random } from '../random.ts';

export interface Appointment {
  atMs: number;
  label: string;
  run(): void;
}

interface Entry extends Appointment {
  /** Drawn from the seed: what is due at the same time goes in an order of its own. */
  lot: number;
  number: number;
}

/** Taken before any clock is replaced. */
const turnOfEventLoop = setImmediate;

/**
 * What will happen, and the only clock: time jumps from one appointment to the next. Between two of them everything that
 * the first one started has come to rest.
 */
export class Agenda {
  nowMs: number;
  /** How many appointments were kept. */
  steps = 0;
  readonly #heap: Entry[] = [];
  readonly #random: Random;
  readonly #cancelled = new Set<number>();
  readonly #kept: (appointment: Appointment) => void;
  #number = 0;

  constructor(startMs: number, random: Random, kept: (appointment: Appointment) => void) {
    this.nowMs = startMs;
    this.#random = random;
    this.#kept = kept;
  }

  /** Answers a number to cancel it by. */
  in(delayMs: number, label: string, run: () => void): number {
    const entry = { atMs: this.nowMs + Math.max(0, delayMs), label, run, lot: this.#random.next(), number: ++this.#number };
    this.#push(entry);
    return entry.number;
  }

  cancel(number: number): void {
    this.#cancelled.add(number);
  }

  /** Keeps appointments until the time is reached, nothing is left, or `isDone`. */
  async until(atMs: number, isDone: () => boolean = () => false): Promise<boolean> {
    await settled();
    while (!isDone()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > atMs) {
        this.nowMs = Math.max(this.nowMs, atMs);
        return isDone();
      }
      this.#pop();
      if (this.#cancelled.delete(next.number)) continue;
      this.nowMs = next.atMs;
      this.steps++;
      this.#kept(next);
      next.run();
      await settled();
    }
    return true;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[parent]!)) break;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.lot === b.lot ? a.number < b.number : a.lot < b.lot;
}

/** Every promise that can settle without the agenda has settled: nothing in a simulation waits for threads or sockets. */
function settled(): Promise<void> {
  return new Promise((resolve) => void turnOfEventLoop(resolve));
}
