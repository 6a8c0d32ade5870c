import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { parseStateDir } from './platform/options.ts';
import { dropTaken } from './platform/taken-servers.ts';
import { stopPlatform } from './stop.ts';

/** Stops the platform of this state folder and removes everything that it kept, in here and in servers that are not ours. */
export async function resetPlatform(stateDir: string, tell: (line: string) => void): Promise<void> {
  await stopPlatform(stateDir);
  await dropTaken(stateDir, tell);
  rmSync(stateDir, { recursive: true, force: true });
}

if (import.meta.main) {
  const stateDir = parseStateDir(process.argv.slice(2));
  // The tests keep their platform below ours.
  await resetPlatform(join(stateDir, 'test', 'platform'), () => undefined);
  await resetPlatform(stateDir, (line) => console.log(line));
  console.log(`Removed ${stateDir}.`);
}
