import { join } from 'node:path';

import { checkoutRoot } from '../platform/paths.ts';
import { runCommand } from './command.ts';
import { honest, type Outcome } from './suite.ts';

/** A line of `go test -json`: of a test, or of a package when `Test` is absent. */
interface GoTestEvent {
  Action: string;
  Package?: string;
  Test?: string;
  Elapsed?: number;
  Output?: string;
}

/** Tests of a Go module of this checkout; a package that does not build counts as one failure. */
export async function runGoTests(folder: string): Promise<Outcome> {
  const result = await runCommand('go', ['test', '-json', './...'], { cwd: join(checkoutRoot, folder) });
  return honest(countGoTests(result.output), result.code);
}

/** Pure: counts top-level tests, so that a table test is one. */
export function countGoTests(text: string): Outcome {
  const outcome = { passed: 0, failed: 0, skipped: 0, output: '', timings: [] as { name: string; durationMs: number }[] };
  const failedPackages = new Set<string>();
  const packagesWithFailedTests = new Set<string>();
  for (const line of text.split('\n')) {
    const event = parseEvent(line);
    if (!event) {
      outcome.output += line && `${line}\n`;
      continue;
    }
    outcome.output += event.Output ?? '';
    if (!event.Test) {
      if (event.Action === 'fail') failedPackages.add(event.Package ?? '');
    } else if (!event.Test.includes('/')) {
      if (event.Action === 'pass') outcome.passed += 1;
      if (event.Action === 'skip') outcome.skipped += 1;
      if (event.Action === 'fail') {
        outcome.failed += 1;
        packagesWithFailedTests.add(event.Package ?? '');
      }
      if (event.Elapsed !== undefined) outcome.timings.push({ name: `${event.Package ?? ''} ${event.Test}`, durationMs: event.Elapsed * 1000 });
    }
  }
  outcome.failed += failedPackages.difference(packagesWithFailedTests).size;
  return outcome;
}

function parseEvent(line: string): GoTestEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as GoTestEvent;
  } catch {
    return undefined;
  }
}
