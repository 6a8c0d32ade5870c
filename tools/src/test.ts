import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { stateDirOf } from './platform/options.ts';
import { killRunningCommands } from './suites/command.ts';
import { runGoTests } from './suites/go-suite.ts';
import { describeSlowest, describeSuite, describeTotal, seconds } from './suites/report.ts';
import { runSimulation } from './suites/simulation-suite.ts';
import { staticSuites } from './suites/static-suites.ts';
import { asSuite, runSuites, selectSuites, type Suite } from './suites/suite.ts';
import { TestEnvironment } from './suites/test-environment.ts';
import { runVitest } from './suites/vitest-suite.ts';

/**
 * Everything that CI runs, or the suites that are named (`npm test -- integration`) with what they need. What starts
 * servers goes first: it waits more than it works.
 */
const environment = new TestEnvironment(join(stateDirOf(), 'test'), (line) => console.log(`  ${line}`));

const all: Suite[] = [
  asSuite('servers', {}, () => environment.startServers()),
  ...staticSuites,
  { name: 'go', after: ['servers'], run: () => runGoTests('services/renderer/engine') },
  { name: 'simulation', after: ['build'], run: runSimulation },
  { name: 'integration', needs: ['servers'], after: ['build'], run: () => runVitest('integration', environment.forIntegration()) },
  asSuite('platform', { needs: ['servers', 'build'], after: ['integration', 'go'] }, () => environment.startPlatform()),
  { name: 'e2e', needs: ['platform'], alone: true, run: () => runVitest('e2e', environment.forEndToEnd()) },
];
const suites = chosen(process.argv.slice(2));

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    killRunningCommands();
    void environment.stop().finally(() => process.exit(130));
  });
}

const startedAt = performance.now();
const finished = await runSuites(suites, Math.max(2, availableParallelism()), (suite) => console.log(describeSuite(suite)));
await environment.stop();

const { line, failed } = describeTotal(finished);
console.log(`\nThe slowest tests:\n${describeSlowest(finished, 10)}\n\nIn all ${seconds(performance.now() - startedAt)}.`);
console.log(line);
process.exit(failed === 0 ? 0 : 1);

function chosen(names: readonly string[]): readonly Suite[] {
  try {
    return selectSuites(all, names);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}
