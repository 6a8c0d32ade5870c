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
/** A server that says nothing for so long after a question, though it should have ended the statement itself, is gone. */
export const answerTimeoutMs = statementTimeoutMs + 5_000;
export const idleInTransactionTimeoutMs = 10_000;
export const connectTimeoutMs = 5_000;
export const connectionsMax = 4;

/** Fixed for ever: checkpoints are stored by bucket. */
export const bucketCount = 16;
/** A bucket takes no more events from the feed while it has this many waiting. */
export const bucketQueueEventsMax = 256;
/** Events handed to one `apply`. */
export const applyEventsMax = 200;
/** Transactions of one consumer at a time. */
export const consumerTransactionsMax = 4;
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
