/** Every size, count and time of this package. */
export const limits = {
  /** A process that ignores its stop signal is killed after this. */
  stopGraceMs: 10_000,
  /** A log file over this size is set aside when its process starts again. */
  logSizeBytesMax: 16 * 1024 * 1024,
  /** How much of a log's end an error message quotes. */
  logTailBytes: 4096,
  /** The whole control plane, from no data to Pods that can run; a busy machine with two cores needs a tenth of it. */
  controlPlaneReadyMs: 120_000,
  /** PostgreSQL, NATS or Redis, from start to its first answer; crash recovery included. */
  dependencyReadyMs: 60_000,
  /** How long a service on its default port has to answer before it counts as absent. */
  probeMs: 1_500,
  /** Between two looks at something that isn't ready yet. */
  pollMs: 40,
  /** Until a resource definition is served. */
  crdReadyMs: 30_000,
  /** Two processes that want the same program built: the second looks for the first's result this often. */
  buildLockPollMs: 500,
  buildProgressMs: 5_000,
  /** A pushed command list (not the pack) over this is refused. */
  pushCommandsSizeBytesMax: 1024 * 1024,
  webhookAttemptsMax: 5,
  webhookBackoffMs: 200,
  webhookTimeoutMs: 10_000,
  /** Paths named in one webhook; a push that touches more names only these. */
  webhookPathsMax: 3_000,
} as const;
