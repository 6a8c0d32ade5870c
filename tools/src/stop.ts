import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { stopLeftoverServers } from './platform/infrastructure.ts';
import { limits } from './platform/limits.ts';
import { parseStateDir } from './platform/options.ts';
import { pathsOf } from './platform/paths.ts';
import { isAlive, signal, type ProcessIdentity } from './platform/process-identity.ts';
import { readRunningState, readState } from './platform/state.ts';

/** Ends the platform of this state folder in order, or what is left of one whose supervisor was killed; false when there is none. */
export async function stopPlatform(stateDir: string): Promise<boolean> {
  const running = readRunningState(stateDir);
  if (running) await stopSupervisor(running.supervisor);
  // A supervisor that stopped in order has removed its state.
  const left = readState(stateDir);
  const services = (left?.services ?? []).filter((service) => service.process && signal(service.process, 'SIGKILL'));
  const servers = left ? await stopLeftoverServers(stateDir) : [];
  rmSync(pathsOf(stateDir).stateFile, { force: true });
  return running !== undefined || services.length + servers.length > 0;
}

async function stopSupervisor(supervisor: ProcessIdentity): Promise<void> {
  signal(supervisor, 'SIGTERM');
  const deadline = Date.now() + limits.stopMs + limits.stopReserveMs;
  while (isAlive(supervisor)) {
    if (Date.now() > deadline) signal(supervisor, 'SIGKILL');
    await sleep(50);
  }
}

if (import.meta.main) {
  const stopped = await stopPlatform(parseStateDir(process.argv.slice(2)));
  console.log(stopped ? 'Plumbline is stopped.' : 'Plumbline is not running here.');
}
