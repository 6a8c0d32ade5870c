/** Canonical JSON of one event's data, in bytes of UTF-8; what is bigger goes to the blob store. */
export const eventDataBytesMax = 256 * 1024;
/** Canonical JSON of one event's metadata. */
export const eventMetadataBytesMax = 16 * 1024;
/** A stream's name and an event's type, in UTF-16 units. */
export const streamNameLengthMax = 512;
export const eventTypeLengthMax = 128;
/** One append. */
export const appendEventsMax = 5_000;
export const appendBytesMax = 32 * 1024 * 1024;

/** Appends that came while another was on its way go together up to these sums. */
export const groupEventsMax = 1_000;
export const groupBytesMax = 4 * 1024 * 1024;

/** An announcement above this size goes out without its events (NATS takes 1 MiB). */
export const announcementBytesMax = 512 * 1024;
/** What an event takes in an announcement besides its stream, type, data and metadata. */
export const announcedEventOverheadBytes = 256;

export const feedPageEventsMax = 1_000;

/** PostgreSQL: bounds on a stuck writer. The lock timeout of an append is part of its SQL function. */
export const lockTimeoutMs = 5_000;
export const statementTimeoutMs = 30_000;
/** Beyond the statement's own bound: a server that says nothing for so long, though it should have ended the statement, is gone. */
export const silenceMs = 5_000;
export const idleInTransactionTimeoutMs = 10_000;
export const connectTimeoutMs = 5_000;
export const connectionsMax = 4;

/** A check of the whole log: streams whose version it remembers, and problems that it lists. */
export const verifyStreamsMax = 100_000;
export const verifyProblemsMax = 100;

/** Fixed for ever: checkpoints are stored by bucket. */
export const bucketCount = 16;
/** A bucket takes no more events from the feed while it has this many waiting. */
export const bucketQueueEventsMax = 256;
/** Events handed to one `apply`. */
export const applyEventsMax = 200;
/** A bucket that has more than this to apply has a transaction of its own; smaller batches of several buckets share one. */
export const joinedEventsMax = 50;
/** Transactions of one consumer at a time. */
export const consumerTransactionsMax = 4;
/** How long what was announced too soon waits for what comes before it, and how much of that there may be. */
export const earlyWaitMs = 25;
export const earlyAnnouncementsMax = 64;
export const consumerPageEventsMax = 500;
export const pollIntervalMs = 1_000;
/** A bucket that no event was for stores its checkpoint when it lags by either. */
export const checkpointLagEventsMax = 1_000;
export const checkpointLagMsMax = 30_000;
/** An event that fails this often parks its stream: 100 + 200 + 400 + 800 + 1600 ms after the first try. */
export const triesMax = 6;
export const retryDelayMsMin = 100;
export const retryDelayMsMax = 10_000;
/** Of a stack that is kept with a parked event. */
export const stackLengthMax = 4_000;

/** A rebuild gives an event that fails so many tries; in a shadow nobody waits for it. */
export const rebuildTriesMax = 2;
/** More streams than this that fail are no accident of some events. */
export const rebuildParkedMax = 1_000;
/** What may be left to apply while the live consumer stands still for a swap, or in the transaction of a comparison. */
export const rebuildRestEventsMax = 5_000;
/** How often a swap or comparison is tried when locks are not to be had or the log runs away. */
export const rebuildFinishTriesMax = 20;
export const rebuildOutagesMax = 10;
export const rebuildReportMs = 1_000;
/** A rebuild that says nothing for this long is dead. */
export const rebuildSilenceMsMax = 30_000;
/** A big table takes its time to be compared. */
export const compareStatementMs = 300_000;
export const compareEveryMs = 24 * 60 * 60 * 1_000;
/** Consumers are compared at different times of the day. */
export const compareJitterMs = 60 * 60 * 1_000;
export const differencesShownMax = 10;
/** Whether another replica swapped the tables, or one is lost, is looked at with every so many polls. */
export const pollsPerStoredCheck = 5;
