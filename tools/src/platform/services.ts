import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { checkoutRoot, pathsOf } from './paths.ts';
import type { ServiceCommand } from './service-process.ts';

export const serviceNames = ['repo-watcher', 'renderer', 'syncer', 'rbac', 'api'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** Heap of each service in MB: what a few hundred applications need, with room. The live cache is in syncer. */
const heapMb: Readonly<Record<ServiceName, number>> = { 'repo-watcher': 384, renderer: 384, syncer: 1024, rbac: 256, api: 512 };

/**
 * V8 lets a heap grow to a multiple of what is in use before it looks through it, and keeps three young generations of up to
 * 32 MiB. With these a service takes 30 to 90 MB less, for a few percent of CPU under load. The image says the same.
 */
const smallHeap = ['--max-semi-space-size=4', '--heap-growing-percent=30'] as const;

export interface ServiceSettings {
  stateDir: string;
  databaseUrl: string;
  natsUrl: string;
  /** Of a service, where it has its own user. */
  natsUrls: Readonly<Record<string, string>>;
  redisUrl: string | undefined;
  prefix: string;
  /** Base64 of 32 bytes. */
  key: string;
  kubeconfig: string;
  engine: string;
  pollSeconds: number;
  version: string;
  ports: Readonly<Record<ServiceName, number>>;
  /** Of api. */
  grpcPort: number;
}

/** The five services as separate processes from their builds. */
export function serviceCommands(settings: ServiceSettings): ServiceCommand[] {
  const paths = pathsOf(settings.stateDir);
  return serviceNames.map((name) => ({
    name,
    instance: instanceOf(name),
    args: [`--max-old-space-size=${heapMb[name]}`, ...smallHeap, '--enable-source-maps', join(checkoutRoot, 'services', name, 'dist', 'main.js')],
    env: serviceEnvironment(name, settings),
    logFile: paths.logOf(name),
    urls: [urlOf(settings.ports[name])],
  }));
}

/** All services in one process that starts again when a build changes: `npm run dev`. */
export function developmentCommand(settings: ServiceSettings): ServiceCommand {
  const environments = Object.fromEntries(serviceNames.map((name) => [builtService(name), serviceEnvironment(name, settings)]));
  return {
    name: 'services',
    instance: 'services-0',
    args: ['--watch', '--watch-preserve-output', '--enable-source-maps', join(checkoutRoot, 'tools', 'src', 'platform', 'all-in-one.ts')],
    env: { ...inheritedEnvironment(), PLUMBLINE_DEV_SERVICES: JSON.stringify(environments) },
    logFile: pathsOf(settings.stateDir).logOf('services'),
    urls: serviceNames.map((name) => urlOf(settings.ports[name])),
  };
}

export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function builtService(name: ServiceName): string {
  return pathToFileURL(join(checkoutRoot, 'services', name, 'dist', 'service.js')).href;
}

function instanceOf(name: ServiceName): string {
  return `${name}-0`;
}

function serviceEnvironment(name: ServiceName, settings: ServiceSettings): NodeJS.ProcessEnv {
  return {
    ...inheritedEnvironment(),
    PLUMBLINE_DATABASE_URL: settings.databaseUrl,
    PLUMBLINE_NATS_URL: settings.natsUrls[name] ?? settings.natsUrl,
    ...(settings.redisUrl === undefined ? {} : { PLUMBLINE_REDIS_URL: settings.redisUrl }),
    PLUMBLINE_PREFIX: settings.prefix,
    PLUMBLINE_KEY: settings.key,
    PLUMBLINE_INSTANCE: instanceOf(name),
    PLUMBLINE_NAMESPACE: 'argocd',
    PLUMBLINE_KUBECONFIG: settings.kubeconfig,
    PLUMBLINE_HTTP_HOST: '127.0.0.1',
    PLUMBLINE_HTTP_PORT: String(settings.ports[name]),
    PLUMBLINE_DATA_DIR: pathsOf(settings.stateDir).dataOf(name),
    PLUMBLINE_LOG_LEVEL: process.env['PLUMBLINE_LOG_LEVEL'] ?? 'info',
    PLUMBLINE_VERSION: settings.version,
    ...(name === 'repo-watcher' ? { PLUMBLINE_POLL_INTERVAL_SECONDS: String(settings.pollSeconds) } : {}),
    ...(name === 'api' ? { PLUMBLINE_GRPC_PORT: String(settings.grpcPort) } : {}),
    ...(name === 'renderer' ? { PLUMBLINE_ENGINE: settings.engine } : {}),
  };
}

/** The person's own (PATH, proxies, ssh agent), without what npm adds and without settings meant for the supervisor. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(npm_|PLUMBLINE_|NODE_CHANNEL_)/.test(key)));
}
