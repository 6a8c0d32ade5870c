import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { parseStateDir } from './platform/options.ts';
import { dropTaken } from './platform/taken-servers.ts';
import { stopPlatform } from './stop.ts';

const stateDir = parseStateDir(process.argv.slice(2));
// The platform and the servers of `npm test` keep theirs below.
for (const folder of [stateDir, join(stateDir, 'test'), join(stateDir, 'test', 'platform')]) {
  await stopPlatform(folder);
  await dropTaken(folder, (line) => console.log(line));
}
rmSync(stateDir, { recursive: true, force: true });
console.log(`Removed ${stateDir}.`);
