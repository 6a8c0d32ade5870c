import type { Announcement, Logger, RecordedEvent } from '@plumbline/contracts';
import { bucketCount, consumerPageEventsMax } from '../limits.ts';
import type { EventLog } from '../port.ts';
import type { Bucket, Timer } from './bucket.ts';
import { bucketOf } from './checkpoints.ts';
import { EarlyAnnouncements } from './early-announcements.ts';
import { traceOf } from './parking.ts';

export interface IntakeParts<Tx> {
  log: Pick<EventLog<Tx>, 'readFeed'>;
  /** Name of the consumer. */
  consumer: string;
  logger: Logger;
  timer: Timer;
  /** Those of the consumer, as they now are. */
  buckets(): readonly Bucket<Tx>[];
  generation(): string;
  /** The feed is of another generation, or ends before what was read of it. */
  adopt(head: { position: number; generation: string }): Promise<void>;
  /** The buckets were offered something. */
  offered(): void;
}

/**
 * How events come to a consumer's buckets: announcements as they are heard, and the feed, which has everything, for what
 * was missed or found no room. What becomes of them is the buckets' business.
 */
export class Intake<Tx> {
  readonly #parts: IntakeParts<Tx>;
  readonly #early: EarlyAnnouncements;
  #head = 0;
  #reading: Promise<void> | undefined;
  #isReadWanted = false;
  #isStopped = false;

  constructor(parts: IntakeParts<Tx>) {
    this.#parts = parts;
    this.#early = new EarlyAnnouncements({
      timer: parts.timer,
      knownTo: () => this.#nextWanted(),
      offer: ({ from, to, events = [] }) => this.#offer(from, to, events),
      missed: () => this.read(),
    });
  }

  /** The last position of the log that is known. */
  get head(): number {
    return this.#head;
  }

  /** At the start, and when the log's positions begin anew: what was heard before is of no use. */
  beginAt(head: number): void {
    this.#head = head;
    this.#early.forget();
  }

  /** Nothing more is taken in; resolves when what is being read is. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#early.forget();
    await this.#reading;
  }

  /** A bucket may have room again. */
  catchUp(): void {
    if (this.#reading === undefined && this.#isBehind()) this.read();
  }

  /** Offers what is whole and comes next; for the rest it waits a little, or reads the feed. */
  hear(announcement: Announcement): void {
    if (this.#isStopped) return;
    const { generation, from, to, events } = announcement;
    const isWhole =
      generation === this.#parts.generation() && events?.length === to - from + 1 && events.every((event, index) => event.position === from + index);
    if (isWhole && this.#early.keep(announcement)) return;
    if (isWhole) this.#offer(from, to, events);
    this.#early.settle();
    // Too big, another generation, a full bucket: the feed has it.
    if (generation !== this.#parts.generation() || this.#parts.buckets().some((bucket) => bucket.hasRoom() && bucket.taken < to)) this.read();
  }

  #offer(from: number, to: number, events: readonly RecordedEvent[]): void {
    this.#head = Math.max(this.#head, to);
    const byBucket: RecordedEvent[][] = Array.from({ length: bucketCount }, () => []);
    for (const event of events) byBucket[bucketOf(event.stream)]?.push(event);
    this.#parts.buckets().forEach((bucket, index) => bucket.offer(from, to, byBucket[index] ?? []));
    this.#parts.offered();
  }

  /** Reads the feed to its end; asked again meanwhile, once more. */
  read(): void {
    this.#isReadWanted = true;
    if (this.#reading !== undefined || this.#isStopped) return;
    this.#reading = this.#readAll().then(
      () => {
        this.#reading = undefined;
        this.#early.settle();
        if (this.#isReadWanted || this.#isBehind()) this.read();
      },
      (error: unknown) => {
        this.#reading = undefined;
        this.#parts.logger.warn('a consumer could not read the feed; the next poll tries again', {
          consumer: this.#parts.consumer,
          error: traceOf(error),
        });
      },
    );
  }

  /** A bucket that was full has room again, or one was set back: only the feed helps those. */
  #isBehind(): boolean {
    return !this.#isStopped && this.#parts.buckets().some((bucket) => bucket.hasRoom() && bucket.taken < this.#head);
  }

  async #readAll(): Promise<void> {
    while (this.#isReadWanted) {
      this.#isReadWanted = false;
      while (!this.#isStopped && (await this.#readPage()));
    }
  }

  /** True when there is more to read, and somebody to take it. */
  async #readPage(): Promise<boolean> {
    const after = this.#nextWanted();
    if (after === undefined) return false;
    const page = await this.#parts.log.readFeed({ after, limit: consumerPageEventsMax });
    if (page.generation !== this.#parts.generation() || page.head < after) {
      await this.#parts.adopt({ position: page.head, generation: page.generation });
      return true;
    }
    this.#head = page.head;
    const last = page.events.at(-1);
    if (last !== undefined) this.#offer(after + 1, last.position, page.events);
    const next = this.#nextWanted();
    return last !== undefined && next !== undefined && next < page.head;
  }

  #nextWanted(): number | undefined {
    let wanted: number | undefined;
    for (const bucket of this.#parts.buckets()) {
      if (bucket.hasRoom() && (wanted === undefined || bucket.taken < wanted)) wanted = bucket.taken;
    }
    return wanted;
  }
}
