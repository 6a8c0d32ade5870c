import { setTimeout as sleep } from 'node:timers/promises';

import { limits } from './limits.ts';
import { nextBackoffMs } from './service-process.ts';

/** How a server is started, watched and ended. */
export interface Server<T> {
  name: string;
  /** Again at the same place with the same data each time. */
  start(): Promise<T>;
  /** Resolves with the reason when it ended by itself; with nothing once `stopped` is aborted. */
  ended(running: T, stopped: AbortSignal): Promise<string | undefined>;
  stop(running: T): Promise<void>;
}

export interface KeptServer<T> {
  /** The one that runs now. */
  current(): T;
  stop(): Promise<void>;
}

/** Starts a server and starts it again whenever it dies. Rejects only when the first start fails. */
export async function keepRunning<T>(server: Server<T>, tell: (line: string) => void): Promise<KeptServer<T>> {
  const stopped = new AbortController();
  let current = await server.start();
  const guarding = guard();
  return {
    current: () => current,
    stop: async () => {
      stopped.abort();
      await server.stop(current);
      await guarding;
    },
  };

  async function guard(): Promise<void> {
    let backoffMs: number | undefined;
    while (!stopped.signal.aborted) {
      const startedAt = performance.now();
      const reason = await server.ended(current, stopped.signal);
      if (reason === undefined || stopped.signal.aborted) return;
      backoffMs = nextBackoffMs(performance.now() - startedAt, backoffMs);
      tell(`${server.name} ended (${reason}); it is started again.`);
      await server.stop(current);
      await startAgain(backoffMs);
    }
  }

  async function startAgain(delayMs: number): Promise<void> {
    for (let waitMs = delayMs; !stopped.signal.aborted; waitMs = Math.min(waitMs * 2, limits.restartBackoffMsMax)) {
      await sleep(waitMs, undefined, { signal: stopped.signal }).catch(() => undefined);
      if (stopped.signal.aborted) return;
      try {
        current = await server.start();
        // Told to stop while it was starting: nobody else knows this one.
        if (stopped.signal.aborted) await server.stop(current);
        return;
      } catch (error) {
        tell(`${server.name} could not be started again: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
