import { execFile } from 'node:child_process';
import { chown, cp, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { rememberedPort } from '../ports.ts';
import { poll } from '../processes/poll.ts';
import { startProgram } from '../processes/program.ts';
import { stopLeftovers } from '../processes/records.ts';
import { newPassword, readOrMake } from '../state-files.ts';
import type { Dependency, Origin } from './dependency.ts';
import { ensureDatabase, serverVersion } from './postgres-database.ts';
import type { Place } from './unprivileged.ts';
import { canReach, placeFor, removePlaceElsewhere } from './unprivileged.ts';

const run = promisify(execFile);
const superuser = 'plumbline';

export interface PostgresPrograms {
  origin: Origin;
  /** Directory with `initdb` and `postgres`. */
  binDir: string;
  majorVersion: string;
  /**
   * Directory with `bin/`, `lib/` and `share/` that may be moved as one, for programs out of a package: copied where the
   * user can reach it, if need be.
   */
  relocatable?: string;
}

/** Starts PostgreSQL on 127.0.0.1 with data of our own; the password lies in the state directory, readable for us only. */
export async function startPrivatePostgres(programs: PostgresPrograms, stateDir: string, database: string): Promise<Dependency> {
  // Others may pass through, not look: the server may have to run as another user.
  await mkdir(stateDir, { recursive: true, mode: 0o711 });
  await stopLeftovers(stateDir);
  const place = await placeFor(stateDir);
  const binDir = await reachableBinDir(programs, place);
  const password = (await readOrMake(join(stateDir, 'password'), newPassword)).trim();
  const dataDir = join(place.dir, `data-${programs.majorVersion}`);
  await initialise({ binDir, dataDir, password, place });

  const port = await rememberedPort(stateDir, 'postgres');
  const server = await startProgram({
    name: 'postgres',
    command: join(binDir, 'postgres'),
    // No Unix socket: its path would have to be short, and nobody asks there. fsync stays on: this is the log.
    args: ['-D', dataDir, '-c', 'listen_addresses=127.0.0.1', '-c', `port=${port}`, '-c', 'unix_socket_directories=', '-c', 'max_connections=200'],
    stateDir,
    cwd: dataDir,
    // Fast shutdown: sessions are ended, data is written.
    stopSignal: 'SIGINT',
    ...(place.user !== undefined && { user: place.user }),
  });
  const url = (name: string): string => `postgres://${superuser}:${password}@127.0.0.1:${port}/${name}`;
  try {
    const version = await poll(() => serverVersion(url('postgres')), { what: 'PostgreSQL', timeoutMs: limits.dependencyReadyMs, unless: server.ended });
    await ensureDatabase(url('postgres'), database);
    return {
      url: url(database),
      origin: programs.origin,
      description: `PostgreSQL ${version.text}, private, of ${programs.binDir}`,
      pid: server.pid,
      stop: () => server.stop(),
      drop: async () => {
        await server.stop();
        await removePlaceElsewhere(stateDir);
        await rm(stateDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Makes the data directory in one step, so that one that was interrupted is never taken for a whole one. */
async function initialise(options: { binDir: string; dataDir: string; password: string; place: Place }): Promise<void> {
  const { binDir, dataDir, password, place } = options;
  if ((await stat(dataDir).catch(() => undefined)) !== undefined) return;
  const unfinished = `${dataDir}.unfinished`;
  const passwordFile = `${dataDir}.password`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await rm(passwordFile, { force: true });
  // Exclusively: the directory may be another user's, who could have put a link there.
  await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' });
  if (place.user !== undefined) for (const path of [unfinished, passwordFile]) await chown(path, place.user.uid, place.user.gid);
  try {
    const args = [
      '-D',
      unfinished,
      '-U',
      superuser,
      `--pwfile=${passwordFile}`,
      '--auth-host=scram-sha-256',
      '--auth-local=reject',
      '--encoding=UTF8',
      '--locale=C',
    ];
    await run(join(binDir, 'initdb'), args, { cwd: unfinished, env: { PATH: process.env['PATH'], LC_ALL: 'C' }, ...place.user });
    await rename(unfinished, dataDir);
  } catch (cause) {
    throw new AppError(
      'failed-precondition',
      `PostgreSQL could not make its data directory ${dataDir}: ${(cause as { stderr?: string }).stderr ?? String(cause)}`,
      { cause },
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function reachableBinDir(programs: PostgresPrograms, place: Place): Promise<string> {
  const { binDir, relocatable } = programs;
  const isReachable = await canReach(place.user, binDir);
  if (relocatable === undefined) {
    if (isReachable) return binDir;
    throw new AppError(
      'failed-precondition',
      `PostgreSQL refuses to run as root, and user ${place.user?.uid} cannot reach ${binDir}. Run as another user, or make that directory passable.`,
    );
  }
  if (isReachable && (await areLinksThere(relocatable))) return binDir;
  const copy = join(place.dir, `programs-${programs.majorVersion}`);
  if ((await stat(copy).catch(() => undefined)) === undefined) await copyPrograms(relocatable, copy);
  return join(copy, basename(binDir));
}

interface Link {
  source: string;
  target: string;
}

/** An npm package can't hold symbolic links: this one lists them, and its install script, which may not have run, makes them. */
async function packagedLinks(relocatable: string): Promise<Link[]> {
  const text = await readFile(join(relocatable, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const inside = (path: string): string => path.replace(/^native\//, '');
  return (JSON.parse(text) as Link[]).map(({ source, target }) => ({ source: inside(source), target: inside(target) }));
}

async function areLinksThere(relocatable: string): Promise<boolean> {
  const links = await packagedLinks(relocatable);
  const found = await Promise.all(links.map(({ target }) => stat(join(relocatable, target)).catch(() => undefined)));
  return found.every((entry) => entry !== undefined);
}

async function copyPrograms(relocatable: string, target: string): Promise<void> {
  const unfinished = `${target}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await cp(relocatable, unfinished, { recursive: true, verbatimSymlinks: true });
  for (const link of await packagedLinks(relocatable)) {
    const path = join(unfinished, link.target);
    await rm(path, { force: true });
    // All of them link to a file beside them.
    await symlink(basename(link.source), path);
    if (dirname(link.source) !== dirname(link.target)) throw new AppError('internal', `unexpected link from ${link.target} to ${link.source}`);
  }
  await rename(unfinished, target);
}
