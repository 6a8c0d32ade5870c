/**
 * What has to happen later or again: polling, retries with back-off, timers. BullMQ behind a port, on Redis, or on
 * PostgreSQL where there is no Redis.
 *
 * A job is a key and never the only copy of anything: who fills a queue fills it again from what it knows, so an
 * emptied server loses time and nothing else. The locks of the queue are a convenience, never the safety: a handler
 * re-reads the world and may be run twice. While a job of a key waits or runs, adding the key again changes nothing.
 * The in-memory queues are the twin; `@plumbline/jobs/contract` is the suite that all three pass.
 */
export * from './port.ts';
export { makeJobs } from './bull-jobs.ts';
export type { JobsOptions } from './bull-jobs.ts';
export { jobsSchema } from './backends.ts';
export { makeMemoryJobs } from './memory-jobs.ts';
