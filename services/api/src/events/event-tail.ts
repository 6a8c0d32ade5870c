import type { RecordedEvent } from '@plumbline/contracts';
import type { AnnouncementSource, EventLog } from '@plumbline/event-log';
import { limits } from '../limits.ts';
import { shown } from './shown-event.ts';

/** An event that many subscribers get: what is made of it is made once. */
export class TailEvent {
  readonly event: RecordedEvent;
  #message: Buffer | undefined;

  constructor(event: RecordedEvent) {
    this.event = event;
  }

  /** As a server-sent event. */
  get message(): Buffer {
    return (this.#message ??= Buffer.from(`id: ${this.event.position}\ndata: ${JSON.stringify(shown(this.event))}\n\n`));
  }
}

export interface TailSlice {
  /** Dense, from `after + 1`; none at the end of the log. */
  events: readonly TailEvent[];
  head: number;
  generation: string;
}

/** The end of the log, read once for everybody who follows it; earlier parts are read from the log itself. */
export interface EventTail {
  /** The next events after a position, at most some hundreds. Errors as `readFeed`. */
  after(position: number): Promise<TailSlice>;
  /** Resolves when something after this position may be there, when the time is over, or when aborted. */
  waitFor(position: number, timeoutMs: number, signal: AbortSignal): Promise<void>;
  stop(): void;
}

/**
 * Announcements carry whole events: they go into a ring that all subscribers read from. Where one is missing or has no
 * events, subscribers read a page of the feed, the same page once for all who want it. Who waits is woken together, at
 * most each 10 ms.
 */
export function followLog(eventLog: Pick<EventLog, 'readFeed' | 'head'>, announcements: AnnouncementSource): EventTail {
  const ring = new Ring();
  const waiters = makeWaiters();
  const pages = new Map<number, Promise<TailSlice>>();
  let generation = '';
  let head = 0;
  /** Since the last look: who writes to its client at this moment does not wait here. */
  let isAsked = false;

  const moved = (to: number): void => {
    head = Math.max(head, to);
    waiters.wakeSoon(head);
  };
  /** Another one, or (empty) one that has to be asked for: who waits asks the log. */
  const become = (other: string): void => {
    if (other === generation) return;
    generation = other;
    head = 0;
    ring.clear();
    waiters.wakeAll();
  };
  const unsubscribe = announcements.subscribe(({ generation: theirs, from, to, events }) => {
    if (theirs !== generation) return become('');
    if (waiters.count() === 0 && ring.isEmpty()) return void (head = Math.max(head, to));
    if (events !== undefined) ring.add(from, events);
    moved(to);
  });
  const poll = setInterval(() => {
    if (waiters.count() === 0 && !isAsked) return ring.clear();
    isAsked = false;
    eventLog.head().then(
      (now) => (now.generation === generation ? moved(now.position) : become('')),
      () => undefined, // The log is away: who waits goes on when it is back.
    );
  }, limits.headPollMs);
  poll.unref();

  const readPage = async (position: number): Promise<TailSlice> => {
    const page = await eventLog.readFeed({ after: position, limit: limits.tailPageEvents });
    become(page.generation);
    head = Math.max(head, page.head);
    const events = page.events.map((event) => new TailEvent(event));
    if (events.at(-1)?.event.position === page.head) ring.begin(events);
    return { events, head: page.head, generation: page.generation };
  };

  return {
    async after(position) {
      isAsked = true;
      const events = position === head && ring.endsAt(position) ? [] : ring.after(position);
      if (events !== undefined) return { events, head, generation };
      const reading = pages.get(position) ?? readPage(position).finally(() => pages.delete(position));
      pages.set(position, reading);
      return reading;
    },
    waitFor: (position, timeoutMs, signal) => waiters.add(position, head, timeoutMs, signal),
    stop: () => {
      unsubscribe();
      clearInterval(poll);
      waiters.stop();
    },
  };
}

/** The last events, dense; bounded in number and in bytes. */
class Ring {
  #events: TailEvent[] = [];
  #sizeBytes = 0;

  isEmpty(): boolean {
    return this.#events.length === 0;
  }

  clear(): void {
    this.#hold([]);
  }

  /** What was read up to the end of the log; what was announced since goes behind it. */
  begin(events: readonly TailEvent[]): void {
    const last = this.#events.at(-1)?.event.position ?? 0;
    if ((events.at(-1)?.event.position ?? 0) > last) this.#hold([...events]);
  }

  add(from: number, events: readonly RecordedEvent[]): void {
    const last = this.#events.at(-1)?.event.position;
    // Behind a gap it is of no use: the next reader fills it from the log.
    if (last === undefined || from > last + 1) return;
    for (const event of events) {
      if (event.position <= last) continue;
      const entry = new TailEvent(event);
      this.#events.push(entry);
      this.#sizeBytes += entry.message.length;
    }
    // Not at each one: moving the rest costs.
    if (this.#events.length > 2 * limits.tailEventsMax) this.#drop(this.#events.length - limits.tailEventsMax);
    let [dropped, left] = [0, this.#sizeBytes];
    while (left > limits.tailBytesMax) left -= this.#events[dropped++]!.message.length;
    if (dropped > 0) this.#drop(dropped);
  }

  endsAt(position: number): boolean {
    return this.#events.at(-1)?.event.position === position;
  }

  /** Undefined: these are not here, or not yet. */
  after(position: number): readonly TailEvent[] | undefined {
    const first = this.#events[0]?.event.position;
    if (first === undefined || position + 1 < first) return undefined;
    const index = position + 1 - first;
    return index < this.#events.length ? this.#events.slice(index, index + limits.tailPageEvents) : undefined;
  }

  #hold(events: TailEvent[]): void {
    this.#events = events;
    this.#sizeBytes = sizeOf(events);
  }

  #drop(count: number): void {
    this.#sizeBytes -= sizeOf(this.#events.splice(0, count));
  }
}

const sizeOf = (events: readonly TailEvent[]): number => events.reduce((sum, { message }) => sum + message.length, 0);

interface Waiters {
  count(): number;
  add(position: number, head: number, timeoutMs: number, signal: AbortSignal): Promise<void>;
  wakeSoon(head: number): void;
  wakeAll(): void;
  stop(): void;
}

/** One timer wakes all whose time is over; one wakes those for whom something came. */
function makeWaiters(): Waiters {
  const waiting = new Set<{ position: number; until: number; wake: () => void }>();
  let flush: NodeJS.Timeout | undefined;
  let flushedAt = 0;
  let head = 0;

  const wakeWhere = (isDue: (waiter: { position: number; until: number }) => boolean): void => {
    for (const waiter of waiting) {
      if (!isDue(waiter)) continue;
      waiting.delete(waiter);
      waiter.wake();
    }
  };
  const expiry = setInterval(() => {
    const now = performance.now();
    wakeWhere(({ until }) => until <= now);
  }, limits.waitersLookMs);
  expiry.unref();

  return {
    count: () => waiting.size,
    add: (position, known, timeoutMs, signal) =>
      new Promise((resolve) => {
        if (known > position || signal.aborted) return resolve();
        const done = (): void => {
          waiting.delete(waiter);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const waiter = { position, until: performance.now() + timeoutMs, wake: done };
        waiting.add(waiter);
        signal.addEventListener('abort', done, { once: true });
      }),
    wakeSoon(to) {
      head = Math.max(head, to);
      const sinceMs = performance.now() - flushedAt;
      flush ??= setTimeout(
        () => {
          flush = undefined;
          flushedAt = performance.now();
          wakeWhere(({ position }) => head > position);
        },
        sinceMs >= limits.coalesceMs ? 0 : limits.coalesceMs - sinceMs,
      );
    },
    wakeAll: () => {
      head = 0;
      wakeWhere(() => true);
    },
    stop: () => {
      clearInterval(expiry);
      clearTimeout(flush);
    },
  };
}
