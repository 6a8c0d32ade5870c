import type { AnnouncementSource, EventLog } from '@plumbline/event-log';
import { limits } from '../limits.ts';

/** Tells who waits that the log has grown. */
export interface HeadWatch {
  /** Resolves when something after this position is there, when the time is over, or when aborted. */
  waitFor(after: number, timeoutMs: number, signal: AbortSignal): Promise<void>;
  stop(): void;
}

/** Announcements make it quick; while somebody waits, a look each second makes it certain. */
export function watchHead(eventLog: EventLog, announcements: AnnouncementSource): HeadWatch {
  let head = 0;
  const waiting = new Set<() => void>();
  const moved = (position: number): void => {
    if (position <= head) return;
    head = position;
    for (const wake of waiting) wake();
  };
  const unsubscribe = announcements.subscribe((announcement) => moved(announcement.to));
  const poll = setInterval(() => {
    if (waiting.size === 0) return;
    eventLog.head().then(
      ({ position }) => moved(position),
      () => undefined, // The log is away: who waits is answered when it is back, or when the time is over.
    );
  }, limits.headPollMs);
  poll.unref();

  return {
    waitFor: (after, timeoutMs, signal) =>
      new Promise((resolve) => {
        if (head > after || signal.aborted) return resolve();
        const done = (): void => {
          clearTimeout(timer);
          waiting.delete(check);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const check = (): void => {
          if (head > after) done();
        };
        const timer = setTimeout(done, timeoutMs);
        waiting.add(check);
        signal.addEventListener('abort', done, { once: true });
      }),
    stop: () => {
      unsubscribe();
      clearInterval(poll);
    },
  };
}
