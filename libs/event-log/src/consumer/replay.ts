import { AppError, type RecordedEvent } from '@plumbline/contracts';
import { feedPageEventsMax, rebuildOutagesMax, rebuildParkedMax, rebuildTriesMax } from '../limits.ts';
import type { Consumer, EventLog, FeedPage, ParkedStream } from '../port.ts';
import { postgresError } from '../postgres/postgres-errors.ts';
import { parkedAt, type ParkingContext } from './parking.ts';
import type { Shadow } from './projection-store.ts';

export interface ReplayParts<Tx> extends ParkingContext {
  log: EventLog<Tx>;
  consumer: Consumer<Tx>;
  shadow: Shadow<Tx>;
  generation: string;
  /** Ids of events that people skipped: they stay skipped. */
  skipped: ReadonlySet<string>;
  /** Streams that are left out from a position on: the live one has them parked there. */
  leftOut: ReadonlyMap<string, number>;
  pause(delayMs: number): Promise<void>;
  /** Throws when nobody wants the rest any more. */
  check(): void;
}

/**
 * Applies the feed to a shadow from its beginning, page by page, each in one transaction, all buckets together: while
 * one page is applied the next one is read.
 */
export class Replay<Tx> {
  readonly #parts: ReplayParts<Tx>;
  readonly #types: ReadonlySet<string> | undefined;
  readonly parked = new Map<string, ParkedStream>();
  position = 0;
  head = 0;

  constructor(parts: ReplayParts<Tx>) {
    this.#parts = parts;
    this.#types = parts.consumer.types === undefined ? undefined : new Set(parts.consumer.types);
  }

  /** Everything up to `end`, or as long as the feed has something. */
  async run(end = Number.POSITIVE_INFINITY): Promise<void> {
    let next = this.#page(this.position);
    for (;;) {
      const page = await next;
      this.head = page.head;
      const events = page.events.filter((event) => event.position <= end);
      const last = events.at(-1);
      if (last === undefined) return;
      const isMore = last.position < Math.min(end, page.head);
      if (isMore) {
        next = this.#page(last.position);
        // It is awaited in the next round; until then nobody listens.
        next.catch(() => undefined);
      }
      await this.#apply(events.filter((event) => this.#isWanted(event)));
      this.position = last.position;
      this.#parts.check();
      if (!isMore) return;
    }
  }

  /** What is left up to `end`, of the events that `isIncluded`, in a transaction that does something else too. */
  async rest(tx: Tx, end: number, isIncluded: (event: RecordedEvent) => boolean = () => true): Promise<void> {
    for (let position = this.position; position < end;) {
      const page = await this.#page(position);
      const last = page.events.at(-1);
      if (last === undefined) return;
      const wanted = page.events.filter((event) => event.position <= end && this.#isWanted(event) && isIncluded(event));
      if (wanted.length > 0) await this.#parts.consumer.apply(wanted, tx);
      ({ position } = last);
    }
  }

  #isWanted({ id, type, stream, position }: RecordedEvent): boolean {
    const { skipped, leftOut } = this.#parts;
    if (this.#types?.has(type) === false || skipped.has(id)) return false;
    return position < (leftOut.get(stream) ?? Number.POSITIVE_INFINITY);
  }

  async #page(after: number): Promise<FeedPage> {
    const { log, generation } = this.#parts;
    const page = await this.#patiently(() => log.readFeed({ after, limit: feedPageEventsMax }));
    if (page.generation === generation) return page;
    throw new AppError('unavailable', 'the log was recovered from an older copy meanwhile: begin again', { retry: 'later' });
  }

  /** In halves when it fails, to find the event that does. */
  async #apply(events: readonly RecordedEvent[]): Promise<void> {
    const { consumer, shadow } = this.#parts;
    const batch = events.filter((event) => !this.parked.has(event.stream));
    const [first] = batch;
    if (first === undefined) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#patiently(() => shadow.transaction((tx) => consumer.apply(batch, tx)));
        return;
      } catch (error) {
        if (isOutage(error)) throw error;
        this.#parts.check();
        if (batch.length > 1) {
          const half = Math.ceil(batch.length / 2);
          await this.#apply(batch.slice(0, half));
          return this.#apply(batch.slice(half));
        }
        if (attempt >= rebuildTriesMax) return this.#park(first, error, attempt);
      }
    }
  }

  #park(event: RecordedEvent, error: unknown, attempts: number): void {
    this.parked.set(event.stream, parkedAt(this.#parts, event, error, attempts));
    if (this.parked.size > rebuildParkedMax) {
      throw new AppError('failed-precondition', `more than ${rebuildParkedMax} streams can't be applied; the last error: ${AppError.from(error).message}`);
    }
  }

  async #patiently<R>(work: () => Promise<R>): Promise<R> {
    for (let outages = 0; ; outages++) {
      this.#parts.check();
      try {
        return await work();
      } catch (error) {
        if (!isOutage(error) || outages >= rebuildOutagesMax) throw error;
        await this.#parts.pause(100 * 2 ** outages);
      }
    }
  }
}

const isOutage = (error: unknown): boolean => postgresError(error, 'apply events').code === 'unavailable';
