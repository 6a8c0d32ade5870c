/** Every bound of this service, in one place. */
export const limits = {
  /** Applications that are reconciled at the same time. */
  reconcilesMax: 32,
  /** Requests to the API server in flight for one application. */
  writesPerApplicationMax: 16,
  dryRunsPerApplicationMax: 8,
  /** Answers of dry runs that are remembered; emptied when full, which costs a dry run each. */
  judgementsKeptMax: 50_000,
  /** JSON pointers kept of one difference. */
  fieldsShownMax: 20,
  /** Manifest sets kept in memory. */
  manifestSetsKeptMax: 500,
  /** Objects of one application: what a comparison in one event of at most 256 KiB has room for. */
  objectsMax: 1_500,
  /** `.status` of one Application: the API server refuses objects over 1.5 MB. */
  statusBytesMax: 900_000,
  /** Up to so many applications of one repository record a new commit that changes nothing for them at once. */
  pointersAtOnceMax: 20,
  /** What waits or failed is looked at again this often, everything else every twentieth time, whatever was or wasn't heard. */
  sweepMs: 30_000,
  /** A status that is only about progress is written at most this often. */
  statusPauseMs: 1_000,
  /** An operation that is done sooner is never shown as Running. */
  runningShownAfterMs: 300,
  /** A failed reconcile is tried again after this, doubling. */
  reconcileRetryMs: 500,
  reconcileRetryMsMax: 10_000,
  /** Renders in a row that nobody answers before the application says so. */
  unansweredMax: 4,
  /** Argo CD's repository error grace period (argocd-compat B099). */
  unreachableGraceMs: 180_000,
  leaseMs: 15_000,
  /** How long after a take-over a request of the former owner may still land: the API server ends one after a minute. */
  lateWriteMs: 60_000,
  /** A renderer that does not answer for so long is asked again; it may have been killed. */
  renderAskMs: 10_000,
  /** Of one application, between two looks at it. */
  lateWritesKeptMax: 100,
  catchUpMs: 120_000,
  /** How long an applied sync waits for health unless the installation or the application says otherwise. */
  healthTimeoutMs: 300_000,
  treeNodesMax: 20_000,
  /** How long the previous run of a hook may take to go away. */
  hookDeletionMs: 10_000,
  hookDeletionPollMs: 50,
} as const;
