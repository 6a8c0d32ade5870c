/**
 * The event log: facts appended once, in commit order, read as a feed. PostgreSQL is the log (schema `log`); the
 * in-memory twin behaves the same, proven by the contract suite in `@plumbline/event-log/contract`. `runConsumer` reads
 * the feed for a projection or process manager and keeps its checkpoints in the transaction of what it writes.
 *
 * It never changes or removes an event, never knows what an event means, and never relies on an announcement: those
 * only make it quick. It knows no transport: whoever composes a process connects `announce` and `AnnouncementSource`.
 */
export * from './port.ts';
export { announcementOf, makeLocalAnnouncements, upcastAnnouncements, type Announce, type Appended } from './announce.ts';
export { archiveLines, checkArchive, type ArchiveHeader } from './archive/archive.ts';
export type { AuditedLog } from './audit/audited-log.ts';
export { signLog } from './audit/sign-log.ts';
export { verifyLog, type VerifyOptions, type VerifyReport } from './audit/verify-log.ts';
export { chainHash, genesisHash, verifyChain, type ChainedLog, type ChainHead, type ChainLink, type ChainVerdict } from './chain.ts';
export { bucketOf, type Checkpoint, type CheckpointMove, type CheckpointStore, type ConsumerState } from './consumer/checkpoints.ts';
export { runConsumer, type RunConsumerOptions } from './consumer/run-consumer.ts';
export type { Timer } from './consumer/bucket.ts';
export { eventDataBytesMax, feedPageEventsMax } from './limits.ts';
export { makeMemoryCheckpoints } from './memory/memory-checkpoints.ts';
export { makeMemoryDatabase, type AfterTransaction, type MemoryDatabase, type MemoryTable, type MemoryTx } from './memory/memory-database.ts';
export { makeMemoryEventLog, type MemoryEventLog, type MemoryEventLogOptions } from './memory/memory-event-log.ts';
export { migrateEventLog } from './postgres/migrate.ts';
export { makePostgresEventLog, type PostgresEventLog, type PostgresEventLogOptions } from './postgres/postgres-event-log.ts';
export {
  beginGeneration,
  consumersBehind,
  dropPartition,
  findPartition,
  listPartitions,
  recordExport,
  recordVerified,
  type ConsumerBehind,
  type LogPartition,
} from './postgres/partitions.ts';
export { grantLogAccess } from './postgres/roles.ts';
export { makePostgresCheckpoints, migrateConsumers, type PostgresCheckpointsOptions } from './postgres/postgres-checkpoints.ts';
export { makePostgresLeases } from './postgres/postgres-leases.ts';
export { isSilence, postgresError } from './postgres/postgres-errors.ts';
export { isSignedHead, logHeadsStream, makeLogSigner, parseLogPublicKey, type LogPublicKey, type LogSigner, type SignedHead } from './signed-head.ts';
export { storableJson, storableText } from './postgres/storable.ts';
export { answerTimeoutMs, openPool, prepared, sessionOptions, sqlExecutorOf, transactionsOf, type TransactionRunner } from './postgres/sql-executor.ts';
