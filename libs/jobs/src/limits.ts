/** Everything of the job queues that is bounded, in one place. Times in milliseconds. */
export const limits = {
  /** Longest that adding, moving or cancelling a job holds its caller up; then it is `unavailable`. */
  callMs: 2_000,
  keyBytesMax: 512,
  concurrency: 4,
  attemptsMax: 10,
  backoffMs: 1_000,
  backoffMsMax: 60_000,
  /** A worker that died holds its jobs this long; a worker that lives renews. */
  lockMs: 15_000,
  /** How often others look for jobs of dead workers. */
  stalledCheckMs: 5_000,
  /** How often a job may be taken over from a worker that died. Keys are idempotent; dying is no reason to drop one. */
  takeOversMax: 100,
  /** Closing waits this long for jobs that run. */
  drainMs: 10_000,
  /** Closing waits this long for the server to be told; twice at most. */
  closeMs: 1_000,
  reconnectMsMax: 2_000,
  /** A worker whose server failed asks again after this. */
  workerRetryMs: 1_000,
  /** PostgreSQL backend: connections of one queue or worker, besides the one it listens on. */
  postgresPoolMax: 2,
} as const;
