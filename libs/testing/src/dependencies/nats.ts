import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { AppError } from '@plumbline/contracts';
import type { GoProgramSet } from '../go-programs.ts';
import { buildGoPrograms } from '../go-programs.ts';
import { limits } from '../limits.ts';
import { rememberedPort } from '../ports.ts';
import { poll } from '../processes/poll.ts';
import { startProgram } from '../processes/program.ts';
import { stopLeftovers } from '../processes/records.ts';
import { repositoryRoot } from '../repository-root.ts';
import { makePrivateDir, newPassword, readOrMake, writeState } from '../state-files.ts';
import { findBinaries, isAtLeast, serverDirs, versionOf } from './binaries.ts';
import type { Dependency, DependencyOptions, Origin, Rung } from './dependency.ts';
import { checkoutName, climb, noneFound, nothing, withoutCredentials } from './dependency.ts';
import { startContainer } from './docker.ts';
import { natsConfiguration, serviceUrls } from './nats-configuration.ts';

const versionMin = [2, 9] as const;
const localUrl = 'nats://127.0.0.1:4222';
const image = 'nats:2.12-alpine';

const natsServer: GoProgramSet = {
  name: 'nats-server',
  version: 'v2.14.9',
  moduleDir: join(repositoryRoot, 'tools/go/nats-server'),
  programs: { 'nats-server': 'github.com/nats-io/nats-server/v2' },
  label: 'the NATS server (once, half a minute)',
};

export interface NatsDependency extends Dependency {
  /** URL of each service, as a user with the rights of that service only, where the server is ours to configure. */
  serviceUrls: Readonly<Record<string, string>>;
}

/**
 * nats-server 2.9 or newer with JetStream, from the first rung that holds: the given address, a local one (when
 * allowed), the machine's own program run privately, Docker, one built from its Go module.
 *
 * @throws AppError `failed-precondition` when there is none, or the given one doesn't do.
 */
export async function startNats(options: DependencyOptions): Promise<NatsDependency> {
  const env = options.env ?? process.env;
  const place: Place = { stateDir: join(options.stateDir, 'nats'), prefix: options.name ?? checkoutName() };
  const rungs: Rung[] = [
    { origin: 'given', take: () => given(options.given ?? env['PLUMBLINE_NATS']) },
    { origin: 'local', take: () => (options.useLocal === true ? local(place.prefix) : Promise.resolve('one already running on port 4222 may not be used')) },
    { origin: 'binary', take: () => binary(place, env) },
    { origin: 'docker', take: () => docker(place) },
    { origin: 'embedded', take: () => embedded(place, options) },
  ];
  const found = await climb('NATS', rungs, options);
  if ('taken' in found) return { serviceUrls: {}, ...found.taken };
  throw noneFound(`NATS server ${versionMin.join('.')} or newer`, 'PLUMBLINE_NATS', found.reasons);
}

interface Place {
  stateDir: string;
  prefix: string;
}

async function given(url: string | undefined): Promise<Dependency | string> {
  if (url === undefined || url === '') return 'no address was given';
  const address = withoutCredentials(url);
  const version = await versionAt(url).catch((cause: unknown) => {
    throw new AppError('failed-precondition', `The NATS server at ${address} does not answer: ${(cause as Error).message}`, { cause });
  });
  if (!isAtLeast(version, versionMin))
    throw new AppError('failed-precondition', `The NATS server at ${address} is ${version}; ${versionMin.join('.')} or newer is needed.`);
  return { url, origin: 'given', description: `NATS ${version} at ${address}, as given`, stop: nothing, drop: nothing };
}

async function local(prefix: string): Promise<Dependency | string> {
  const version = await versionAt(localUrl).catch(() => undefined);
  if (version === undefined) return 'nothing answers on port 4222';
  if (!isAtLeast(version, versionMin)) return `the one on port 4222 is ${version}`;
  return {
    url: localUrl,
    origin: 'local',
    description: `NATS ${version} on port 4222, subjects ${prefix}.>`,
    stop: nothing,
    drop: () => dropStreams(localUrl, prefix),
  };
}

async function binary(place: Place, env: NodeJS.ProcessEnv): Promise<Dependency | string> {
  const tooOld: string[] = [];
  for (const command of await findBinaries('nats-server', serverDirs, env)) {
    const version = await versionOf(command);
    if (version !== undefined && isAtLeast(version, versionMin)) return startPrivate(command, 'binary', place);
    if (version !== undefined) tooOld.push(version);
  }
  return tooOld.length > 0 ? `the installed one is ${tooOld.join(', ')}` : 'none is installed';
}

function docker({ stateDir, prefix }: Place): Promise<Dependency | string> {
  return startContainer({
    image,
    port: 4222,
    stateDir,
    volume: { name: `${prefix}_nats`, path: '/data' },
    command: (password) => ['--jetstream', '--store_dir=/data', '--user=plumbline', `--pass=${password}`],
    url: (host, port, password) => `nats://plumbline:${password}@${host}:${port}`,
    isReady: (url) => versionAt(url).then(() => true),
    readyMs: limits.dependencyReadyMs,
  });
}

async function embedded(place: Place, { progress, env }: DependencyOptions): Promise<Dependency> {
  const dir = await buildGoPrograms(natsServer, { progress, ...(env !== undefined && { env }) });
  return startPrivate(join(dir, 'nats-server'), 'embedded', place);
}

async function startPrivate(command: string, origin: Origin, { stateDir, prefix }: Place): Promise<NatsDependency> {
  await makePrivateDir(stateDir);
  await stopLeftovers(stateDir);
  const password = (await readOrMake(join(stateDir, 'password'), newPassword)).trim();
  const port = await rememberedPort(stateDir, 'nats');
  const configuration = { port, prefix, password, storeDir: join(stateDir, 'jetstream') };
  await mkdir(configuration.storeDir, { recursive: true });
  await writeState(join(stateDir, 'nats.conf'), natsConfiguration(configuration));
  const server = await startProgram({ name: 'nats', command, args: ['-c', 'nats.conf'], stateDir, cwd: stateDir });
  const url = `nats://plumbline:${password}@127.0.0.1:${port}`;
  try {
    const version = await poll(() => versionAt(url), { what: 'NATS', timeoutMs: limits.dependencyReadyMs, unless: server.ended });
    return {
      url,
      serviceUrls: serviceUrls(configuration),
      origin,
      description: `NATS ${version}, private, ${command}`,
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

async function withConnection<T>(url: string, work: (connection: NatsConnection) => Promise<T>): Promise<T> {
  const { host, username, password } = new URL(url);
  const credentials = username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  const connection = await connect({ servers: host, timeout: limits.probeMs, reconnect: false, ...credentials });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

const versionAt = (url: string): Promise<string> => withConnection(url, async ({ info }) => info?.version ?? '0.0');

/** Streams are all that NATS keeps for us. */
function dropStreams(url: string, prefix: string): Promise<void> {
  return withConnection(url, async (connection) => {
    if (connection.info?.jetstream !== true) return;
    const { streams } = await jetstreamManager(connection);
    const ours: string[] = [];
    for await (const { config } of streams.list()) if (config.subjects.some((subject) => subject.startsWith(`${prefix}.`))) ours.push(config.name);
    for (const name of ours) await streams.delete(name);
  });
}
