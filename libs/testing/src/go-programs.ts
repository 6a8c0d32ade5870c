import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '@plumbline/contracts';
import { limits } from './limits.ts';
import { withBuildLock } from './processes/build-lock.ts';

const run = promisify(execFile);

/** Programs that one Go module yields. */
export interface GoProgramSet {
  /** In the cache's path: letters, digits, dashes. */
  name: string;
  /** In the cache's path, and told to people. */
  version: string;
  /** Directory with go.mod. */
  moduleDir: string;
  /** File name of each program → the package it is built from. */
  programs: Readonly<Record<string, string>>;
  ldflags?: readonly string[];
  /** What people read while it is built: "the Kubernetes control plane (once, 5 to 6 minutes on two cores)". */
  label: string;
  /** Puts files that the programs need beside them. */
  addFiles?: (dir: string, go: (args: readonly string[]) => Promise<string>) => Promise<void>;
}

export interface BuildOptions {
  progress?: ((line: string) => void) | undefined;
  env?: NodeJS.ProcessEnv;
}

const goVersionMin = [1, 26] as const;

/**
 * The directory that holds the set's programs: built on first use, kept in the user's cache for ever after under a name
 * that says what it was built from. Safe to be called by several processes at once.
 *
 * @throws AppError `failed-precondition` when Go is missing or too old, or the build fails.
 */
export async function buildGoPrograms(set: GoProgramSet, options: BuildOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const target = join(cacheDir(env), `${set.name}-${set.version}-${await sourceHash(set)}`);
  if (await exists(target)) return target;
  await mkdir(dirname(target), { recursive: true });
  await withBuildLock(
    `${target}.lock`,
    async () => {
      if (await exists(target)) return;
      await requireGo(env);
      await build(set, target, options);
    },
    () => options.progress?.(`waiting for another process that is building ${set.label}`),
  );
  return target;
}

/** `$XDG_CACHE_HOME/plumbline`, or `~/.cache/plumbline`. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'plumbline');
}

async function build(set: GoProgramSet, target: string, options: BuildOptions): Promise<void> {
  const startedAt = Date.now();
  const tell = (): void => options.progress?.(`building ${set.label} … ${Math.round((Date.now() - startedAt) / 1000)} s`);
  tell();
  const timer = setInterval(tell, limits.buildProgressMs);
  const unfinished = await mkdtemp(`${target}.building-`);
  try {
    const go = (args: readonly string[]): Promise<string> => runGo(args, set.moduleDir, options.env ?? process.env);
    const flags = ['-trimpath', '-buildvcs=false', `-ldflags=${['-s', '-w', ...(set.ldflags ?? [])].join(' ')}`];
    // One after the other: they share most packages, and two links at once need twice the memory.
    for (const [program, source] of Object.entries(set.programs)) await go(['build', ...flags, '-o', join(unfinished, program), source]);
    await set.addFiles?.(unfinished, go);
    await rename(unfinished, target);
  } finally {
    clearInterval(timer);
    await rm(unfinished, { recursive: true, force: true });
  }
  options.progress?.(`built ${set.label} in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

function runGo(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, {
      cwd,
      env: { ...env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOWORK: 'off', GOFLAGS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let complaints = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints = (complaints + text).slice(-limits.logTailBytes)));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(output.trim());
      else reject(new AppError('failed-precondition', `"go ${args.join(' ')}" failed in ${cwd}:\n${complaints.trimEnd()}`));
    });
  });
}

async function requireGo(env: NodeJS.ProcessEnv): Promise<void> {
  const wanted = `Install Go ${goVersionMin.join('.')} or newer (https://go.dev/dl) and put it on PATH.`;
  let version: string;
  try {
    version = (await run('go', ['env', 'GOVERSION'], { env: { ...env, GOTOOLCHAIN: 'local' } })).stdout.trim();
  } catch (cause) {
    throw new AppError('failed-precondition', `The command "go" was not found. ${wanted}`, { cause });
  }
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || Number(major) < goVersionMin[0] || (Number(major) === goVersionMin[0] && Number(minor) < goVersionMin[1])) {
    throw new AppError('failed-precondition', `The Go on PATH is ${version}. ${wanted}`);
  }
}

/** Of every file that the build reads in the module's own directory, and of how it is built. */
async function sourceHash(set: GoProgramSet): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([set.programs, set.ldflags ?? [], process.platform, process.arch]));
  const entries = await readdir(set.moduleDir, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && /(\.go|^go\.(mod|sum))$/.test(entry.name) && !entry.name.endsWith('_test.go'))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.sort()) hash.update(`\0${path.slice(set.moduleDir.length)}\0`).update(await readFile(path));
  return hash.digest('hex').slice(0, 12);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
