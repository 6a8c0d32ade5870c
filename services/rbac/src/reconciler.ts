import { AppError } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';

export interface Reconciler {
  /** Look at this key, now or when the look that is under way has ended. Asking twice is asking once. */
  enqueue(key: string): void;
  stop(): Promise<void>;
}

export interface ReconcilerOptions {
  /** Re-reads the world and makes it so. Throws: it is asked again, later each time. */
  reconcile: (key: string) => Promise<void>;
  log: Logger;
  retryMsMin: number;
  retryMsMax: number;
}

/** One key at a time, in the order they were asked for; a failing one doesn't hold up the others. */
export function makeReconciler({ reconcile, log, retryMsMin, retryMsMax }: ReconcilerOptions): Reconciler {
  const waiting = new Set<string>();
  const retries = new Map<string, { timer: NodeJS.Timeout; delayMs: number }>();
  let running: Promise<void> | undefined;
  let isStopped = false;

  const run = async (): Promise<void> => {
    for (const key of waiting) {
      if (isStopped) return;
      waiting.delete(key);
      const retry = retries.get(key);
      if (retry !== undefined) clearTimeout(retry.timer);
      try {
        await reconcile(key);
        retries.delete(key);
      } catch (cause) {
        const error = AppError.from(cause);
        const delayMs = Math.min(retry === undefined ? retryMsMin : retry.delayMs * 2, retryMsMax);
        log.warn(`${key} could not be reconciled; it is tried again in ${delayMs} ms: ${error.message}`, { key, code: error.code });
        retries.set(key, { delayMs, timer: setTimeout(() => enqueue(key), delayMs) });
      }
    }
  };

  function enqueue(key: string): void {
    if (isStopped) return;
    waiting.add(key);
    running ??= run().finally(() => {
      running = undefined;
      const [next] = waiting;
      if (next !== undefined) enqueue(next);
    });
  }

  return {
    enqueue,
    stop: async () => {
      isStopped = true;
      for (const { timer } of retries.values()) clearTimeout(timer);
      await running;
    },
  };
}
