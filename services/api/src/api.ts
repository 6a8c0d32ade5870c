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
import { watchHead } from './events/head-watch.ts';
import { guardHttp } from './http.ts';
import { limits } from './limits.ts';
import { sqlOf } from '@plumbline/platform';
import { makeWebhooks } from './webhook/webhooks.ts';

/** The running door on a given API server. Ready when it knows the accounts, the policy and the applications. */
export async function startApi(context: ServiceContext, kube: KubeClient): Promise<RunningService> {
  const { door, ...running } = await openDoor(context, kube);
  return { ...running, module: ApiModule.with(door), configureHttp: (app) => guardHttp(app, door) };
}

/** What the controllers stand on, without any HTTP. */
export async function openDoor(context: ServiceContext, kube: KubeClient): Promise<{ door: Door } & Pick<RunningService, 'isReady' | 'stop'>> {
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
  };

  return {
    door,
    isReady: () => settings.isKnown() && catalogue.isKnown(),
    stop: async () => {
      headWatch.stop();
      await Promise.all([catalogue.stop(), settings.stop()]);
      await kube.close();
    },
  };
}
