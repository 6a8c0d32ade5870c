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
  /** Names of suites that must have ended before, whatever they came to. */
  after: readonly string[];
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

/** Whatever a runner counted: success without a single test is none, and neither is an exit code without a failure. */
export function honest(outcome: Outcome, exitCode: number | null): Outcome {
  if (outcome.failed > 0) return outcome;
  if (exitCode !== 0) return { ...outcome, failed: 1, output: `${outcome.output}\nended with exit code ${exitCode} although no test failed` };
  if (outcome.passed === 0) return { ...outcome, failed: 1, output: `${outcome.output}\nno test ran` };
  return outcome;
}

/** Runs the suites, at most `limit` at once, each after those that it names; a suite that throws has failed. */
export async function runSuites(suites: readonly Suite[], limit: number, finished: (suite: FinishedSuite) => void): Promise<FinishedSuite[]> {
  const waiting = [...suites];
  const running = new Map<string, Promise<void>>();
  const results: FinishedSuite[] = [];
  const isAlone = (): boolean => suites.some((suite) => suite.alone && running.has(suite.name));
  const canStart = (suite: Suite): boolean =>
    suite.after.every((name) => results.some((result) => result.name === name)) && (suite.alone ? running.size === 0 : running.size < limit && !isAlone());

  while (waiting.length > 0 || running.size > 0) {
    const next = waiting.findIndex(canStart);
    if (next >= 0) {
      for (const suite of waiting.splice(next, 1)) {
        const done = runSuite(suite).then((result) => {
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

async function runSuite(suite: Suite): Promise<FinishedSuite> {
  const startedAt = performance.now();
  const outcome = await suite.run().catch((error: unknown): Outcome => {
    const output = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { passed: 0, failed: 1, skipped: 0, output, timings: [] };
  });
  return { ...outcome, name: suite.name, durationMs: performance.now() - startedAt };
}
