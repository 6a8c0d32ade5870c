import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { PlatformAddress } from '@plumbline/testing/scenario';
import { benchLog } from './log/log.ts';
import { benchPush } from './push.ts';

/**
 * `npm run bench -- <name>`: measures a running platform, or one that it starts and stops, or a part by itself. Prints JSON lines, the
 * machine's calibration first. Never part of a test: a figure is worth what the machine was doing besides.
 */
const benches: Readonly<Record<string, (platform: PlatformAddress) => Promise<void>>> = { push: benchPush };
/** Those that need no platform: they bring the servers that they measure. */
const alone: Readonly<Record<string, () => Promise<void>>> = { log: benchLog };

const root = join(import.meta.dirname, '../..');
const name = process.argv[2] ?? '';
const bench = benches[name];
if (alone[name] !== undefined) await alone[name]();
else if (bench !== undefined) await onPlatform(bench);
else {
  console.error(`usage: npm run bench -- ${[...Object.keys(benches), ...Object.keys(alone)].join(' | ')}`);
  process.exitCode = 2;
}

async function onPlatform(measure: (platform: PlatformAddress) => Promise<void>): Promise<void> {
  const isOurs = status() === undefined;
  if (isOurs) run('start.mjs', ['--detach']);
  try {
    await measure(status()!);
  } finally {
    if (isOurs) run('stop.mjs', []);
  }
}

function status(): PlatformAddress | undefined {
  const { status: code, stdout } = spawnSync(process.execPath, [join(root, 'tools/entry/status.mjs'), '--json'], { encoding: 'utf8' });
  return code === 0 ? (JSON.parse(stdout) as PlatformAddress) : undefined;
}

function run(script: string, args: string[]): void {
  execFileSync(process.execPath, [join(root, 'tools/entry', script), ...args], { stdio: 'inherit' });
}
