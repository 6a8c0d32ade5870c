/**
 * What has to happen later or again. A job is a key and never the only copy of anything: an emptied queue is refilled
 * from the log by the next sweep.
 */
export interface JobQueue {
  /** Add once per key: while a job with this key waits or runs, adding it again changes nothing. */
  add(key: string, options?: { delayMs?: number }): Promise<void>;
  /** Like `add`, but a waiting job with this key is moved to the new time. */
  reschedule(key: string, delayMs: number): Promise<void>;
  /** A job with this key now and then every `everyMs`; the same call again changes the interval. */
  every(key: string, everyMs: number): Promise<void>;
  /** Ends `every` and removes a waiting job. */
  cancel(key: string): Promise<void>;
  /** Keys that `every` keeps. */
  recurring(): Promise<string[]>;
  close(): Promise<void>;
}

export interface Jobs {
  /** Names: lower-case words with dashes. */
  queue(name: string): JobQueue;
  /** `handle` throws → retried with back-off (`attemptsMax`, from `backoffMs`, doubling, at most a minute). */
  work(name: string, handle: (key: string) => Promise<void>, options?: { concurrency?: number; attemptsMax?: number; backoffMs?: number }): void;
  close(): Promise<void>;
}
