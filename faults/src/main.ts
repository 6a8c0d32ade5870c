import { randomBytes, randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { allCases } from './cases/all-cases.ts';
import type { FaultCase } from './cases/fault-case.ts';
import { History } from './load/history.ts';
import { Load } from './load/load.ts';
import { ObjectWatch } from './load/object-watch.ts';
import { Subscriber } from './load/subscriber.ts';
import { converge } from './invariants/converge.ts';
import { limits } from './limits.ts';
import { parseOptions, usage } from './options.ts';
import type { FaultOptions } from './options.ts';
import { startFaultPlatform } from './platform/platform.ts';
import { seeded } from './random.ts';
import type { CaseResult } from './run-case.ts';
import { runCase } from './run-case.ts';
import { factsOf, line, reportOf } from './report.ts';

const root = join(import.meta.dirname, '../..');
const resources = new AsyncDisposableStack();
const tell = (text: string): void => console.log(text);

const options = optionsOrEnd();
if (options.help || options.list) {
  tell(
    options.help
      ? usage
      : allCases.map(({ id, title, rows, runs }) => `${id.padEnd(30)} ${rows.join(', ').padEnd(14)} ${String(runs).padStart(3)} × ${title}`).join('\n'),
  );
  process.exit(0);
}
const chosen = choose(options);
let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(130));
try {
  const results = await run(chosen, options);
  const failed = results.filter(({ violations }) => violations.length > 0).length;
  tell(`${results.length - failed} of ${results.length} cases held, seed ${options.seed}.`);
  await end(failed === 0 ? 0 : 1);
} catch (error) {
  if (!isEnding) console.error(error);
  await end(1);
}

async function run(cases: readonly FaultCase[], { seed, runs, report, stateDir }: FaultOptions): Promise<CaseResult[]> {
  const startedAt = performance.now();
  tell(`Seed ${seed}.`);
  const platform = await startFaultPlatform(stateDir ?? join(root, '.plumbline/faults'), tell, resources);
  const word = `canary-${randomBytes(12).toString('hex')}`;
  platform.secrets.push(word);
  const random = seeded(seed);
  const load = new Load(platform, random.fork('load'));
  resources.defer(() => load.remove());
  await load.prepare(word);
  const history = new History(platform.log);
  history.start();
  resources.defer(() => history.stop());
  const subscribers = [0, 1].map((position) => new Subscriber(platform.address, position));
  for (const subscriber of subscribers) {
    subscriber.start();
    resources.defer(() => subscriber.stop());
  }
  const objects = new ObjectWatch(platform.kube);
  resources.defer(() => objects.stop());
  const base = { platform, load, history, subscribers, objects, tell };
  const first = { ...base, random, runs: 0, count: () => undefined, violation: () => undefined, checked: () => undefined };
  const { outstanding } = await converge(first, limits.prepareMs);
  if (outstanding.length > 0) throw new Error(`The platform did not come up without any fault: ${outstanding.join('; ')}`);
  tell(`Ready after ${Math.round((performance.now() - startedAt) / 1000)} s.`);

  const results: CaseResult[] = [];
  for (const fault of cases) {
    const result = await runCase(fault, { ...base, random: random.fork(fault.id), runs: runs ?? fault.runs });
    results.push(result);
    tell(line(result));
    for (const violation of result.violations) tell(`    ${violation}`);
  }
  if (report !== undefined)
    await writeFile(resolve(root, report), reportOf(results, await factsOf(platform, { seed, tookMs: performance.now() - startedAt, load })));
  return results;
}

function optionsOrEnd(): FaultOptions {
  try {
    return parseOptions(process.argv.slice(2), () => randomInt(1, 2 ** 31));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

function choose({ cases }: FaultOptions): readonly FaultCase[] {
  const unknown = cases.find((word) => !allCases.some(({ id }) => id.includes(word)));
  if (unknown !== undefined) {
    console.error(`There is no case with '${unknown}' in its id. --list shows them.`);
    process.exit(2);
  }
  return cases.length === 0 ? allCases : allCases.filter(({ id }) => cases.some((word) => id.includes(word)));
}

async function end(code: number): Promise<never> {
  if (!isEnding) {
    isEnding = true;
    await resources.disposeAsync().catch((error: unknown) => console.error(error));
  }
  process.exit(code);
}
