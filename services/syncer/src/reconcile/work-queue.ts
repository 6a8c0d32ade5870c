import type { Logger } from '@plumbline/contracts';

export interface WorkQueueOptions {
  /** Keys worked on at the same time. */
  concurrency: number;
  retryMs: number;
  retryMsMax: number;
  log: Logger;
  work(key: string): Promise<void>;
}

/**
 * Level-triggered work by key: a key that is woken while it is worked on is worked on once more, however often it was
 * woken; one key is never worked on twice at the same time. A key whose work throws is woken again with back-off.
 */
export interface WorkQueue {
  wake(key: string): void;
  /** No new work; resolves when what runs has ended. */
  stop(): Promise<void>;
}

export function makeWorkQueue(options: WorkQueueOptions): WorkQueue {
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  const failures = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();
  let isStopped = false;

  const wake = (key: string): void => {
    if (isStopped) return;
    waiting.add(key);
    pump();
  };

  const pump = (): void => {
    for (const key of waiting) {
      if (running.size >= options.concurrency) return;
      if (running.has(key)) continue;
      waiting.delete(key);
      const timer = timers.get(key);
      if (timer !== undefined) clearTimeout(timer);
      timers.delete(key);
      running.set(key, run(key));
    }
  };

  const run = async (key: string): Promise<void> => {
    try {
      await options.work(key);
      failures.delete(key);
    } catch (error) {
      retryLater(key, error);
    } finally {
      running.delete(key);
      pump();
    }
  };

  const retryLater = (key: string, error: unknown): void => {
    const tries = (failures.get(key) ?? 0) + 1;
    failures.set(key, tries);
    const delayMs = Math.min(options.retryMsMax, options.retryMs * 2 ** (tries - 1));
    const reason = error instanceof Error ? error.message : String(error);
    options.log.warn('could not reconcile, trying again', { key, tries, delayMs, reason });
    if (isStopped) return;
    timers.set(
      key,
      setTimeout(() => wake(key), delayMs),
    );
  };

  return {
    wake,
    async stop() {
      isStopped = true;
      waiting.clear();
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.allSettled(running.values());
    },
  };
}
