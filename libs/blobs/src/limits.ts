export const blobBytesMax = 64 * 1024 * 1024;
/** Of stored (compressed) bytes in one row. */
export const chunkBytesMax = 1024 * 1024;
/** Stored bytes and rows that go to PostgreSQL, and ids that are asked for, in one statement. */
export const statementBytesMax = 8 * 1024 * 1024;
export const statementBlobsMax = 500;
/** Smaller ones are not worth compressing. */
export const compressedBytesMin = 128;
/** Above this, compression leaves the event loop. */
export const synchronousBytesMax = 64 * 1024;
/** Scope and id, in UTF-16 units. */
export const nameLengthMax = 256;

export const lockTimeoutMs = 10_000;
export const statementTimeoutMs = 60_000;
export const idleInTransactionTimeoutMs = 30_000;
export const connectTimeoutMs = 5_000;
export const connectionsMax = 4;
