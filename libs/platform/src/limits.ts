/** Everything of the process shell that is bounded, in one place. Times in milliseconds. */
export const limits = {
  /** How long a start waits for PostgreSQL before it gives up and lets the supervisor decide. */
  databaseWaitMs: 60_000,
  databaseWaitStepMsMin: 100,
  databaseWaitStepMsMax: 5_000,
  databaseConnectMs: 5_000,
  /** A readiness probe that takes longer than this counts as a failed one. */
  readinessQueryMs: 1_000,
  /** Connections of one process to the log and the blob store; PostgreSQL's default allows 100 for everybody. */
  logPoolMax: 6,
  /** Connections of one process to its own schema. */
  servicePoolMax: 6,
  poolIdleMs: 30_000,
  /** Recently read blobs kept in memory. */
  blobCacheBytesMax: 32 * 1024 * 1024,
  /** Stop: requests in flight and consumers get this long before connections are cut. */
  drainMs: 10_000,
  /** After the drain time: closing connections. */
  closeMs: 2_000,
  httpBodyBytesMax: 4 * 1024 * 1024,
  httpRequestMs: 120_000,
  /** How often it is looked whether the daily comparison of a projection is due. */
  compareCheckMs: 10 * 60 * 1_000,
  callerTokenLifeMs: 60_000,
  /** Clocks of two processes may differ by this much. */
  callerTokenSkewMs: 5_000,
  logDepthMax: 8,
  logItemsMax: 100,
  logTextLengthMax: 8_192,
  /** Label sets of one metric; more would be user text in a label. */
  metricSeriesMax: 1_000,
} as const;
