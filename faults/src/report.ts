import { availableParallelism } from 'node:os';
import type { Load } from './load/load.ts';
import type { FaultPlatform } from './platform/platform.ts';
import type { CaseResult } from './run-case.ts';

export interface RunFacts {
  date: string;
  seed: number;
  cores: number;
  versions: readonly string[];
  tookMs: number;
  events: number;
  load: Readonly<Record<string, number>>;
}

export async function factsOf(platform: FaultPlatform, { seed, tookMs, load }: { seed: number; tookMs: number; load: Load }): Promise<RunFacts> {
  const servers = [platform.postgres, platform.nats, platform.redis].map((server) => server.current().description.replace(/, private.*$/, ''));
  const { serverVersion } = await platform.kube.discover();
  const { position } = await platform.log.head();
  return {
    date: new Date().toISOString().slice(0, 10),
    seed,
    cores: availableParallelism(),
    versions: [`Node ${process.versions.node}`, ...servers, `Kubernetes ${serverVersion}`],
    tookMs,
    events: position,
    load: load.counts,
  };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const counts = (of: Readonly<Record<string, number>>): string =>
  Object.entries(of)
    .map(([kind, times]) => `${times} × ${kind}`)
    .join(', ');

/** One case for the terminal. */
export function line(result: CaseResult): string {
  const outcome = result.violations.length === 0 ? 'held  ' : 'FAILED';
  return `${outcome} ${result.id}: ${counts(result.faults)}; recovered in ${seconds(result.recoveryMs)} of ${seconds(result.boundMs)}, took ${seconds(result.tookMs)}`;
}

/** The report as a page of the documentation. */
export function reportOf(results: readonly CaseResult[], facts: RunFacts): string {
  const failed = results.filter(({ violations }) => violations.length > 0);
  const rows = results.map(
    ({ id, rows, title, runs, faults, checked, violations, recoveryMs, boundMs }) =>
      `| ${id} | ${rows.join(', ')} | ${title} | ${runs} | ${counts(faults)} | ${checked.join(', ')} | ${violations.length === 0 ? 'held' : '**failed**'} | ${seconds(recoveryMs)} of ${seconds(boundMs)} |`,
  );
  return [
    '# Fault report',
    '',
    `Written by \`npm run faults -- --report\`; [faults.md](faults.md) says how to read it. ${results.length - failed.length} of ${results.length} cases held.`,
    '',
    `- Date: ${facts.date}; seed ${facts.seed}; ${facts.cores} cores; ${seconds(facts.tookMs)} in all`,
    `- ${facts.versions.join(', ')}`,
    `- Load beside the faults: ${counts(facts.load)}; ${facts.events} events in the log at the end`,
    '',
    '| case | rows | what | rounds | faults | checked | outcome | recovered in |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    ...failed.flatMap(({ id, violations }) => [`## ${id} failed`, '', ...violations.map((text) => `- ${text}`), '']),
    '## Expected of each case',
    '',
    ...results.map(({ id, expected }) => `- ${id}: ${expected}.`),
    '',
    '## Rows that are not here',
    '',
    ...notHere.map(([row, reason]) => `- ${row}: ${reason}.`),
    '',
  ].join('\n');
}

/** Rows of the fault matrix that no case covers, and why. */
const notHere: readonly (readonly [string, string])[] = [
  ['F-02 (disk full), F-10', 'need a file system of their own that can be filled; not on a developer machine'],
  ['F-07', 'needs a replica of PostgreSQL; one server is what this version is run with'],
  ['F-18', 'needs a clock that can be moved for one process; leases use the clock of the database'],
  ['F-20', 'agents come later'],
  ['F-32', 'a matter of the limits of repo-watcher; sizes like these are for a benchmark machine'],
  ['F-36, F-37, F-38', 'registries, external key services and notifications come later'],
  ['F-39', 'a benchmark, not a fault'],
  ['F-40 (mixed versions)', 'there is no second version yet; the rolling restart is here'],
  ['F-45', 'a soak of 72 hours; the kill storm can be made long with --runs'],
];
