/**
 * The process shell: what is the same in every service. It reads the environment, logs, counts, opens PostgreSQL, NATS
 * and the job queues, runs migrations, serves health and metrics over HTTP, maps errors, and starts and stops a service
 * in an orderly way.
 *
 * A service says what it is with `defineService`; `main.ts` runs it with `runService`; development mode and tests start
 * it with `startService`. It knows nothing of applications, repositories or clusters, and decides nothing.
 */
export { defineService } from './service.ts';
export type { EventReason, RunningService, ServiceContext, ServiceDefinition, StartedService } from './service.ts';
export { platformVariables, readConfig } from './config.ts';
export type { PlatformConfig } from './config.ts';
export { startService } from './start-service.ts';
export { runService } from './run-service.ts';
export { makeEventMaker } from './event-maker.ts';
export { signCallerToken, verifyCallerToken } from './caller-token.ts';
export type { Caller, CallerTokenOptions } from './caller-token.ts';
export { sqlExecutor, sqlOf } from './database.ts';
export { httpErrorOf } from './error-filter.ts';
export type { HttpError } from './error-filter.ts';
