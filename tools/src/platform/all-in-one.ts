/**
 * `npm run dev`: every service of PLUMBLINE_DEV_SERVICES (address of its built definition → its environment) in this one
 * process. `node --watch` starts it again when one of the builds changes.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { checkoutRoot } from './paths.ts';

interface Definition {
  name: string;
  start: unknown;
}
interface Shell {
  startService(definition: Definition, env: NodeJS.ProcessEnv): Promise<{ url: string; stop(): Promise<void> }>;
}

// By path: tools know the services as builds, never as packages (see the boundaries).
const shell = (await import(pathToFileURL(join(checkoutRoot, 'libs/platform/dist/index.js')).href)) as Shell;
const environments = JSON.parse(process.env['PLUMBLINE_DEV_SERVICES'] ?? '{}') as Record<string, NodeJS.ProcessEnv>;

const running = await Promise.all(
  Object.entries(environments).map(async ([address, env]) => {
    const definition = definitionIn((await import(address)) as Record<string, unknown>, address);
    const service = await shell.startService(definition, env);
    console.log(`${definition.name} at ${service.url}`);
    return service;
  }),
);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void Promise.all(running.map((service) => service.stop())).finally(() => process.exit(0)));
}

function definitionIn(module: Record<string, unknown>, address: string): Definition {
  const found = Object.values(module).find((value): value is Definition => typeof value === 'object' && value !== null && 'name' in value && 'start' in value);
  if (!found) throw new Error(`${address} exports no service definition`);
  return found;
}
