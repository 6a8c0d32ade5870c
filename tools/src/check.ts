import { availableParallelism } from 'node:os';

import { describeSuite, describeTotal } from './suites/report.ts';
import { staticSuites } from './suites/static-suites.ts';
import { runSuites } from './suites/suite.ts';

const finished = await runSuites(staticSuites, Math.max(2, availableParallelism()), (suite) => console.log(describeSuite(suite)));
const { line, failed } = describeTotal(finished);
console.log(line);
process.exitCode = failed === 0 ? 0 : 1;
