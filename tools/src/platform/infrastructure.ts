import { chmodSync, copyFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  checkoutName,
  rememberedPort,
  startControlPlane,
  startGitServer,
  startNats,
  startPostgres,
  startRedis,
  stopLeftovers,
  type Dependency,
  type DependencyOptions,
} from '@plumbline/testing';

import { keepRunning } from './keep-running.ts';
import { limits } from './limits.ts';
import type { PlatformOptions } from './options.ts';
import { pathsOf } from './paths.ts';
import { identify, isAlive } from './process-identity.ts';
import type { DependencyRecord } from './state.ts';

export interface Infrastructure {
  postgres: DependencyRecord;
  nats: DependencyRecord;
  redis: DependencyRecord | null;
  /** Address of NATS for each service, with the rights of that service, where the server is ours to configure. */
  natsUrls: Readonly<Record<string, string>>;
  /** First token of subjects and keys: what is ours in servers that others use too. */
  prefix: string;
  kubeconfig: string;
}

interface Context {
  tell: (line: string) => void;
  resources: AsyncDisposableStack;
}

interface ServerContext {
  tell: (line: string) => void;
  /** How what was started is stopped; all of it at once, for none needs another. */
  stops: (() => Promise<void>)[];
}

/** Finds or starts PostgreSQL, NATS, Redis and a cluster, side by side; what was started is kept running. */
export async function startInfrastructure(options: PlatformOptions, { tell, resources }: Context): Promise<Infrastructure> {
  const context: ServerContext = { tell, stops: [] };
  resources.defer(async () => {
    await Promise.allSettled(context.stops.map((stop) => stop()));
  });
  const prefix = prefixOf(process.env);
  const common: DependencyOptions = { stateDir: options.stateDir, useLocal: options.useLocal, name: prefix, progress: tell };
  const [postgres, nats, redis, kubeconfig] = await Promise.all([
    keepDependency('PostgreSQL', () => startPostgres(withAddress(common, options.postgres)), context),
    keepDependency('NATS', () => startNats(withAddress(common, options.nats)), context),
    keepDependency('Redis', () => startRedis(withAddress(common, options.redis)), context),
    options.kubeconfig ?? startCluster(options.stateDir, context),
  ]);
  return { postgres: recordOf(postgres), nats: recordOf(nats), redis: redis ? recordOf(redis) : null, natsUrls: nats.serviceUrls, prefix, kubeconfig };
}

/** The demo Git server, on the same port each time; it tells the api about every push. */
export async function startDemoGitServer(
  stateDir: string,
  webhook: { api: string; secret: string },
  { resources }: Pick<Context, 'resources'>,
): Promise<string> {
  const server = await startGitServer({
    dir: join(stateDir, 'git'),
    port: await rememberedPort(stateDir, 'git'),
    webhook: { url: `${webhook.api}/api/webhook`, secret: webhook.secret },
  });
  resources.defer(() => server.close());
  return server.url;
}

/** Database, subjects and keys of this checkout have this name, unless the person gave another. */
export function prefixOf(env: NodeJS.ProcessEnv): string {
  return env['PLUMBLINE_PREFIX'] || checkoutName();
}

/** Ends the servers that a supervisor of this state folder left behind when it was killed. */
export async function stopLeftoverServers(stateDir: string): Promise<string[]> {
  const stopped = await Promise.all(['postgres', 'nats', 'redis', 'control-plane'].map((name) => stopLeftovers(join(stateDir, name))));
  return stopped.flat();
}

function withAddress(options: DependencyOptions, given: string | undefined): DependencyOptions {
  return given === undefined ? options : { ...options, given };
}

function recordOf({ url, origin, description }: Dependency): DependencyRecord {
  return { url, origin, description };
}

async function startCluster(stateDir: string, { tell, stops }: ServerContext): Promise<string> {
  const cluster = await keepRunning(
    {
      name: 'The control plane',
      start: () => startControlPlane({ stateDir: join(stateDir, 'control-plane'), progress: tell }),
      ended: (running, stopped) =>
        Promise.race([
          running.ended.then(
            () => undefined,
            (error: Error) => error.message.split('\n', 1)[0],
          ),
          abortOf(stopped),
        ]),
      stop: (running) => running.stop(),
    },
    tell,
  );
  stops.push(() => cluster.stop());
  tell(`Kubernetes: ${cluster.current().server}, private`);
  const { kubeconfig, kubectl } = pathsOf(stateDir);
  // A fresh machine has no kubectl; this one fits the server.
  rmSync(kubectl, { force: true });
  symlinkSync(cluster.current().kubectl, kubectl);
  copyFileSync(cluster.current().kubeconfig, kubeconfig);
  chmodSync(kubeconfig, 0o600);
  return kubeconfig;
}

/** A private server that dies is started again at the same address; one that was found running is its owner's. */
async function keepDependency<T extends Dependency | undefined>(name: string, start: () => Promise<T>, { tell, stops }: ServerContext): Promise<T> {
  const kept = await keepRunning<T>(
    { name, start, ended: async (running, stopped) => endOf(running?.pid, stopped), stop: async (running) => running?.stop() },
    tell,
  );
  stops.push(() => kept.stop());
  return kept.current();
}

/** There is no word from these servers when they end: they are looked at. */
async function endOf(pid: number | undefined, stopped: AbortSignal): Promise<string | undefined> {
  const identity = pid === undefined ? undefined : identify(pid);
  if (!identity) return await abortOf(stopped);
  while (!stopped.aborted) {
    if (!isAlive(identity)) return `process ${identity.pid} is gone`;
    await sleep(limits.serverPollMs, undefined, { signal: stopped }).catch(() => undefined);
  }
  return undefined;
}

function abortOf(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (signal.aborted) resolve(undefined);
  else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  return promise;
}
