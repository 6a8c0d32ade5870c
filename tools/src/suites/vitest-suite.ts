import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { checkoutRoot } from '../platform/paths.ts';
import { bin, runCommand } from './command.ts';
import { honest, type Outcome } from './suite.ts';

/** The part of vitest's JSON report that is read. */
interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { name: string; status: string; message: string; assertionResults: { fullName: string; status: string; duration?: number | null }[] }[];
}

/** Runs one project of vitest.config.ts and counts its tests; a file that cannot be loaded counts as one failure. */
export async function runVitest(project: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'plumbline-vitest-'));
  try {
    const reportFile = join(folder, 'report.json');
    const args = ['run', '--project', project, '--reporter=dot', '--reporter=json', `--outputFile.json=${reportFile}`];
    const result = await runCommand(process.execPath, [bin('vitest'), ...args], { env });
    return honest(readReport(reportFile, result.output), result.code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(file: string, output: string): Outcome {
  let report: VitestReport;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch {
    return { passed: 0, failed: 1, skipped: 0, output: `${output}\nvitest left no report`, timings: [] };
  }
  const broken = report.testResults.filter((file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'));
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
    output,
    timings: report.testResults.flatMap(({ name, assertionResults }) =>
      assertionResults.map((test) => ({ name: `${relative(checkoutRoot, name)} ${test.fullName}`, durationMs: test.duration ?? 0 })),
    ),
  };
}
