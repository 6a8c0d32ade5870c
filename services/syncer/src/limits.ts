/** Every bound of this service, in one place. */
export const limits = {
  /** Applications that are reconciled at the same time. */
  reconcilesMax: 32,
  /** Requests to the API server in flight for one application. */
  writesPerApplicationMax: 16,
  dryRunsPerApplicationMax: 8,
  /** Answers of dry runs that are remembered; emptied when full, which costs a dry run each. */
  judgementsKeptMax: 50_000,
  /** Memos that are looked through by a dry run, each once a day: 10,000 objects are seven a minute. */
  verificationsPerMinuteMax: 60,
  /** JSON pointers kept of one difference. */
  fieldsShownMax: 20,
  /** Owners, rules and refusals told with the drifted objects of one comparison: an event has room for 256 KiB in all. */
  driftDetailBytesMax: 64 * 1024,
  /** Of the API server's reason to refuse a manifest. */
  refusalCharsMax: 1_000,
  /** Refused manifests, unusable rules and objects of excluded kinds that conditions tell of, each. */
  warningsShownMax: 20,
  /** Managers shown of one field. */
  ownersShownMax: 3,
  /** An expression of ignoreDifferences (Argo CD's ARGOCD_IGNORE_NORMALIZER_JQ_TIMEOUT; argocd-compat B065). */
  jqMs: 1_000,
  jqTriesMax: 2,
  /** An expression that took too long isn't tried again for so long: it would take a second from everybody at each look. */
  jqPauseMs: 60_000,
  jqPausedMax: 1_000,
  jqWaitingMax: 20_000,
  jqMemoryBytesMax: 128 * 1024 * 1024,
  jqHeapMbMax: 64,
  jqOutputBytesMax: 1024 * 1024,
  /** Of what jq says is wrong. */
  jqWordsMax: 200,
  /** An object that others write at the same time is looked at again so often before its sync step fails (and is retried). */
  handOverTriesMax: 4,
  /** Compiled patterns of ignore rules. */
  globsKeptMax: 1_000,
  /** Manifest sets are kept as objects; their bytes are read once. */
  blobCacheBytesMax: 2 * 1024 * 1024,
  /** Manifest sets kept in memory. */
  manifestSetsKeptMax: 500,
  /** Objects of one application: each of its comparisons, plans and statuses is held as a whole. */
  objectsMax: 10_000,
  /** Sync waves of one application: an event lists the steps of a sync, which are that many in each phase, and those that prune. */
  wavesMax: 500,
  /** A list in an event of at most 256 KiB; a longer one comes in several events. */
  listInEventBytesMax: 96 * 1024,
  /** An application whose objects take no more is told as a whole in each comparison; of a bigger one, what changed is. */
  wholeListBytesMax: 16 * 1024,
  /** Notes on one operation. */
  operationInfoBytesMax: 16 * 1024,
  /** Images, conditions, and addresses of one comparison. */
  imagesBytesMax: 48 * 1024,
  conditionsBytesMax: 48 * 1024,
  urlsBytesMax: 16 * 1024,
  hooksBytesMax: 16 * 1024,
  /** Of a health message or a condition. */
  messageCharsMax: 4_096,
  /** An Application with its status: the API server refuses objects over 1.5 MiB. */
  applicationBytesMax: 1_400_000,
  /** `.status` of one Application, whatever else there is room for: it is written at each change and read by every list. */
  statusBytesMax: 900_000,
  /** Up to so many applications of one repository record a new commit that changes nothing for them at once. */
  pointersAtOnceMax: 20,
  /** Applications that the renderer is asked about at once after a push (`recallManifests` takes no more). */
  recalledAtOnceMax: 256,
  /** How often it is asked while it doesn't answer, with twice the pause each time: a restart takes some seconds. */
  recallTriesMax: 5,
  /** What waits or failed is looked at again this often, everything else every twentieth time, whatever was or wasn't heard. */
  sweepMs: 30_000,
  /** A status that is only about progress is written at most this often. */
  statusPauseMs: 1_000,
  /** An operation that is done sooner is never shown as Running. */
  runningShownAfterMs: 300,
  /** Nor one that is done sooner than this, while more Applications than `statusesAtOnce` have something to write. */
  progressShownAfterMs: 3_000,
  statusesAtOnce: 16,
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
  /**
   * Values of each sort (images with their health, versions) that rows of live objects share: of those that were seen last, as lists
   * come by namespace and name.
   */
  sharedValuesMax: 2_000,
  /** Kinds of which it is remembered whether they are excluded; manifests may name any. */
  kindsJudgedMax: 10_000,
  /** How often the API server is asked which kinds it serves when nothing says that they changed. */
  discoveryMs: 60_000,
  /** The list of a kind fails for so long before applications say so: a rolling restart of the API server takes less. */
  kindFailingMs: 60_000,
  /** After a definition of kinds changed: pause between looks, and how many, until something else is served; how many then. */
  definitionLookMs: 150,
  definitionLooksMax: 20,
  definitionLooksAfterMax: 4,
  /** The same while one definition changes again and again: a look costs the API server more than the change did. */
  definitionSlowLookMs: 2000,
  definitionSlowLooksMax: 3,
  /** How long an applied sync waits for health unless the installation or the application says otherwise. */
  healthTimeoutMs: 300_000,
  treeNodesMax: 20_000,
  /** An object of a deleted Application that is still there after so long is told, with its finalizers. */
  deletionToldAfterMs: 10_000,
  /** How long what is about to be made anew (the previous run of a hook, a forced replacement) may take to go away. */
  deletionMs: 10_000,
  deletionPollMs: 50,
  /** How long a new kind may take to be served: its objects follow in the same step (argocd-compat B029). */
  definitionReadyMs: 3_000,
  definitionReadyPollMs: 50,
  /** etcd's default for one request: the API server can't store more. */
  objectBytesMax: 1_572_864,
} as const;
