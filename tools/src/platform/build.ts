import { join } from 'node:path';

import { AppError } from '@plumbline/contracts';
import { buildGoPrograms } from '@plumbline/testing';

import { bin, runCommand } from '../suites/command.ts';
import { checkoutRoot, platformVersion } from './paths.ts';
import { serviceNames } from './services.ts';

/** Compiles what is newer than its build: a second when nothing is. */
export async function buildServices(tell: (line: string) => void): Promise<void> {
  tell('Building the services …');
  const { code, output } = await runCommand(bin('tsc'), ['-b', ...serviceNames.map((name) => join('services', name))]);
  if (code !== 0) throw new AppError('failed-precondition', `The services do not compile:\n${output.trimEnd()}`);
}

/** Path of the renderer's Go engine, built once per version of its sources. */
export async function buildEngine(tell: (line: string) => void): Promise<string> {
  const folder = await buildGoPrograms(
    {
      name: 'engine',
      version: platformVersion(),
      moduleDir: join(checkoutRoot, 'services/renderer/engine'),
      programs: { engine: '.' },
      label: "the renderer's engine (once, about a minute)",
    },
    { progress: tell },
  );
  return join(folder, 'engine');
}
