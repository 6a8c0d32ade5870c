import type { BlobStore, Sealer } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import type { Clock, Logger, Metrics, NewEvent } from '@plumbline/contracts';
import type { AnnouncementSource, ChainedLog, Consumer, EventLog, Leases, RunningConsumer, SqlExecutor } from '@plumbline/event-log';
import type { Jobs } from '@plumbline/jobs';
import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DataSource, EntitySchema, MigrationInterface } from 'typeorm';
import type { z } from 'zod';
import type { PlatformConfig } from './config.ts';

/** Why an event is said; see `ServiceContext.event`. */
export interface EventReason {
  /**
   * Any string that identifies why, and would be the same if the same thing were done again: the id of the command or
   * event that led here, an operation's id and step, a commit. Never a time or a random number.
   */
  cause: string;
  /** Subject on whose behalf; default `system:<service>`. */
  actor?: string;
  /** Id of the event or command that made this one happen. */
  causation?: string;
  correlation?: string;
}

/** What a service is given when it starts. Everything in it is stopped by the shell after the service's own `stop`. */
export interface ServiceContext<C = unknown> {
  name: string;
  config: PlatformConfig & C;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
  /** Its search_path is the service's own schema; migrations have run. */
  database: DataSource;
  eventLog: EventLog<SqlExecutor> & ChainedLog;
  /** Who may do something alone; what such an owner appends carries its fence. */
  leases: Leases;
  announcements: AnnouncementSource;
  blobs: BlobStore;
  sealer: Sealer;
  bus: Bus;
  jobs: Jobs;
  /**
   * A transaction in the service's own schema. What is appended with its `tx` is part of it, and announced after the
   * commit. For entities use `database.transaction` with `sqlExecutor(manager)`: what that appends is found by polling.
   */
  transaction<R>(work: (tx: SqlExecutor) => Promise<R>): Promise<R>;
  /** Runs a consumer of the feed with its checkpoints in this service's database; stopped at shutdown. */
  consume(consumer: Consumer<SqlExecutor>): Promise<RunningConsumer>;
  /**
   * A fact to append. Its id derives from service, type and `cause`, so a retry appends nothing twice; two events of the
   * same type in one stream need two causes.
   */
  event<T extends string, D>(type: T, data: D, why: EventReason): NewEvent<T, D>;
  /** Aborted when the process begins to stop. */
  shutdown: AbortSignal;
}

/** A service that runs. */
export interface RunningService {
  /** False keeps /readyz at 503; it says nothing about being alive. */
  isReady(): boolean;
  /** Ends what the service started itself. HTTP, jobs and consumers have ended before; bus and database end after. */
  stop(): Promise<void>;
  /** Nest controllers of this service, if it has HTTP of its own; served on the same port as health and metrics. */
  module?: DynamicModule | Type;
  /** Last touch before the server listens: body parsers, raw routes, hooks. */
  configureHttp?(app: NestFastifyApplication): void | Promise<void>;
}

/** What a service is, before it runs. `name` also names its schema (dashes become underscores) and its queue group. */
export interface ServiceDefinition<C = unknown> {
  name: string;
  /** Reads the service's own environment variables: a zod object whose keys are their names. */
  config: z.ZodType<C>;
  entities?: EntitySchema[];
  /** In order. TypeORM reads the time stamp from the end of the class name (13 digits). */
  migrations?: (new () => MigrationInterface)[];
  /** Of what is read from the blob store, kept in memory; default 32 MiB. Little for who keeps what it makes of it. */
  blobCacheBytesMax?: number;
  start(context: ServiceContext<C>): Promise<RunningService>;
}

/** Keeps the type of `config` while a definition is written down. */
export function defineService<C>(definition: ServiceDefinition<C>): ServiceDefinition<C> {
  return definition;
}

/** What `startService` answers. */
export interface StartedService<C = unknown> {
  /** Where health, metrics and the service's own controllers are served. */
  url: string;
  context: ServiceContext<C>;
  stop(): Promise<void>;
}
