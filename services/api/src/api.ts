import { randomUUID } from 'node:crypto';
import { makeLogSigner } from '@plumbline/event-log';
import type { ApplicationSpec } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { signCallerToken } from '@plumbline/platform';
import type { RunningService, ServiceContext } from '@plumbline/platform';
import { makeAccessModel } from './access/access-model.ts';
import { authenticate } from './access/authentication.ts';
import { watchControlSettings } from './access/control-settings.ts';
import { ApiModule } from './api.module.ts';
import { makeApplicationCommands } from './applications/application-commands.ts';
import { coverSpec } from './applications/redaction.ts';
import { watchApplications } from './applications/catalogue.ts';
import { makeStatusProjection } from './applications/status-projection.ts';
import { makeCommands } from './commands/commands.ts';
import type { Door } from './door.ts';
import { followLog } from './events/event-tail.ts';
import { signHeads } from './events/log-heads.ts';
import { makeWatchers } from './events/watchers.ts';
import { mountCalls } from './grpc/call-routes.ts';
import { serveGrpc } from './grpc/grpc-server.ts';
import { guardHttp } from './http.ts';
import type { ApiConfig } from './config.ts';
import { makeChronicle } from './history/chronicle.ts';
import { makeHistory } from './history/history.ts';
import { limits } from './limits.ts';
import { sqlOf } from '@plumbline/platform';
import { makeSubscriptionCommands } from './subscriptions/subscription-commands.ts';
import { startSubscriptions } from './subscriptions/subscriptions.ts';
import { makeWebhooks } from './webhook/webhooks.ts';

/** The running door on a given API server. Ready when it knows the accounts, the policy and the applications. */
export async function startApi(context: ServiceContext<ApiConfig>, kube: KubeClient): Promise<RunningService> {
  const { config, log } = context;
  const { door, stop, isReady } = await openDoor(context, kube);

  const grpc = config.grpcPort === undefined ? undefined : await serveGrpc({ host: config.httpHost, port: config.grpcPort }, door, log);
  if (grpc !== undefined) log.info('serves gRPC', { url: grpc.url });

  return {
    isReady,
    module: ApiModule.with(door),
    configureHttp: async (app) => {
      guardHttp(app, door);
      await mountCalls(app, door, log);
    },
    stop: async () => {
      await grpc?.stop();
      await stop();
    },
  };
}

/** What the controllers stand on, without a port of its own. */
export async function openDoor(context: ServiceContext<ApiConfig>, kube: KubeClient): Promise<{ door: Door } & Pick<RunningService, 'isReady' | 'stop'>> {
  const { announcements, blobs, bus, clock, config, eventLog, log, metrics, sealer, shutdown } = context;
  const { namespace, version, key } = config;
  const database = sqlOf(context.database);

  const statuses = makeStatusProjection();
  const access = makeAccessModel();
  const statusReader = await context.consume(statuses.consumer);
  const accessReader = await context.consume(access.consumer);
  const keyedHash = (value: string): string => sealer.keyedHash(value);
  const cover = (spec: ApplicationSpec): ApplicationSpec => coverSpec(spec, keyedHash);
  const chronicleReader = await context.consume(makeChronicle(cover));

  const settings = watchControlSettings(kube, namespace);
  const catalogue = watchApplications(kube, namespace, statuses);
  const tail = followLog(eventLog, announcements);
  const heads = signHeads({ eventLog, signer: makeLogSigner(key), event: context.event, clock, log }, limits.signHeadLookMs);
  const commands = makeCommands({ eventLog, event: context.event.bind(context), newId: randomUUID, readModels: () => [statusReader, accessReader] });

  const visibility = { statuses, projectedTo: () => statusReader.position() };
  const subscriptions = await startSubscriptions({ context, prefix: config.prefix, namespace, kube, settings, access, visibility });

  const door: Door = {
    namespace,
    version,
    clock,
    shutdown,
    catalogue,
    access,
    blobs,
    bus,
    tail,
    watchers: makeWatchers(limits.eventWatchersMax),
    noteExport: ({ caller: { subject }, from, parameters }) =>
      commands.carryOut({ command: 'export-events', target: 'log', parameters, subject, from }, async () => ({ written: {}, result: undefined })),
    commands: makeApplicationCommands({ kube, namespace, catalogue, access, commands, keyedHash }),
    events: { eventLog, statuses, projectedTo: () => statusReader.position() },
    history: makeHistory({ namespace, eventLog, database, catalogue, reader: chronicleReader, clock, cover }),
    takeWebhook: makeWebhooks({ settings, bus, database, clock, log, metrics }),
    authenticate: (token) => authenticate(token, { settings, access, clock }),
    signCaller: ({ subject, groups }, audience) => signCallerToken({ subject, groups }, { key, audience, clock }),
    awaitHead: async () => {
      const { position } = await eventLog.head();
      await accessReader.waitFor(position, limits.readModelWaitMs).catch(() => undefined);
    },
    subscriptions: makeSubscriptionCommands({ kube, namespace, commands, subscriptions, eventLog, database, transaction: context.transaction.bind(context) }),
  };

  return {
    door,
    isReady: () => settings.isKnown() && catalogue.isKnown() && subscriptions.register.isKnown(),
    stop: async () => {
      tail.stop();
      await Promise.all([heads.stop(), catalogue.stop(), settings.stop(), subscriptions.stop()]);
      await kube.close();
    },
  };
}
