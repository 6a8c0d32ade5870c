import { randomUUID } from 'node:crypto';
import type { KubeClient } from '@plumbline/kube';
import { signCallerToken } from '@plumbline/platform';
import type { RunningService, ServiceContext } from '@plumbline/platform';
import { makeAccessModel } from './access/access-model.ts';
import { authenticate } from './access/authentication.ts';
import { watchControlSettings } from './access/control-settings.ts';
import { ApiModule } from './api.module.ts';
import { makeApplicationCommands } from './applications/application-commands.ts';
import { watchApplications } from './applications/catalogue.ts';
import { makeStatusProjection } from './applications/status-projection.ts';
import { makeCommands } from './commands/commands.ts';
import type { Door } from './door.ts';
import { eventRoutes } from './events/event-service.ts';
import { EventTail } from './events/event-tail.ts';
import { serveGrpc } from './events/grpc-server.ts';
import { watchHead } from './events/head-watch.ts';
import { mountConnect } from './events/connect-routes.ts';
import { makeWatchers } from './events/watchers.ts';
import { guardHttp } from './http.ts';
import { limits } from './limits.ts';
import { sqlOf } from '@plumbline/platform';
import { makeWebhooks } from './webhook/webhooks.ts';
import type { ApiConfig } from './config.ts';

/** The running door on a given API server. Ready when it knows the accounts, the policy and the applications. */
export async function startApi(context: ServiceContext<ApiConfig>, kube: KubeClient): Promise<RunningService> {
  const { announcements, blobs, bus, clock, config, eventLog, log, metrics, sealer, shutdown } = context;
  const { namespace, version, key } = config;
  const database = sqlOf(context.database);

  const statuses = makeStatusProjection();
  const access = makeAccessModel();
  await statuses.load(database);
  await access.load(database);
  const statusReader = await context.consume(statuses.consumer);
  const accessReader = await context.consume(access.consumer);

  const settings = watchControlSettings(kube, namespace);
  const catalogue = watchApplications(kube, namespace, statuses);
  const headWatch = watchHead(eventLog, announcements);
  const commands = makeCommands({ eventLog, event: context.event.bind(context), newId: randomUUID, readModels: () => [statusReader, accessReader] });

  const door: Door = {
    namespace,
    version,
    clock,
    shutdown,
    catalogue,
    access,
    blobs,
    bus,
    headWatch,
    commands: makeApplicationCommands({ kube, namespace, catalogue, access, commands, keyedHash: (value) => sealer.keyedHash(value) }),
    events: { eventLog, statuses, projectedTo: () => statusReader.position() },
    takeWebhook: makeWebhooks({ settings, bus, database, clock, log, metrics }),
    authenticate: (token) => authenticate(token, { settings, access, clock }),
    signCaller: ({ subject, groups }, audience) => signCallerToken({ subject, groups }, { key, audience, clock }),
    awaitHead: async () => {
      const { position } = await eventLog.head();
      await accessReader.waitFor(position, limits.readModelWaitMs).catch(() => undefined);
    },
    log,
    tail: new EventTail({ eventLog, announcements }),
    watchers: makeWatchers(limits.eventWatchersMax),
    chain: eventLog,
    recordExport: async ({ subject, from, parameters }) => {
      const id = randomUUID();
      const data = { command: 'export-events', target: 'log', from, parameters };
      await eventLog.append([{ stream: `command-${id}`, events: [context.event('CommandAccepted', data, { cause: id, actor: subject, correlation: id })] }]);
    },
  };
  const grpc = await serveGrpc({ host: config.httpHost, port: config.grpcPort }, (router) => eventRoutes(router, door));
  log.info('gRPC is served', { url: grpc.url });

  return {
    isReady: () => settings.isKnown() && catalogue.isKnown(),
    module: ApiModule.with(door),
    configureHttp: async (app) => {
      guardHttp(app, door);
      await mountConnect(app, (router) => eventRoutes(router, door));
    },
    stop: async () => {
      headWatch.stop();
      door.tail.stop();
      await grpc.stop();
      await Promise.all([catalogue.stop(), settings.stop()]);
      await kube.close();
    },
  };
}
