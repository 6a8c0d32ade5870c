import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { PlatformAddress } from '@plumbline/testing/scenario';
import { benchPush } from './push.ts';

/**
 * `npm run bench -- <name>`: measures a running platform, or one that it starts and stops. Prints JSON lines, the
 * machine's calibration first. Never part of a test: a figure is worth what the machine was doing besides.
 */
const benches: Readonly<Record<string, (platform: PlatformAddress) => Promise<void>>> = { push: benchPush };

const root = join(import.meta.dirname, '../..');
const name = process.argv[2] ?? '';
const bench = benches[name];
if (bench === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join(' | ')}`);
  process.exit(2);
}

const isOurs = status() === undefined;
if (isOurs) run('start.mjs', ['--detach']);
try {
  await bench(status()!);
} finally {
  if (isOurs) run('stop.mjs', []);
}

function status(): PlatformAddress | undefined {
  const { status: code, stdout } = spawnSync(process.execPath, [join(root, 'tools/entry/status.mjs'), '--json'], { encoding: 'utf8' });
  return code === 0 ? (JSON.parse(stdout) as PlatformAddress) : undefined;
}

function run(script: string, args: string[]): void {
  execFileSync(process.execPath, [join(root, 'tools/entry', script), ...args], { stdio: 'inherit' });
}
