/** What one suite came to. A suite that ran nothing or crashed has at least one failure. */
export interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  /** Shown when something failed. */
  output: string;
  /** Single tests and what they took, for the table of the slowest. */
  timings: readonly { name: string; durationMs: number }[];
}

export interface Suite {
  name: string;
  /** Names of suites without which this one cannot run: when one of them fails, this one has failed. */
  needs?: readonly string[];
  /** Names of suites that go first where they run at all, whatever they come to. */
  after?: readonly string[];
  /** Needs the machine for itself: nothing runs beside it. */
  alone?: boolean;
  run(): Promise<Outcome>;
}

export interface FinishedSuite extends Outcome {
  name: string;
  durationMs: number;
}

/** A single check as a suite of one test. */
export function single(name: string, result: { code: number | null; output: string; durationMs: number }): Outcome {
  const passed = result.code === 0;
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0, output: result.output, timings: [{ name, durationMs: result.durationMs }] };
}

/** Something that must succeed before tests can run: counted like one of them, so that a failure is seen. */
export function asSuite(name: string, order: Pick<Suite, 'needs' | 'after'>, start: () => Promise<void>): Suite {
  return {
    name,
    ...order,
    run: async () => {
      await start();
      return { passed: 1, failed: 0, skipped: 0, output: '', timings: [] };
    },
  };
}

/** Whatever a runner counted: success without a single test is none, and neither is an exit code without a failure. */
export function honest(outcome: Outcome, exitCode: number | null): Outcome {
  if (outcome.failed > 0) return outcome;
  if (exitCode !== 0) return { ...outcome, failed: 1, output: `${outcome.output}\nended with exit code ${exitCode} although no test failed` };
  if (outcome.passed === 0) return { ...outcome, failed: 1, output: `${outcome.output}\nno test ran` };
  return outcome;
}

/** The suites of these names and what they need; all of them when there are no names. Throws on a name that is none. */
export function selectSuites(suites: readonly Suite[], names: readonly string[]): readonly Suite[] {
  if (names.length === 0) return suites;
  const known = suites.map((suite) => suite.name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`There is no suite '${unknown}'. There are: ${known.join(', ')}.`);
  const selected = new Set<string>();
  const select = (name: string): void => {
    selected.add(name);
    for (const needed of suites.find((suite) => suite.name === name)?.needs ?? []) select(needed);
  };
  for (const name of names) select(name);
  return suites.filter((suite) => selected.has(suite.name));
}

/** Runs the suites, at most `limit` at once, each after those that it names; a suite that throws has failed. */
export async function runSuites(suites: readonly Suite[], limit: number, finished: (suite: FinishedSuite) => void): Promise<FinishedSuite[]> {
  const waiting = [...suites];
  const running = new Map<string, Promise<void>>();
  const results: FinishedSuite[] = [];
  const hasEnded = (name: string): boolean => results.some((result) => result.name === name) || !suites.some((suite) => suite.name === name);
  const isAlone = (): boolean => suites.some((suite) => suite.alone && running.has(suite.name));
  const canStart = (suite: Suite): boolean =>
    [...(suite.needs ?? []), ...(suite.after ?? [])].every(hasEnded) && (suite.alone ? running.size === 0 : running.size < limit && !isAlone());

  while (waiting.length > 0 || running.size > 0) {
    const next = waiting.findIndex(canStart);
    if (next >= 0) {
      for (const suite of waiting.splice(next, 1)) {
        const failed = results.find((result) => result.failed > 0 && suite.needs?.includes(result.name));
        const done = (failed ? notRun(suite, failed.name) : runSuite(suite)).then((result) => {
          running.delete(suite.name);
          results.push(result);
          finished(result);
        });
        running.set(suite.name, done);
      }
    } else if (running.size > 0) {
      await Promise.race(running.values());
    } else {
      throw new Error(`These suites wait for one another: ${waiting.map((suite) => suite.name).join(', ')}`);
    }
  }
  return results;
}

async function notRun(suite: Suite, failed: string): Promise<FinishedSuite> {
  return { name: suite.name, durationMs: 0, passed: 0, failed: 1, skipped: 0, output: `not run: it needs '${failed}', which failed`, timings: [] };
}

async function runSuite(suite: Suite): Promise<FinishedSuite> {
  const startedAt = performance.now();
  const outcome = await suite.run().catch((error: unknown): Outcome => {
    const output = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { passed: 0, failed: 1, skipped: 0, output, timings: [] };
  });
  return { ...outcome, name: suite.name, durationMs: performance.now() - startedAt };
}
