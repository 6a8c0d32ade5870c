import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { upcast } from '@plumbline/contracts';
import type { Clock, Logger, ServiceEvent } from '@plumbline/contracts';
import { announcementKey, announceOn, makeAnnouncements, makeNatsBus } from '@plumbline/bus';
import { makePostgresCheckpoints, openPool, transactionsOf, upcastAnnouncements } from '@plumbline/event-log';
import { makeJobs } from '@plumbline/jobs';
import type { DataSource } from 'typeorm';
import { readConfig } from './config.ts';
import { openConsumers } from './consumers.ts';
import { openServiceDatabase, placeOf, poolOf, schemaOf, waitForPostgres } from './database.ts';
import { makeEventMaker } from './event-maker.ts';
import type { Health } from './health.ts';
import { serveHttp } from './http.ts';
import { limits } from './limits.ts';
import { makeLogger } from './logging.ts';
import { makeMetrics } from './metrics.ts';
import type { MetricsRegistry } from './metrics.ts';
import { openStores } from './stores.ts';
import type { RunningService, ServiceContext, ServiceDefinition, StartedService } from './service.ts';

/**
 * Starts a service from an environment: used by main.ts, by development mode (all services in one process) and by tests.
 * What was opened before a failure is closed again.
 *
 * @throws AppError `invalid-argument` for a wrong environment, `unavailable` without PostgreSQL; what `start` throws.
 */
export async function startService<C>(definition: ServiceDefinition<C>, env: Readonly<Record<string, string | undefined>>): Promise<StartedService<C>> {
  const config = readConfig(definition.name, definition.config, env);
  const { name } = definition;
  const log = makeLogger({ service: name, instance: config.instance, level: config.logLevel });
  const registry = makeMetrics({ service: name, instance: config.instance, version: config.version });
  const shutdown = new AbortController();
  await using opened = new AsyncDisposableStack();

  const { context, endWork } = await openContext(definition, { config, log, registry, shutdown: shutdown.signal, opened });
  await using work = new AsyncDisposableStack();
  work.defer(endWork);
  const running = await definition.start(context);
  opened.defer(() => running.stop());
  opened.use(work.move());
  const health = healthOf(context, running, registry);
  const http = await serveHttp({ host: config.httpHost, port: config.httpPort }, health, running, log);
  opened.defer(() => http.close());
  await sayStarted(context);
  log.info('started', { url: http.url, version: config.version, database: placeOf(config.databaseUrl) });

  const closing = opened.move();
  let stopped: Promise<void> | undefined;
  return {
    url: http.url,
    context,
    stop() {
      shutdown.abort();
      return (stopped ??= closing.disposeAsync().then(() => log.info('stopped')));
    },
  };
}

interface Shell<C> {
  config: ServiceContext<C>['config'];
  log: Logger;
  registry: MetricsRegistry;
  shutdown: AbortSignal;
  opened: AsyncDisposableStack;
}

/** Opens everything that a service is given. It is closed in the opposite order. */
async function openContext<C>(
  definition: ServiceDefinition<C>,
  { config, log, registry, shutdown, opened }: Shell<C>,
): Promise<{ context: ServiceContext<C>; endWork(): Promise<void> }> {
  const { name } = definition;
  const { metrics } = registry;
  const { databaseUrl, prefix } = config;
  await waitForPostgres(databaseUrl, log, shutdown);
  const pool = openPool(databaseUrl, { connections: limits.logPoolMax, applicationName: `plumbline-${name}` });
  opened.defer(() => pool.end());
  const bus = makeNatsBus({ url: config.natsUrl, prefix, service: name, log, metrics, keepsAnnouncements: true });
  opened.defer(() => bus.close());
  const stores = await openStores(pool, {
    key: config.key,
    announce: announceOn(bus, { key: announcementKey(config.key) }),
    ...(definition.blobCacheBytesMax === undefined ? {} : { blobCacheBytesMax: definition.blobCacheBytesMax }),
  });
  opened.defer(() => stores.close());
  const database = await openServiceDatabase(definition, databaseUrl, log);
  opened.defer(() => database.destroy());
  const announcements = upcastAnnouncements(makeAnnouncements(bus, { key: announcementKey(config.key), metrics }), upcast);
  const transaction = stores.eventLog.announcing(transactionsOf(poolOf(database)));
  const checkpoints = makePostgresCheckpoints({ schema: schemaOf(name), transaction });
  const jobs = makeJobs({ ...(config.redisUrl === undefined ? {} : { redisUrl: config.redisUrl }), databaseUrl, prefix: `${prefix}:${name}`, log, metrics });
  const event = makeEventMaker(name);
  const consumers = openConsumers({ service: name, config, log, metrics, clock: Date.now, bus, eventLog: stores.eventLog, announcements, checkpoints, event });
  const context: ServiceContext<C> = {
    name,
    config,
    log,
    metrics,
    clock: Date.now satisfies Clock,
    database,
    eventLog: stores.eventLog,
    leases: stores.leases,
    announcements,
    blobs: stores.blobs,
    sealer: stores.sealer,
    bus,
    jobs,
    transaction,
    consume: (consumer) => consumers.consume(consumer),
    event,
    shutdown,
  };
  return {
    context,
    async endWork() {
      await Promise.all([jobs.close(), consumers.stop()]);
    },
  };
}

function healthOf(context: ServiceContext, running: RunningService, registry: MetricsRegistry): Health {
  return {
    service: context.name,
    version: context.config.version,
    async problems() {
      const problems: string[] = [];
      if (context.shutdown.aborted) problems.push('service: stopping');
      else if (!running.isReady()) problems.push(`${context.name}: not ready yet`);
      if (!(await answersInTime(context.database))) problems.push('database: PostgreSQL does not answer');
      return problems;
    },
    remarks: () => (context.bus.isConnected() ? [] : ['NATS is away: the feed is polled, questions between services fail']),
    metricsContentType: registry.contentType,
    renderMetrics: registry.render,
  };
}

async function answersInTime(database: DataSource): Promise<boolean> {
  const done = new AbortController();
  const late = sleep(limits.readinessQueryMs, false, { signal: done.signal }).catch(() => false);
  const answered = database.query('select 1').then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([answered, late]);
  } finally {
    done.abort();
  }
}

async function sayStarted(context: ServiceContext): Promise<void> {
  const { name: service, config, eventLog } = context;
  const event: ServiceEvent = { type: 'ServiceStarted', data: { service, instance: config.instance, pid: process.pid, version: config.version } };
  await eventLog.append([
    {
      stream: `service-${service}/${config.instance}`,
      // Each start is a fact of its own.
      events: [context.event(event.type, event.data, { cause: `start ${config.instance} ${randomUUID()}` })],
    },
  ]);
}
