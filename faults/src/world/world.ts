import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@plumbline/contracts';
import { makePostgresEventLog, openPool, type PostgresEventLog } from '@plumbline/event-log';
import { loadConnection, makeKubeClient, type KubeClient } from '@plumbline/kube';
import {
  installCrds,
  startControlPlane,
  startGitServer,
  startNats,
  startPostgres,
  startRedis,
  type ControlPlane,
  type Dependency,
  type DependencyOptions,
  type GitServer,
} from '@plumbline/testing';
import type { PlatformAddress } from '@plumbline/testing/scenario';
import {
  buildEngine,
  buildServices,
  freePorts,
  pathsOf,
  platformVersion,
  prepareControlCluster,
  readInitialPassword,
  serviceCommands,
  serviceNames,
  urlOf,
  type ServiceCommand,
  type ServiceName,
} from '@plumbline/tools';
import type { Pool } from 'pg';
import { limits } from '../limits.ts';
import type { Random } from '../random.ts';
import { ApiServerProxy } from './api-server-proxy.ts';
import { makeDatabaseRelay, type DatabaseRelay } from './database-relay.ts';
import { PrivateServer } from './private-server.ts';
import { ServiceProcess } from './service-process.ts';

export interface WorldOptions {
  stateDir: string;
  random: Random;
  tell: (line: string) => void;
}

/** One private set of everything: what a case may break. Nothing in it is anybody's. */
export interface World {
  stateDir: string;
  /** First token of subjects and keys, and name of the database. */
  prefix: string;
  postgres: PrivateServer<Dependency>;
  relay: DatabaseRelay;
  nats: PrivateServer<Dependency>;
  redis: PrivateServer<Dependency>;
  controlPlane: ControlPlane;
  proxy: ApiServerProxy;
  git: GitServer;
  /** Webhooks reach the api as long as this is on. */
  setWebhooks(isOn: boolean): void;
  services: ReadonlyMap<ServiceName, ServiceProcess>;
  commands: readonly ServiceCommand[];
  platform: PlatformAddress;
  /** Of api's gRPC listener. */
  grpcUrl: string;
  webhookSecret: string;
  /** Past proxy and relay: what is really there. */
  kube: KubeClient;
  database: Pool;
  log: PostgresEventLog;
}

/** Starts the set. What it started ends with `resources`. */
export async function startWorld(options: WorldOptions, resources: AsyncDisposableStack): Promise<World> {
  const { stateDir, random, tell } = options;
  const prefix = `faults-${randomBytes(4).toString('hex')}`;
  await mkdir(stateDir, { recursive: true, mode: 0o711 });
  // A cluster, mirrors and logs of this run only.
  for (const dir of ['control-plane/etcd', 'data', 'logs', 'git', 'nats/jetstream']) await rm(join(stateDir, dir), { recursive: true, force: true });
  tell('Building …');
  await buildServices(tell);
  const engine = await buildEngine(tell);
  const servers = await startServers({ stateDir, prefix, tell }, resources);
  const cluster = await startCluster(stateDir, random.fork('proxy'), resources);
  const { kube } = cluster;
  await installCrds(kube);
  const secrets = await prepareControlCluster(kube);
  const [grpcPort = 0, ...free] = await freePorts(serviceNames.length + 1);
  const ports = Object.fromEntries(free.map((port, index) => [serviceNames[index]!, port])) as Record<ServiceName, number>;
  const git = await startGitServer({ dir: join(stateDir, 'git') });
  resources.defer(() => git.close());
  const webhook = { url: `${urlOf(ports.api)}/api/webhook`, secret: secrets.webhookSecret };
  git.setWebhook(webhook);

  const commands = serviceCommands({
    stateDir,
    databaseUrl: servers.relay.url,
    natsUrl: servers.nats.url,
    natsUrls: servers.natsUrls,
    redisUrl: servers.redis.url,
    prefix,
    key: secrets.key,
    kubeconfig: cluster.kubeconfig,
    engine,
    pollSeconds: limits.pollSeconds,
    version: platformVersion(),
    ports,
    grpcPort,
  });
  const services = await startServices(commands, tell, resources);
  const password = await readInitialPassword(kube, limits.initialPasswordMs);
  const database = openPool(servers.postgres.url, { connections: 4, applicationName: 'faults', statementTimeoutMs: 60_000 });
  // A server that is killed ends idle connections: the next query tells.
  database.on('error', () => undefined);
  resources.defer(() => database.end());
  const log = makePostgresEventLog({ connection: database, announce: () => undefined });
  resources.defer(() => log.close());
  return {
    stateDir,
    prefix,
    ...servers,
    ...cluster,
    git,
    setWebhooks: (isOn) => git.setWebhook(isOn ? webhook : undefined),
    services,
    commands,
    platform: { api: urlOf(ports.api), kubeconfig: cluster.kubeconfig, gitUrl: git.url, username: 'admin', password: password ?? '' },
    grpcUrl: urlOf(grpcPort),
    webhookSecret: secrets.webhookSecret,
    database,
    log,
  };
}

async function startServers(
  { stateDir, prefix, tell }: { stateDir: string; prefix: string; tell: (line: string) => void },
  resources: AsyncDisposableStack,
): Promise<Pick<World, 'postgres' | 'nats' | 'redis' | 'relay'> & { natsUrls: Readonly<Record<string, string>> }> {
  // Never one that runs already, whatever the environment says.
  const common: DependencyOptions = { stateDir, name: prefix, origins: ['binary', 'embedded'], env: { PATH: process.env['PATH'] }, progress: tell };
  let natsUrls: Readonly<Record<string, string>> = {};
  const [postgres, nats, redis] = await Promise.all([
    PrivateServer.begin(() => startPostgres({ ...common, progress: () => undefined })),
    PrivateServer.begin(async () => {
      const started = await startNats(common);
      natsUrls = started.serviceUrls;
      return started;
    }),
    PrivateServer.begin(async () => {
      const started = await startRedis(common);
      if (started === undefined) throw new Error('the fault suite needs a redis-server on this machine');
      return started;
    }),
  ]);
  resources.defer(() => postgres.drop());
  resources.defer(() => nats.stop());
  resources.defer(() => redis.stop());
  const relay = await makeDatabaseRelay(postgres.url);
  resources.defer(() => relay.close());
  return { postgres, nats, redis, relay, natsUrls };
}

async function startCluster(
  stateDir: string,
  random: Random,
  resources: AsyncDisposableStack,
): Promise<Pick<World, 'controlPlane' | 'proxy' | 'kube'> & { kubeconfig: string }> {
  const dir = join(stateDir, 'control-plane');
  const controlPlane = await startControlPlane({ stateDir: dir, nodes: 1 });
  resources.defer(() => controlPlane.stop());
  const [certificate, key] = await Promise.all([
    readFile(join(dir, 'certificates/apiserver.crt'), 'utf8'),
    readFile(join(dir, 'certificates/apiserver.key'), 'utf8'),
  ]);
  const proxy = new ApiServerProxy({ server: controlPlane.server, certificate, key, random });
  await proxy.listen();
  resources.defer(() => proxy.close());
  const { kubeconfig } = pathsOf(stateDir);
  const direct = await readFile(controlPlane.kubeconfig, 'utf8');
  await writeFile(kubeconfig, direct.replaceAll(controlPlane.server, proxy.url), { mode: 0o600 });
  const kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: controlPlane.kubeconfig, env: {} }), log: silentLogger });
  resources.defer(() => kube.close());
  return { controlPlane, proxy, kube, kubeconfig };
}

async function startServices(
  commands: readonly ServiceCommand[],
  tell: (line: string) => void,
  resources: AsyncDisposableStack,
): Promise<ReadonlyMap<ServiceName, ServiceProcess>> {
  tell('Starting the services …');
  const services = new Map(commands.map((command) => [command.name as ServiceName, new ServiceProcess(command)]));
  resources.defer(async () => {
    await Promise.all([...services.values()].map((service) => service.stop()));
  });
  for (const service of services.values()) service.start();
  await Promise.all([...services.values()].map((service) => service.whenReady()));
  return services;
}
