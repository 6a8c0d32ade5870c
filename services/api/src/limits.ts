/** Bounds of the door, in one place. */
export const limits = {
  /** How long an answer to a command waits until the read model has passed it. */
  readModelWaitMs: 2_000,
  /** A write to the cluster is decided again this often when somebody else wrote in between. */
  writeTriesMax: 4,
  eventsPageMax: 1_000,
  eventsPageDefault: 100,
  eventsWaitSecondsMax: 60,
  /** Pages of the feed read for one page of a caller who may see few of the events. */
  feedPagesPerAnswerMax: 10,
  /** Values of one parameter of an event filter. */
  eventFilterValuesMax: 100,
  /** Open event streams and waiting pages together. */
  eventWatchersMax: 1_000,
  /** Events that are kept in memory for all who follow the log; at most twice as many. */
  tailEventsMax: 2_000,
  /** What these may have as messages, together. */
  tailBytesMax: 32 * 1024 * 1024,
  /** Events that one subscriber takes at a time. */
  tailPageEvents: 500,
  /** Subscribers are woken together, at most this often. */
  coalesceMs: 10,
  /** How often it is looked whose waiting time is over. */
  waitersLookMs: 250,
  /** Events in one write to a client. */
  writeBytesMax: 256 * 1024,
  /** Writes that are kept for the next subscriber at the same place. */
  joinedWritesMax: 4,
  heartbeatMs: 15_000,
  /** How often an open stream looks whether its token still counts. */
  streamCheckMs: 5_000,
  /** A stream whose client takes nothing for this long is cut; it resumes from where it was. */
  streamDrainMs: 30_000,
  /** Who must wait for the projection looks again after this. */
  projectionPauseMs: 20,
  grpcStreamsPerConnectionMax: 1_000,
  grpcRequestBytesMax: 64 * 1024,
  /** Smaller messages are not compressed, which costs more per subscriber than it spares. */
  grpcCompressMinBytes: 16 * 1024,
  /** Connections that are left this long after the end of the service are cut. */
  grpcDrainMs: 2_000,
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
  /** The head of the log is signed once an hour; this often it is looked whether it was. */
  signHeadLookMs: 300_000,
  nameCharsMax: 253,
  selectorCharsMax: 4_096,
  fieldPathsMax: 100,
  /** Past operations per page. */
  historyPageMax: 100,
  historyPageDefault: 20,
  /** Events of an application's stream read at once, and after how many of them the fold is kept. */
  storyPageEvents: 100,
  storySnapshotEvents: 500,
  subscriptionsMax: 100,
  /** An event that the projection of applications has not reached is looked at again after this. */
  deliveryHorizonMs: 50,
  /** And what is due, but was somebody else's when it was looked for. */
  deliveryLookMsMin: 25,
  subscriptionUrlCharsMax: 2_048,
  /** Deliveries at once: of one subscription, each of another stream. */
  deliveriesPerSubscription: 4,
  /** Of all subscriptions to one host and port; and of all subscriptions together, in one replica. */
  deliveriesPerDestination: 16,
  deliveriesMax: 400,
  /** Events of one subscription that may wait. */
  deliveriesWaitingMax: 1_000_000,
  deliveryConnectMs: 5_000,
  /** One try as a whole; and how long whoever took a stream to deliver has it for itself. */
  deliveryMs: 10_000,
  deliveryClaimMs: 30_000,
  deliveryAnswerBytesMax: 16 * 1024,
  deliveryBackOffMsMin: 1_000,
  deliveryBackOffMsMax: 600_000,
  deliveryRetryMsMax: 24 * 3_600_000,
  deliveryTriesMax: 200,
  /** A receiver may ask for this much patience. */
  deliveryRetryAfterMsMax: 3_600_000,
  /** Tries of an event that the receiver says it will never take. */
  deliveryRefusalsMax: 3,
  /** Everything that waits is looked for this often, whoever forgot to say so. */
  deliverySweepMs: 20_000,
  /** At most one event about dead letters per subscription in this time. */
  deadLetterNoticeMs: 60_000,
  /** Events read at once for a subscription that begins in the past. */
  subscriptionFillEvents: 1_000,
} as const;
