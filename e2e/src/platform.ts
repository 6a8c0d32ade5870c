import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeClient } from '@plumbline/kube';
import { silentLogger } from '@plumbline/contracts';
import type { PlatformAddress } from '@plumbline/testing/scenario';
import { Scenario } from '@plumbline/testing/scenario';
import { afterAll, afterEach, beforeAll } from 'vitest';

/** What `npm run -s status -- --json` prints of the platform that the tests talk to. */
export interface RunningPlatform extends PlatformAddress {
  services: { name: string; pid: number | null; rssBytes: number; state: string }[];
}

/** The platform that `npm test` started; its address comes as JSON in TEST_PLATFORM. */
export function platformUnderTest(): RunningPlatform {
  const given = process.env['TEST_PLATFORM'];
  if (given === undefined)
    throw new Error('TEST_PLATFORM is not set: run `npm test -- e2e`, which starts a platform, or set it to the output of `npm run -s status -- --json`');
  return JSON.parse(given) as RunningPlatform;
}

/** Services as they are now; processes change when one is killed. */
export function servicesNow(): RunningPlatform['services'] {
  const command = process.env['TEST_PLATFORM_STATUS'];
  if (command === undefined) throw new Error('TEST_PLATFORM_STATUS is not set: the command that prints the status as JSON');
  const [program = '', ...args] = JSON.parse(command) as string[];
  return (JSON.parse(execFileSync(program, args, { encoding: 'utf8' })) as RunningPlatform).services;
}

/** Everything that the services and the supervisor have logged so far. */
export function logsNow(): { files: string[]; text: string } {
  const command = JSON.parse(process.env['TEST_PLATFORM_STATUS'] ?? '[]') as string[];
  const stateDir = command[command.indexOf('--state-dir') + 1];
  if (stateDir === undefined) throw new Error('TEST_PLATFORM_STATUS names no --state-dir, so nobody knows where the logs are');
  const folder = join(stateDir, 'logs');
  const files = readdirSync(folder);
  return { files, text: files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n') };
}

/** A scenario per test, ended with it; one connection to the API server per file. */
export function useScenarios(): () => Promise<Scenario> {
  let kube: KubeClient;
  const begun: Scenario[] = [];
  beforeAll(async () => {
    kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: platformUnderTest().kubeconfig, env: {} }), log: silentLogger });
  });
  afterEach(async () => {
    await Promise.all(begun.splice(0).map((scenario) => scenario.end()));
  });
  afterAll(() => kube.close());
  return async () => {
    const scenario = await Scenario.begin({ platform: platformUnderTest(), kube });
    begun.push(scenario);
    return scenario;
  };
}
