import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkoutRoot, platformVersion } from '@plumbline/tools';
import { allCases, quickCases } from './cases/all.ts';
import type { FaultCase } from './cases/fault-case.ts';
import { waitForConvergence } from './invariants/convergence.ts';
import { EventReader } from './invariants/event-reader.ts';
import { Survivors, type CheckParts } from './invariants/invariants.ts';
import { limits } from './limits.ts';
import { Load } from './load/load.ts';
import { parseFaultOptions, usage, type FaultOptions } from './options.ts';
import { makeRandom } from './random.ts';
import { reportOf, type ReportFacts } from './report.ts';
import { runCase, type RunResult } from './run-case.ts';
import { startWorld } from './world/world.ts';

/**
 * `npm run faults`: real processes and servers of its own, broken one way after the other while they are used; what has
 * to be true whatever happens is checked after each. Never part of a platform that somebody runs.
 */
const stateDir = join(checkoutRoot, '.plumbline', 'faults');
const tell = (line: string): void => void process.stderr.write(`${line}\n`);
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: FaultOptions | undefined;
  try {
    options = parseFaultOptions(args);
  } catch (error) {
    tell(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (options === undefined) {
    tell(usage);
    return 0;
  }
  if (options.list) {
    for (const { id, rows, title } of allCases) process.stdout.write(`${id.padEnd(24)} ${rows.join(' ').padEnd(12)} ${title}\n`);
    return 0;
  }
  const chosen = options.quick ? allCases.filter(({ id }) => quickCases.has(id)) : choose(options.cases);
  if (chosen.length === 0) {
    tell(`No case is called ${options.cases.join(', ')}; see --list.`);
    return 2;
  }
  return run(chosen, options);
}

function choose(wanted: readonly string[]): readonly FaultCase[] {
  const asked = new Set(wanted.map((id) => id.toLowerCase().replace(/^f-/, 'f')));
  return asked.size === 0 ? allCases : allCases.filter(({ id, rows }) => asked.has(id) || rows.some((row) => asked.has(row.toLowerCase())));
}

async function run(cases: readonly FaultCase[], options: FaultOptions): Promise<number> {
  const startedAt = performance.now();
  const random = makeRandom(options.seed);
  tell(`Seed ${options.seed}`);
  const stopping = onSignals();
  await using resources = new AsyncDisposableStack();
  const world = await startWorld({ stateDir, random, tell }, resources);
  const load = await Load.begin(world, `canary-${randomBytes(12).toString('hex')}`, random.fork('load'), resources);
  const first = await waitForConvergence(world, load, limits.readyMs);
  if (first.tookMs === undefined) throw new Error(`the applications never came up: ${first.missing.join('; ')}`);
  const parts: CheckParts = { world, load, reader: new EventReader(world.log), survivors: new Survivors() };
  const results: RunResult[] = [];
  for (let round = 1; round <= options.runs; round++) {
    for (const faultCase of cases) {
      if (stopping.aborted) break;
      tell(`${faultCase.id}: ${faultCase.title}`);
      const result = await runCase(faultCase, { ...parts, random: random.fork(`${faultCase.id} ${round}`), seed: options.seed, scale: options.scale, tell });
      tellResult(result, faultCase);
      results.push(result);
      // After each: a run that is ended early has its report too.
      if (options.report) await writeReport(results, { options, parts, startedAt });
    }
  }
  const failed = results.filter(({ problems }) => problems.length > 0).length;
  tell(`${results.length - failed} of ${results.length} runs passed in ${Math.round((performance.now() - startedAt) / 1000)} s; seed ${options.seed}`);
  return failed === 0 ? 0 : 1;
}

interface RunSoFar {
  options: FaultOptions;
  parts: CheckParts;
  startedAt: number;
}

async function writeReport(results: readonly RunResult[], { options, parts: { world, load, reader }, startedAt }: RunSoFar): Promise<void> {
  const { history } = load.stage;
  const facts: ReportFacts = {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    seed: options.seed,
    cores: availableParallelism(),
    versions: new Map([
      ['Plumbline', platformVersion()],
      ['Node', process.versions.node],
      ['PostgreSQL', versionIn(world.postgres.description)],
      ['NATS', versionIn(world.nats.description)],
      ['Redis', versionIn(world.redis.description)],
      ['Kubernetes', (await world.kube.discover()).serverVersion],
    ]),
    minutes: (performance.now() - startedAt) / 60_000,
    events: (await reader.all()).length,
    commits: history.pushed.length,
    acknowledged: history.acknowledged.length,
    manualEdits: history.manualEdits,
    subscriberReconnects: load.subscribers.reduce((sum, { reconnects }) => sum + reconnects, 0),
  };
  writeFileSync(join(checkoutRoot, 'docs/internals/fault-report.md'), reportOf(allCases, results, facts));
}

function tellResult({ problems, recoveredMs, tookMs, injected, findings, skipped }: RunResult, { boundMs }: FaultCase): void {
  if (skipped !== undefined) return tell(`  not run: ${skipped}`);
  const faults = [...injected].map(([kind, count]) => `${count} × ${kind}`).join(', ');
  const recovery = recoveredMs === undefined ? 'never' : `${Math.round(recoveredMs)} ms`;
  tell(
    `  ${problems.length === 0 ? 'passed' : 'FAILED'} in ${Math.round(tookMs / 1000)} s: ${faults}; recovered in ${recovery} of ${boundMs}; ${JSON.stringify(findings?.commits)}, ${findings?.events} events, ${findings?.acknowledged} acknowledged`,
  );
  for (const problem of problems) tell(`  - ${problem}`);
}

function versionIn(description: string): string {
  return /\d+\.\d+(\.\d+)?/.exec(description)?.[0] ?? 'unknown';
}

/** The first signal ends the run after the case that is under way, a second one at once. */
function onSignals(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(130);
      tell('Ends after this case …');
      stopping.abort();
    });
  }
  return stopping.signal;
}
