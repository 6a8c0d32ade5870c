/**
 * The event log: facts appended once, in commit order, read as a feed. PostgreSQL is the log (schema `log`); the
 * in-memory twin behaves the same, proven by the contract suite in `@plumbline/event-log/contract`. `runConsumer` reads
 * the feed for a projection or process manager and keeps its checkpoints in the transaction of what it writes.
 *
 * It never changes or removes an event, never knows what an event means, and never relies on an announcement: those
 * only make it quick. It knows no transport: whoever composes a process connects `announce` and `AnnouncementSource`.
 */
export * from './port.ts';
export { announcementOf, makeLocalAnnouncements, type Announce, type Appended } from './announce.ts';
export { chainHash, genesisHash, verifyChain, type ChainedLog, type ChainLink, type ChainVerdict } from './chain.ts';
export { bucketOf, type Checkpoint, type CheckpointMove, type CheckpointStore, type ConsumerState } from './consumer/checkpoints.ts';
export { runConsumer, type RunConsumerOptions } from './consumer/run-consumer.ts';
export type { Timer } from './consumer/bucket.ts';
export { answerTimeoutMs, eventDataBytesMax, feedPageEventsMax } from './limits.ts';
export { makeMemoryCheckpoints } from './memory/memory-checkpoints.ts';
export { makeMemoryDatabase, type AfterTransaction, type MemoryDatabase, type MemoryTable, type MemoryTx } from './memory/memory-database.ts';
export { makeMemoryEventLog, type MemoryEventLog, type MemoryEventLogOptions } from './memory/memory-event-log.ts';
export { migrateEventLog } from './postgres/migrate.ts';
export { makePostgresEventLog, type PostgresEventLog, type PostgresEventLogOptions } from './postgres/postgres-event-log.ts';
export { makePostgresCheckpoints, migrateConsumers, type PostgresCheckpointsOptions } from './postgres/postgres-checkpoints.ts';
export { isSilence, postgresError } from './postgres/postgres-errors.ts';
export { openPool, sessionOptions, sqlExecutorOf, transactionsOf, type TransactionRunner } from './postgres/sql-executor.ts';
