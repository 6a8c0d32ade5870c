import { execFile } from 'node:child_process';
import { access, constants, glob } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Directories, or glob patterns of them, where packages put servers without putting them on PATH. */
export const serverDirs = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'] as const;

/** Full paths of a program: those on PATH first, then those in `otherDirs`, later versions first. */
export async function findBinaries(name: string, otherDirs: readonly string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  const dirs = (env['PATH'] ?? '').split(delimiter).filter((dir) => dir !== '');
  for (const pattern of otherDirs) {
    const found: string[] = [];
    for await (const dir of glob(pattern)) found.push(dir);
    dirs.push(...found.sort((a, b) => b.localeCompare(a, 'en', { numeric: true })));
  }
  const paths = [...new Set(dirs)].map((dir) => join(dir, name));
  const isThere = await Promise.all(
    paths.map((path) =>
      access(path, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => isThere[index]);
}

/** The first version number that `<program> --version` prints, e.g. `15.20`. */
export async function versionOf(path: string): Promise<string | undefined> {
  const output = await run(path, ['--version']).catch(() => ({ stdout: '' }));
  return /(\d+(?:\.\d+)+)/.exec(output.stdout)?.[1];
}

export function isAtLeast(version: string, wanted: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  for (const [index, least] of wanted.entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
