import { AppError } from '@plumbline/contracts';
import type { Announcement, RecordedEvent } from '@plumbline/contracts';
import type { AnnouncementSource, EventLog, FeedPage } from '@plumbline/event-log';
import { limits } from '../limits.ts';
import { WireEvent } from './wire-event.ts';
import type { Sight } from './sight.ts';

/** What a subscriber takes at once. */
export interface Batch {
  events: readonly WireEvent[];
  /** Everything up to here is in `events` or not for this subscriber. */
  next: number;
  /** The events as server-sent events; made once for all subscribers that take this batch. */
  sse(): Buffer;
}

/** The place of one subscriber at the tail. */
export interface Seat {
  /** Resolves when the log has grown, after a second at most, or when the subscriber is to end. */
  wait(): Promise<void>;
  leave(): void;
}

export interface EventTailParts {
  eventLog: Pick<EventLog, 'readFeed' | 'head'>;
  announcements: AnnouncementSource;
}

/**
 * The end of the log, read once for all live subscribers of this process. Announcements bring the events themselves; what
 * they miss is read from the feed. Who is behind what is kept here reads pages of the feed, few at a time.
 */
export class EventTail {
  readonly #parts: EventTailParts;
  readonly #unsubscribe: () => void;
  readonly #tick: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();
  readonly #queue: (() => void)[] = [];
  #batches = new Map<string, Batch>();
  #events: WireEvent[] = [];
  #sizeBytes = 0;
  #to = 0;
  #generation = unknownGeneration;
  #seats = 0;
  /** Counts how often the last one has left. */
  #audience = 0;
  #catchingUp = 0;
  #filling: Promise<void> | undefined;
  #wakeTimer: NodeJS.Timeout | undefined;
  #wokenAt = 0;

  constructor(parts: EventTailParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.announcements.subscribe((announcement) => this.#hear(announcement));
    // Announcements make it quick, this makes it certain. It is also the clock of all subscribers: none has a timer.
    this.#tick = setInterval(() => {
      if (this.#seats === 0) return;
      void this.#fill();
      this.#wake();
    }, limits.headPollMs);
    this.#tick.unref();
  }

  /** Position of the last event, as far as it is known here. */
  get head(): number {
    return this.#to;
  }

  get generation(): string {
    return this.#generation;
  }

  /** @throws AppError `unavailable` when the log can't be asked where it ends. */
  async join(signal: AbortSignal): Promise<Seat> {
    this.#seats++;
    // Twice: the first may be the end of a reading for those who have left.
    for (let tries = 0; tries < 2 && this.#generation === unknownGeneration; tries++) await this.#fill();
    if (this.#generation === unknownGeneration) {
      this.#seats--;
      throw new AppError('unavailable', 'the event log does not answer; try again in a moment', { retry: 'later' });
    }
    let wake: (() => void) | undefined;
    const onAbort = (): void => wake?.();
    signal.addEventListener('abort', onAbort, { once: true });
    return {
      wait: () =>
        new Promise((resolve) => {
          if (signal.aborted) return resolve();
          wake = () => {
            if (wake !== undefined) this.#waiting.delete(wake);
            wake = undefined;
            resolve();
          };
          this.#waiting.add(wake);
        }),
      leave: () => {
        signal.removeEventListener('abort', onAbort);
        if (wake !== undefined) this.#waiting.delete(wake);
        // Nobody listens: what happens now is not kept, so the next one begins anew.
        if (--this.#seats > 0) return;
        this.#audience++;
        this.#restart({ position: 0, generation: unknownGeneration });
      },
    };
  }

  /** What comes after a position, up to the horizon. @throws AppError `gone` before the oldest event that is kept. */
  async take(after: number, sight: Sight, horizon: number): Promise<Batch> {
    if (after >= Math.min(this.#to, horizon)) return emptyBatch(after);
    const first = this.#to - this.#events.length + 1;
    if (after < first - 1) return this.#catchUp(after, sight, horizon);
    if (sight.key === undefined) return batchOf(this.#events, after - first + 1, { after, sight, horizon });
    const key = `${after} ${sight.key}`;
    let batch = this.#batches.get(key);
    if (batch === undefined) this.#batches.set(key, (batch = batchOf(this.#events, after - first + 1, { after, sight, horizon })));
    return batch;
  }

  /** For who waits for the projection and not for the log: it is looked at again with the next waking. */
  wakeSoon(): void {
    this.#wakeTimer ??= setTimeout(() => this.#wake(), limits.coalesceMs);
  }

  stop(): void {
    this.#unsubscribe();
    clearInterval(this.#tick);
    clearTimeout(this.#wakeTimer);
    this.#wake();
  }

  #hear({ generation, from, to, events }: Announcement): void {
    if (this.#seats === 0 || (generation === this.#generation && to <= this.#to)) return;
    const isNext = generation === this.#generation && from === this.#to + 1 && events?.length === to - from + 1;
    if (isNext && events.every((event, index) => event.position === from + index)) this.#add(events);
    else void this.#fill();
  }

  #fill(): Promise<void> {
    return (this.#filling ??= this.#readOn()
      // The log is away: the next tick tries again, and subscribers are told the head that was known.
      .catch(() => undefined)
      .finally(() => (this.#filling = undefined)));
  }

  async #readOn(): Promise<void> {
    for (;;) {
      const audience = this.#audience;
      const isNew = this.#generation === unknownGeneration;
      const after = this.#to;
      const page = isNew ? undefined : await this.#parts.eventLog.readFeed({ after, limit: limits.eventsPageMax });
      const head = page === undefined ? await this.#parts.eventLog.head() : { position: page.head, generation: page.generation };
      // All left while it was read: what is not kept current is not kept, and who came since begins with what is true now.
      if (this.#seats === 0) return;
      if (audience !== this.#audience) continue;
      if (page?.generation !== this.#generation) return this.#restart(head);
      // What was announced meanwhile is there already.
      this.#add(page.events.filter((event) => event.position > this.#to));
      if (this.#to >= page.head) return;
    }
  }

  #restart({ position, generation }: { position: number; generation: string }): void {
    this.#events = [];
    this.#batches = new Map();
    this.#sizeBytes = 0;
    this.#to = position;
    this.#generation = generation;
    if (this.#waiting.size > 0) this.wakeSoon();
  }

  #add(events: readonly RecordedEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) {
      const shared = new WireEvent(event);
      this.#events.push(shared);
      this.#sizeBytes += shared.sizeBytes;
      this.#to = event.position;
    }
    let drop = 0;
    while (this.#events.length - drop > limits.tailEventsMax || this.#sizeBytes > limits.tailBytesMax) this.#sizeBytes -= this.#events[drop++]?.sizeBytes ?? 0;
    if (drop > 0) this.#events.splice(0, drop);
    this.#batches = new Map();
    this.#wakeTimer ??= setTimeout(() => this.#wake(), Math.max(0, this.#wokenAt + limits.coalesceMs - performance.now()));
  }

  #wake(): void {
    clearTimeout(this.#wakeTimer);
    this.#wakeTimer = undefined;
    this.#wokenAt = performance.now();
    for (const wake of [...this.#waiting]) wake();
  }

  async #catchUp(after: number, sight: Sight, horizon: number): Promise<Batch> {
    const page = await this.#inTurn(() => this.#parts.eventLog.readFeed({ after, limit: limits.eventsPageMax }));
    if (page.generation !== this.#generation) {
      await this.#fill();
      return emptyBatch(after);
    }
    if (page.events.length === 0) throw new AppError('unavailable', `the log could not be read after position ${after}; resume from there`, { retry: 'later' });
    return batchOf(
      page.events.map((event) => new WireEvent(event)),
      0,
      { after, sight, horizon },
    );
  }

  async #inTurn(read: () => Promise<FeedPage>): Promise<FeedPage> {
    if (this.#catchingUp >= limits.catchUpReadsMax) await new Promise<void>((resolve) => void this.#queue.push(resolve));
    else this.#catchingUp++;
    try {
      return await read();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#catchingUp--;
      else next();
    }
  }
}

/** No log has it. */
const unknownGeneration = '';

const emptyBatch = (next: number): Batch => ({ events: [], next, sse: () => Buffer.alloc(0) });

function batchOf(from: readonly WireEvent[], start: number, { after, sight, horizon }: { after: number; sight: Sight; horizon: number }): Batch {
  const events: WireEvent[] = [];
  let next = after;
  let sizeBytes = 0;
  for (let index = start; index < from.length; index++) {
    const shared = from[index]!;
    if (shared.event.position > horizon || events.length >= limits.deliveryEventsMax || sizeBytes >= limits.deliveryBytesMax) break;
    next = shared.event.position;
    if (!sight.sees(shared.event)) continue;
    events.push(shared);
    sizeBytes += shared.sizeBytes;
  }
  let text: Buffer | undefined;
  return { events, next, sse: () => (text ??= Buffer.from(events.map((each) => each.sse()).join(''))) };
}
