/** Times, counts and sizes of the suite. */
export const limits = {
  /** A killed service is started again after this; no back-off: it is us who kill it, again and again. */
  restartAfterMs: 100,
  /** A killed sync finishes or fails with a reason within this. */
  endsAfterKillMs: 60_000,
  serviceStopMs: 9_000,
  readyMs: 300_000,
  readyPollMs: 100,
  readyAnswerMs: 2_000,
  initialPasswordMs: 30_000,
  pollSeconds: 5,
  /** A call of the load to the API is given up after this: its outcome is then unknown, never "lost". */
  apiCallMs: 10_000,
  /** An SSE connection that says nothing for longer is taken for dead (heartbeats come each 15 s). */
  streamSilenceMs: 35_000,
  streamRetryMs: 200,
  convergencePollMs: 300,
  /** How long all applications must stay as they should be to count as settled. */
  settledMs: 1_000,
  problemsKeptMax: 20,
  feedPageEvents: 1_000,
  dumpRowsPerPage: 500,
  committedSecretBytesMax: 1_000,
  /** Inflated content that is searched is cut here. */
  inflatedBytesMax: 64 * 1024 * 1024,
  applications: 6,
  configMapsPerApplication: 4,
  subscribers: 2,
  /** Edits by hand of one application before it is left alone for a while: self-healing takes more for a fight. */
  editsInARowMax: 4,
  quietMs: 75_000,
  /** How long what one Application of a case does next may take, on a busy machine. */
  factMs: 60_000,
  /** More than a push wakes all of, and some for each of the sweep's turns. */
  monorepoApplications: 45,
  /** The sweep comes each half minute; with twenty it has been at everybody. The other is for some of its turns that meet nobody. */
  sweepRoundMs: 660_000,
  sweepShareMs: 120_000,
} as const;
