import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { dropFromLocalServers } from './platform/infrastructure.ts';
import { readTaken, type TakenServers } from './platform/local-servers.ts';
import { parseStateDir } from './platform/options.ts';
import { stopPlatform } from './stop.ts';

const stateDir = parseStateDir(process.argv.slice(2));
await stopPlatform(stateDir);
const taken: TakenServers = readTaken(stateDir);
await dropFromLocalServers(stateDir, taken);
for (const server of Object.keys(taken)) console.log(`Dropped what was ours in the ${server} on its default port.`);
// What the tests keep lies in there too, unless they run with another folder.
rmSync(join(stateDir), { recursive: true, force: true });
console.log(`Removed ${stateDir}.`);
