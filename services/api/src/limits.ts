/** Bounds of the door, in one place. */
export const limits = {
  /** How long an answer to a command waits until the read model has passed it. */
  readModelWaitMs: 2_000,
  /** A write to the cluster is decided again this often when somebody else wrote in between. */
  writeTriesMax: 4,
  eventsPageMax: 1_000,
  eventsPageDefault: 100,
  eventsWaitSecondsMax: 60,
  /** Values of one parameter of a filter. */
  filterValuesMax: 100,
  /** Pages of the feed read for one page of a caller who may see few of the events. */
  feedPagesPerAnswerMax: 10,
  /** Open event streams and waiting pages together. */
  eventWatchersMax: 1_000,
  heartbeatMs: 15_000,
  /** How often an open stream looks whether its token still counts. */
  streamCheckMs: 5_000,
  /** A stream whose client takes nothing for this long is cut; it resumes from where it was. */
  streamDrainMs: 30_000,
  /** Who must wait for the projection looks again after this. */
  projectionPauseMs: 50,
  /** While somebody waits: how often the feed is looked at even if nothing was announced. */
  headPollMs: 1_000,
  tokenCharsMax: 8_192,
  clockSkewSeconds: 5,
  /** Webhooks per source and minute: where their signature is checked, and where no secret is set. */
  webhooksSignedPerMinute: 6_000,
  webhooksUnsignedPerMinute: 600,
  webhookSourcesMax: 10_000,
  webhookUrlsMax: 8,
  webhookUrlCharsMax: 2_048,
  /** Rows of the table of refused webhooks (one per source, reason and minute). */
  refusedWebhookRowsMax: 10_000,
  nameCharsMax: 253,
  selectorCharsMax: 4_096,
  fieldPathsMax: 100,
  /** What all live subscribers share of the end of the log, in memory. */
  tailEventsMax: 10_000,
  tailBytesMax: 32 * 1024 * 1024,
  /** Growth is told to subscribers at most this often; what came in between goes out together. */
  coalesceMs: 10,
  /** One delivery to a subscriber: what a slow one holds besides its socket's buffer. */
  deliveryEventsMax: 500,
  deliveryBytesMax: 1024 * 1024,
  /** Subscribers that are far behind read the log themselves, so many at a time. */
  catchUpReadsMax: 4,
  /** How long a client that is cut gets to take the message that says so. */
  cutGraceMs: 5_000,
  exportPageEventsMax: 500,
  exportsMax: 4,
  grpcRequestBytesMax: 64 * 1024,
  /** Calls at a time over one connection. */
  grpcStreamsMax: 200,
  grpcCloseMs: 1_000,
} as const;
