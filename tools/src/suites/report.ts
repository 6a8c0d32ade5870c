import type { FinishedSuite } from './suite.ts';

export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

/** One line as a suite ends, and everything it said when it failed. */
export function describeSuite(suite: FinishedSuite): string {
  const counts = [`${suite.passed} passed`, ...(suite.failed ? [`${suite.failed} failed`] : []), ...(suite.skipped ? [`${suite.skipped} skipped`] : [])];
  const line = `${suite.failed ? '✗' : '✓'} ${suite.name.padEnd(16)} ${seconds(suite.durationMs).padStart(7)}   ${counts.join(', ')}`;
  return suite.failed ? `${line}\n${suite.output.trimEnd().replace(/^/gm, '    ')}` : line;
}

/** The slowest tests of all suites. */
export function describeSlowest(suites: readonly FinishedSuite[], count: number): string {
  const timings = suites.flatMap((suite) => suite.timings.map((timing) => ({ ...timing, suite: suite.name })));
  const slowest = timings.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, count);
  return slowest.map(({ suite, name, durationMs }) => `${seconds(durationMs).padStart(7)}  ${suite === name ? name : `${suite}: ${name}`}`).join('\n');
}

/** The last line of `npm test`: its form is what CI reads. */
export function describeTotal(suites: readonly FinishedSuite[]): { line: string; failed: number } {
  const sum = (key: 'passed' | 'failed' | 'skipped'): number => suites.reduce((total, suite) => total + suite[key], 0);
  const skipped = sum('skipped');
  return { line: `${sum('passed')} passed, ${sum('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`, failed: sum('failed') };
}
