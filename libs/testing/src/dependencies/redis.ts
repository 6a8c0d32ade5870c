import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@plumbline/contracts';
import { Redis } from 'ioredis';
import { limits } from '../limits.ts';
import { rememberedPort } from '../ports.ts';
import { poll } from '../processes/poll.ts';
import { startProgram } from '../processes/program.ts';
import { stopLeftovers } from '../processes/records.ts';
import { makePrivateDir, newPassword, readOrMake, writeState } from '../state-files.ts';
import { findBinaries, isAtLeast, serverDirs, versionOf } from './binaries.ts';
import type { Dependency, DependencyOptions, Rung } from './dependency.ts';
import { checkoutName, climb, nothing, withoutCredentials } from './dependency.ts';
import { startContainer } from './docker.ts';

const versionMin = [7, 0] as const;
const localUrl = 'redis://127.0.0.1:6379';
const image = 'redis:8-alpine';

/**
 * Redis 7.0 or newer (or Valkey), from the first rung that holds: the given address, a local one (when allowed), the
 * machine's own program run privately, Docker. Undefined when there is none: there is no embedded one, and the queues
 * run on PostgreSQL then.
 */
export async function startRedis(options: DependencyOptions): Promise<Dependency | undefined> {
  const env = options.env ?? process.env;
  const stateDir = join(options.stateDir, 'redis');
  const name = options.name ?? checkoutName();
  const rungs: Rung[] = [
    { origin: 'given', take: () => given(options.given ?? env['PLUMBLINE_REDIS']) },
    { origin: 'local', take: () => (options.useLocal === true ? local(name) : Promise.resolve('one already running on port 6379 may not be used')) },
    { origin: 'binary', take: () => binary(stateDir, env) },
    { origin: 'docker', take: () => docker(stateDir, name) },
  ];
  const found = await climb('Redis', rungs, options);
  if ('taken' in found) return found.taken;
  options.progress?.(`Redis: none is to be had (${found.reasons}); the queues run on PostgreSQL`);
  return undefined;
}

async function given(url: string | undefined): Promise<Dependency | string> {
  if (url === undefined || url === '') return 'no address was given';
  const address = withoutCredentials(url);
  const version = await versionAt(url).catch((cause: unknown) => {
    throw new AppError('failed-precondition', `The Redis at ${address} does not answer: ${(cause as Error).message}`, { cause });
  });
  if (!isAtLeast(version, versionMin))
    throw new AppError('failed-precondition', `The Redis at ${address} is ${version}; ${versionMin.join('.')} or newer is needed.`);
  return { url, origin: 'given', description: `Redis ${version} at ${address}, as given`, stop: nothing, drop: nothing };
}

async function local(name: string): Promise<Dependency | string> {
  const version = await versionAt(localUrl).catch(() => undefined);
  if (version === undefined) return 'nothing answers on port 6379';
  if (!isAtLeast(version, versionMin)) return `the one on port 6379 is ${version}`;
  return { url: localUrl, origin: 'local', description: `Redis ${version} on port 6379, keys ${name}:*`, stop: nothing, drop: () => dropKeys(localUrl, name) };
}

async function binary(stateDir: string, env: NodeJS.ProcessEnv): Promise<Dependency | string> {
  const tooOld: string[] = [];
  const commands = [...(await findBinaries('redis-server', serverDirs, env)), ...(await findBinaries('valkey-server', serverDirs, env))];
  for (const command of commands) {
    const version = await versionOf(command);
    if (version !== undefined && isAtLeast(version, versionMin)) return startPrivate(command, stateDir);
    if (version !== undefined) tooOld.push(version);
  }
  return tooOld.length > 0 ? `the installed one is ${tooOld.join(', ')}` : 'none is installed';
}

function docker(stateDir: string, name: string): Promise<Dependency | string> {
  return startContainer({
    image,
    port: 6379,
    stateDir,
    volume: { name: `${name}_redis`, path: '/data' },
    command: (password) => ['redis-server', '--requirepass', password, '--maxmemory-policy', 'noeviction', '--appendonly', 'yes'],
    url: (host, port, password) => `redis://:${password}@${host}:${port}`,
    isReady: (url) => versionAt(url).then(() => true),
    readyMs: limits.dependencyReadyMs,
  });
}

async function startPrivate(command: string, stateDir: string): Promise<Dependency> {
  await makePrivateDir(stateDir);
  await stopLeftovers(stateDir);
  const password = (await readOrMake(join(stateDir, 'password'), newPassword)).trim();
  const port = await rememberedPort(stateDir, 'redis');
  const settings = ['bind 127.0.0.1', `port ${port}`, `requirepass ${password}`, 'maxmemory-policy noeviction', 'appendonly yes', 'daemonize no'];
  await writeState(join(stateDir, 'redis.conf'), `${settings.join('\n')}\n`);
  // Its working directory is where it keeps its files.
  const server = await startProgram({ name: 'redis', command, args: ['redis.conf'], stateDir, cwd: stateDir });
  const url = `redis://:${password}@127.0.0.1:${port}`;
  try {
    const version = await poll(() => versionAt(url), { what: 'Redis', timeoutMs: limits.dependencyReadyMs, unless: server.ended });
    return {
      url,
      origin: 'binary',
      description: `Redis ${version}, private, ${command}`,
      pid: server.pid,
      stop: () => server.stop(),
      drop: async () => {
        await server.stop();
        await rm(stateDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function withClient<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: limits.probeMs, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  // Told by the command that fails.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** Waits until the server has loaded its data: before, the client doesn't count as connected. */
const versionAt = (url: string): Promise<string> => withClient(url, async (client) => /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? '0.0');

function dropKeys(url: string, name: string): Promise<void> {
  return withClient(url, async (client) => {
    for await (const keys of client.scanStream({ match: `${name}:*`, count: 1000 })) {
      const found = keys as string[];
      if (found.length > 0) await client.unlink(found);
    }
  });
}
