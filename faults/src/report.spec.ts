import { expect, test } from 'vitest';
import { line, reportOf } from './report.ts';
import type { CaseResult } from './run-case.ts';

const held: CaseResult = {
  id: 'f-16-redis',
  title: 'Redis emptied',
  rows: ['F-16'],
  expected: 'Nothing is lost',
  runs: 3,
  faults: { FLUSHALL: 3 },
  checked: ['I1', 'I9'],
  violations: [],
  recoveryMs: 1_540,
  boundMs: 60_000,
  tookMs: 9_000,
};
const failed: CaseResult = { ...held, id: 'f-22-watch', violations: ['I5: ConfigMap a/b is gone'] };
const facts = { date: '2030-01-01', seed: 7, cores: 2, versions: ['Node 26'], tookMs: 60_000, events: 99, load: { pushes: 4 } };

test('one line says what was done and how it went', () => {
  expect(line(held)).toBe('held   f-16-redis: 3 × FLUSHALL; recovered in 1.5 s of 60.0 s, took 9.0 s');
  expect(line(failed)).toMatch(/^FAILED f-22-watch/);
});

test('the report has a row for each case and names what failed', () => {
  const report = reportOf([held, failed], facts);
  expect(report).toContain('1 of 2 cases held');
  expect(report).toContain('| f-16-redis | F-16 | Redis emptied | 3 | 3 × FLUSHALL | I1, I9 | held | 1.5 s of 60.0 s |');
  expect(report).toContain('## f-22-watch failed\n\n- I5: ConfigMap a/b is gone');
  expect(report).toContain('seed 7');
});
