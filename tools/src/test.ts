import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { stateDirOf } from './platform/options.ts';
import { killRunningCommands } from './suites/command.ts';
import { runGoTests } from './suites/go-suite.ts';
import { describeSlowest, describeSuite, describeTotal, seconds } from './suites/report.ts';
import { staticSuites } from './suites/static-suites.ts';
import { runSuites, type Suite } from './suites/suite.ts';
import { TestEnvironment } from './suites/test-environment.ts';
import { runVitest } from './suites/vitest-suite.ts';

/** Everything that CI runs. Suites that start or build servers go first: what they wait for is mostly not the processor. */
const environment = new TestEnvironment(join(stateDirOf(), 'test'), (line) => console.log(`  ${line}`));

const suites: Suite[] = [
  environment.suite('servers', [], () => environment.startServers()),
  ...staticSuites,
  { name: 'go', after: ['servers'], run: () => runGoTests('services/renderer/engine') },
  { name: 'integration', after: ['servers', 'build'], run: () => runVitest('integration', environment.forIntegration()) },
  environment.suite('platform', ['integration', 'go', 'build'], () => environment.startPlatform()),
  { name: 'e2e', after: ['platform'], alone: true, run: () => runVitest('e2e', environment.forEndToEnd()) },
];

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
