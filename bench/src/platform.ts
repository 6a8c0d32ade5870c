import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { PlatformAddress } from '@plumbline/testing/scenario';

/** What `npm run -s status -- --json` prints. */
export interface RunningPlatform extends PlatformAddress {
  grpc: string;
  postgres: string;
  nats: string;
  prefix: string;
  /** Each with where it answers /readyz and /metrics. */
  services: { name: string; url: string; pid: number }[];
  /** As it is now: a service that started again is another process. */
  refresh(): RunningPlatform;
}

const root = join(import.meta.dirname, '../..');

/** On the platform that runs, or on one that is started for it and stopped afterwards. */
export async function onPlatform(measure: (platform: RunningPlatform) => Promise<void>): Promise<void> {
  const isOurs = platformStatus() === undefined;
  if (isOurs) startPlatform();
  try {
    await measure(platformStatus()!);
  } finally {
    if (isOurs) stopPlatform();
  }
}

/** Of the platform with this `--state-dir`; undefined when none is ready there. */
export function platformStatus(...args: string[]): RunningPlatform | undefined {
  const { status: code, stdout } = spawnSync(process.execPath, [join(root, 'tools/entry/status.mjs'), '--json', ...args], { encoding: 'utf8' });
  return code === 0 ? { ...(JSON.parse(stdout) as Omit<RunningPlatform, 'refresh'>), refresh: () => platformStatus(...args)! } : undefined;
}

export const startPlatform = (...args: string[]): void => run('start.mjs', ['--detach', ...args]);
export const stopPlatform = (...args: string[]): void => run('stop.mjs', args);

/** What it says goes beside the figures, which are on standard output. */
function run(script: string, args: string[]): void {
  execFileSync(process.execPath, [join(root, 'tools/entry', script), ...args], { stdio: ['inherit', 2, 2] });
}
