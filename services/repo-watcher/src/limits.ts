/** Everything of the repo-watcher that is bounded, in one place. */
export const limits = {
  /** Repositories that are asked or fetched at the same time … */
  observationsAtOnce: 4,
  /** … and those among them that are new or did not answer last time. */
  slowObservationsAtOnce: 4,
  /** Jobs that wait for one of these places. */
  pollsAtOnce: 64,
  /** Different refs of one repository that are followed; further ones are told so. */
  refsWantedMax: 2_000,
  /** Bigger objects are not manifests: they stay out of the blob store. */
  blobBytesMax: 10 * 1024 * 1024,
  /** A remote with more refs is listed again at every occasion. */
  refsRememberedMax: 50_000,
  /** One write to the blob store. */
  batchObjects: 256,
  batchBytes: 4 * 1024 * 1024,
  /** Up to here it costs less to offer objects to the store than to ask which it lacks. */
  offerWithoutAsking: 64,
  missingQueryIds: 1_000,
  fetchRefs: 200,
  /** Another writer was faster: decide again. */
  appendTriesMax: 5,
  sweepMs: 30_000,
  /** How long a start waits for the credentials before it asks remotes without them. */
  credentialsWaitMs: 10_000,
  credentialsSettleMs: 200,
  /** How long forgetting waits for the projection of what is wanted; then it is left to the next sweep. */
  projectionWaitMs: 5_000,
  subjectCharsMax: 200,
  messageCharsMax: 500,
  repositoriesInMemory: 1_000,
  credentialSecretsMax: 10_000,
} as const;
