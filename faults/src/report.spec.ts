import { describe, expect, it } from 'vitest';
import { allCases, quickCases } from './cases/all.ts';
import { reportOf, type ReportFacts } from './report.ts';
import type { RunResult } from './run-case.ts';

const facts: ReportFacts = {
  date: '2026-01-01 00:00',
  seed: 7,
  cores: 2,
  versions: new Map([['Node', '26.0.0']]),
  minutes: 1.5,
  events: 10,
  commits: 3,
  acknowledged: 2,
  manualEdits: 1,
  subscriberReconnects: 4,
};
const result = (id: string, injected: [string, number][], problems: string[] = []): RunResult => ({
  id,
  seed: 7,
  injected: new Map(injected),
  verified: ['it | holds'],
  problems,
  recoveredMs: 1_200,
  tookMs: 9_000,
  findings: undefined,
});

describe('reportOf', () => {
  it('counts runs, faults, kills and stops', () => {
    const report = reportOf(
      allCases,
      [result('kill-syncer', [['SIGKILL syncer', 8]]), result('pause-syncer-long', [['SIGSTOP syncer, longer than its lease', 1]])],
      facts,
    );
    expect(report).toContain('2 cases, 2 runs, 0 failed; 9 faults injected');
    expect(report).toContain('9 kills and stops of processes: 8 SIGKILL and 1 SIGSTOP of services');
    expect(report).toContain('it \\| holds');
    expect(report).not.toContain('## What failed');
  });

  it('says what failed', () => {
    const report = reportOf(allCases, [result('kill-syncer', [], ['I2: a gap'])], facts);
    expect(report).toContain('**failed**');
    expect(report).toContain('- kill-syncer: I2: a gap');
  });
});

describe('the cases', () => {
  it('have each a name of their own, and the quick ones are among them', () => {
    const ids = allCases.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining([...quickCases]));
  });
});
