import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@plumbline/contracts';
import type { PostgresEventLog } from '@plumbline/event-log';
import { makePostgresEventLog } from '@plumbline/event-log';
import type { KubeClient } from '@plumbline/kube';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { ControlPlane, GitServer } from '@plumbline/testing';
import { buildGoPrograms, freePort, installCrds, startControlPlane, startGitServer, stopLeftovers } from '@plumbline/testing';
import type { Relay } from '@plumbline/testing/relay';
import { makeRelay } from '@plumbline/testing/relay';
import type { PlatformAddress } from '@plumbline/testing/scenario';
import { PlatformClient, eventually } from '@plumbline/testing/scenario';
import { KubeProxy } from './kube-proxy.ts';
import type { FaultServer } from './servers.ts';
import { startServers } from './servers.ts';
import { ServiceProcess } from './service-process.ts';

export const serviceNames = ['repo-watcher', 'renderer', 'syncer', 'rbac', 'api'] as const;
export type ServiceName = (typeof serviceNames)[number];

const heapMb: Readonly<Record<ServiceName, number>> = { 'repo-watcher': 384, renderer: 384, syncer: 1024, rbac: 256, api: 512 };
const root = join(import.meta.dirname, '../../..');

/** One whole private installation that faults are done to. */
export interface FaultPlatform {
  stateDir: string;
  postgres: FaultServer;
  /** Between the services and PostgreSQL. */
  postgresRelay: Relay & { port: number };
  nats: FaultServer;
  redis: FaultServer;
  controlPlane: ControlPlane;
  git: GitServer;
  webhook: { url: string; secret: string };
  /** Past the proxies: what the suite itself sees and does. */
  kube: KubeClient;
  log: PostgresEventLog;
  databaseUrl: string;
  /** Between each service that talks to the cluster and the API server. */
  proxies: Readonly<Record<ServiceName, KubeProxy>>;
  services: Readonly<Record<ServiceName, ServiceProcess>>;
  /** Another instance of a service, not started, with a door to the cluster of its own. */
  another(name: ServiceName, instance: string): Promise<{ service: ServiceProcess; proxy: KubeProxy }>;
  address: PlatformAddress;
  client: PlatformClient;
  /** Words that must be nowhere but in Kubernetes Secrets. */
  secrets: string[];
  prefix: string;
  natsUrlOf(service: ServiceName): string | undefined;
}

export async function startFaultPlatform(stateDir: string, tell: (line: string) => void, resources: AsyncDisposableStack): Promise<FaultPlatform> {
  await clear(stateDir);
  const name = `faults-${randomBytes(4).toString('hex')}`;
  const [servers, controlPlane, engine] = await Promise.all([
    startServers({ stateDir, name, tell }),
    startControlPlane({ stateDir: join(stateDir, 'control-plane'), progress: tell }),
    buildEngine(tell),
  ]);
  resources.defer(() => controlPlane.stop());
  for (const server of Object.values(servers)) resources.defer(() => server.drop());
  const kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: controlPlane.kubeconfig, env: {} }), log: silentLogger });
  resources.defer(() => kube.close());
  const webhookSecret = `webhook-${randomBytes(12).toString('hex')}`;
  await prepareCluster(kube, webhookSecret);

  const api = `http://127.0.0.1:${await freePort()}`;
  const webhook = { url: `${api}/api/webhook`, secret: webhookSecret };
  const git = await startGitServer({ dir: join(stateDir, 'git'), webhook });
  resources.defer(() => git.close());
  const databaseUrl = servers.postgres.current().url;
  const relay = makeRelay(databaseUrl, 5432);
  const postgresRelay = Object.assign(relay, { port: await relay.listen() });
  resources.defer(() => relay.cut());

  const key = randomBytes(32).toString('base64');
  const natsUrls = (servers.nats.current() as { serviceUrls?: Readonly<Record<string, string>> }).serviceUrls ?? {};
  const factory = new ServiceFactory({
    stateDir,
    controlPlane,
    resources,
    engine,
    shared: {
      PLUMBLINE_DATABASE_URL: Object.assign(new URL(databaseUrl), { port: String(postgresRelay.port) }).toString(),
      PLUMBLINE_REDIS_URL: servers.redis.current().url,
      PLUMBLINE_PREFIX: name,
      PLUMBLINE_KEY: key,
      PLUMBLINE_NAMESPACE: 'argocd',
      PLUMBLINE_LOG_LEVEL: 'info',
    },
    natsUrl: (service) => natsUrls[service] ?? servers.nats.current().url,
  });
  const { services, proxies } = await makeServices(factory, api);

  tell('Starting the services …');
  await Promise.all(Object.values(services).map((service) => service.start()));
  await Promise.all(Object.values(services).map((service) => service.whenReady()));
  const password = await initialPassword(kube);
  const address: PlatformAddress = { api, kubeconfig: controlPlane.kubeconfig, gitUrl: git.url, username: 'admin', password };
  const client = new PlatformClient(address);
  resources.defer(() => client.close());
  const log = makePostgresEventLog({ connection: databaseUrl, announce: () => undefined });
  resources.defer(() => log.close());
  return {
    stateDir,
    ...servers,
    postgresRelay,
    controlPlane,
    git,
    webhook,
    kube,
    log,
    databaseUrl,
    proxies,
    services,
    another: (service, instance) => factory.make(service, instance),
    address,
    client,
    secrets: [webhookSecret, key, password],
    prefix: name,
    natsUrlOf: (service) => natsUrls[service],
  };
}

/** The five services and their doors to the cluster; api listens where webhooks are sent. */
async function makeServices(factory: ServiceFactory, api: string) {
  const made = await Promise.all(
    serviceNames.map(async (service) => [service, await factory.make(service, `${service}-0`, service === 'api' ? api : undefined)] as const),
  );
  const services = Object.fromEntries(made.map(([service, parts]) => [service, parts.service])) as Record<ServiceName, ServiceProcess>;
  const proxies = Object.fromEntries(made.map(([service, parts]) => [service, parts.proxy])) as Record<ServiceName, KubeProxy>;
  return { services, proxies };
}

interface FactoryParts {
  stateDir: string;
  controlPlane: ControlPlane;
  resources: AsyncDisposableStack;
  engine: string;
  shared: Readonly<Record<string, string>>;
  natsUrl: (service: ServiceName) => string;
}

class ServiceFactory {
  readonly #parts: FactoryParts;

  constructor(parts: FactoryParts) {
    this.#parts = parts;
  }

  async make(name: ServiceName, instance: string, url?: string): Promise<{ service: ServiceProcess; proxy: KubeProxy }> {
    const { stateDir, controlPlane, resources, engine, shared, natsUrl } = this.#parts;
    const proxy = new KubeProxy(controlPlane.server, Buffer.from(controlPlane.caData, 'base64'));
    await proxy.listen();
    resources.defer(() => proxy.close());
    const kubeconfig = join(stateDir, `kubeconfig-${instance}`);
    await writeFile(kubeconfig, kubeconfigText(proxy.url, controlPlane.token), { mode: 0o600 });
    const address = url ?? `http://127.0.0.1:${await freePort()}`;
    const service = new ServiceProcess({
      instance,
      main: join(root, 'services', name, 'dist', 'main.js'),
      url: address,
      stateDir,
      heapMb: heapMb[name],
      env: {
        ...shared,
        PLUMBLINE_NATS_URL: natsUrl(name),
        PLUMBLINE_INSTANCE: instance,
        PLUMBLINE_KUBECONFIG: kubeconfig,
        PLUMBLINE_HTTP_HOST: '127.0.0.1',
        PLUMBLINE_HTTP_PORT: new URL(address).port,
        PLUMBLINE_DATA_DIR: join(stateDir, 'data', instance),
        ...(name === 'repo-watcher' ? { PLUMBLINE_POLL_INTERVAL_SECONDS: '5' } : {}),
        ...(name === 'renderer' ? { PLUMBLINE_ENGINE: engine } : {}),
      },
    });
    resources.defer(() => service.stop());
    return { service, proxy };
  }
}

/** What an earlier run left: processes of a run that was killed, and its data. */
async function clear(stateDir: string): Promise<void> {
  for (const part of ['', 'postgres', 'nats', 'redis', 'control-plane']) await stopLeftovers(join(stateDir, part));
  for (const part of ['control-plane', 'git', 'data', 'logs', 'nats', 'redis']) await rm(join(stateDir, part), { recursive: true, force: true });
  // Others may pass, not look: as root, PostgreSQL runs as another user with its data in here.
  await mkdir(join(stateDir, 'data'), { recursive: true, mode: 0o711 });
  await chmod(stateDir, 0o711);
}

async function buildEngine(tell: (line: string) => void): Promise<string> {
  const moduleDir = join(root, 'services/renderer/engine');
  const folder = await buildGoPrograms(
    { name: 'engine', version: '0.1.0', moduleDir, programs: { engine: '.' }, label: "the renderer's engine" },
    { progress: tell },
  );
  return join(folder, 'engine');
}

async function prepareCluster(kube: KubeClient, webhookSecret: string): Promise<void> {
  const fieldManager = 'faults-setup';
  await installCrds(kube);
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'argocd' } }, { fieldManager });
  const data = { 'webhook.github.secret': Buffer.from(webhookSecret).toString('base64') };
  const metadata = { name: 'argocd-secret', namespace: 'argocd', labels: { 'app.kubernetes.io/part-of': 'argocd' } };
  await kube.create({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }, { fieldManager });
}

function initialPassword(kube: KubeClient): Promise<string> {
  return eventually('the initial password', async () => {
    const secret = await kube.get({ group: '', version: 'v1', kind: 'Secret', namespace: 'argocd', name: 'argocd-initial-admin-secret' });
    const password = (secret?.['data'] as Record<string, string> | undefined)?.['password'];
    return password === undefined ? undefined : Buffer.from(password, 'base64').toString('utf8');
  });
}

const kubeconfigText = (server: string, token: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'faults', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'faults', context: { cluster: 'faults', user: 'admin' } }],
    'current-context': 'faults',
  });
