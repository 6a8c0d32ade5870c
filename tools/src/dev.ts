import { spawn } from 'node:child_process';

import { checkoutRoot } from './platform/paths.ts';
import { start } from './start.ts';
import { bin } from './suites/command.ts';

/** The compiler writes the builds anew at each change of a source, and `node --watch` starts the services again. */
const compiler = spawn(bin('tsc'), ['-b', '-w', '--preserveWatchOutput'], { cwd: checkoutRoot, stdio: ['ignore', 'inherit', 'inherit'] });
const code = await start(process.argv.slice(2), { dev: true });
compiler.kill();
process.exit(code);
