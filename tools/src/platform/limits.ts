/** Times and counts of the supervisor. */
export const limits = {
  /** A service that died comes back after 100 ms, then 200, 400 … */
  restartBackoffMs: 100,
  restartBackoffMsMax: 10_000,
  /** A service that lived this long starts again with the shortest back-off. */
  restartBackoffResetMs: 30_000,
  /** A service gets this long to drain before it is killed. */
  serviceStopMs: 9_000,
  /** Everything is down this long after Ctrl-C at the latest. */
  stopMs: 15_000,
  /** `npm stop` waits this much longer before it kills the supervisor itself. */
  stopReserveMs: 3_000,
  /** From the start of the services until all of them answer /readyz. */
  readyMs: 90_000,
  readyPollMs: 50,
  readyAnswerMs: 2_000,
  /** How soon it is noticed that a private PostgreSQL, NATS or Redis died. */
  serverPollMs: 250,
  /** Deaths of one service before the first readiness of all: more means that it cannot start at all. */
  startAttemptsMax: 5,
  /** What is shown of a log when a start fails. */
  logTailLines: 20,
  /** Signals that come within this time are one Ctrl-C: the terminal and npm both send it. */
  sameSignalMs: 1_000,
  /** Events about exits that wait for PostgreSQL to come back. */
  pendingEventsMax: 200,
  journalRetryMs: 1_000,
  secretAttemptsMax: 5,
  portsTriedMax: 20,
  /** How often, and how far apart, a wished port is looked at before it counts as taken. */
  portTriesMax: 10,
  portPauseMs: 300,
  initialPasswordMs: 10_000,
} as const;
