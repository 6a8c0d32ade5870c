import type { ChainedLog } from '../chain.ts';

/** What a whole check of the log needs to know besides the chain: both twins. */
export interface AuditedLog extends ChainedLog {
  /** The version that the log believes each of these streams to be at; those that it doesn't know are left out. */
  streamVersions(streams: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Version of the last event of each of these streams before a position; those without one are left out. */
  versionsBefore(streams: readonly string[], position: number): Promise<ReadonlyMap<string, number>>;
  /** Streams whose version is not that of their last event, at most so many. Events that were dropped count as right. */
  disagreeingStreams(limit: number): Promise<{ stream: string; version: number; lastEvent: number | undefined }[]>;
}
