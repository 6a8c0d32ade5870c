import { setTimeout as sleep } from 'node:timers/promises';

import { limits } from './platform/limits.ts';
import { parseStateDir } from './platform/options.ts';
import { isAlive, signal } from './platform/process-identity.ts';
import { readRunningState, readState } from './platform/state.ts';

/** Ends the platform of this state folder in order; false when none runs. */
export async function stopPlatform(stateDir: string): Promise<boolean> {
  const state = readRunningState(stateDir);
  if (!state) return false;
  signal(state.supervisor, 'SIGTERM');
  const deadline = Date.now() + limits.stopMs + limits.stopReserveMs;
  while (isAlive(state.supervisor)) {
    if (Date.now() > deadline) {
      signal(state.supervisor, 'SIGKILL');
      break;
    }
    await sleep(50);
  }
  // Nothing is left of a supervisor that stopped in order; of one that had to be killed its services are.
  for (const { process } of readState(stateDir)?.services ?? state.services) if (process) signal(process, 'SIGKILL');
  return true;
}

if (import.meta.main) {
  const stopped = await stopPlatform(parseStateDir(process.argv.slice(2)));
  console.log(stopped ? 'Plumbline is stopped.' : 'Plumbline is not running here.');
}
