import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { PlatformAddress } from '@plumbline/testing/scenario';

/** What `npm run -s status -- --json` prints. */
export interface RunningPlatform extends PlatformAddress {
  grpc: string;
  postgres: string;
  nats: string;
  prefix: string;
  services: { name: string; pid: number }[];
}

const root = join(import.meta.dirname, '../..');

/** On the platform that runs, or on one that is started for it and stopped afterwards. */
export async function onPlatform(measure: (platform: RunningPlatform) => Promise<void>): Promise<void> {
  const isOurs = status() === undefined;
  if (isOurs) run('start.mjs', ['--detach']);
  try {
    await measure(status()!);
  } finally {
    if (isOurs) run('stop.mjs', []);
  }
}

function status(): RunningPlatform | undefined {
  const { status: code, stdout } = spawnSync(process.execPath, [join(root, 'tools/entry/status.mjs'), '--json'], { encoding: 'utf8' });
  return code === 0 ? (JSON.parse(stdout) as RunningPlatform) : undefined;
}

/** What it says goes beside the figures, which are on standard output. */
function run(script: string, args: string[]): void {
  execFileSync(process.execPath, [join(root, 'tools/entry', script), ...args], { stdio: ['inherit', 2, 2] });
}
