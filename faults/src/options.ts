import { parseArgs } from 'node:util';

export interface FaultOptions {
  /** Words that a case's id starts with or contains; empty: all. */
  cases: readonly string[];
  /** Instead of each case's own. */
  runs: number | undefined;
  seed: number;
  list: boolean;
  help: boolean;
  /** File for the report; undefined: none. */
  report: string | undefined;
  stateDir: string | undefined;
}

export const usage = `npm run faults [-- options]

  --case a,b      only the cases whose id contains one of these words
  --runs N        rounds of each case instead of its own number
  --seed N        the same moments again (default: another one each time, told at the start)
  --list          the cases, and nothing runs
  --report [FILE] write the report (default docs/internals/fault-report.md)
  --state-dir DIR where everything is kept while it runs (default .plumbline/faults)
  --help          this text`;

/** @throws Error with what is wrong in one sentence. */
export function parseOptions(args: readonly string[], newSeed: () => number): FaultOptions {
  const given = args.flatMap((arg, index) =>
    arg === '--report' && (args[index + 1] ?? '--').startsWith('--') ? ['--report', 'docs/internals/fault-report.md'] : [arg],
  );
  const { values } = parseArgs({
    args: given,
    strict: true,
    options: {
      case: { type: 'string' },
      runs: { type: 'string' },
      seed: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      report: { type: 'string' },
      'state-dir': { type: 'string' },
    },
  });
  return {
    cases: values.case === undefined ? [] : values.case.split(',').filter((word) => word !== ''),
    runs: values.runs === undefined ? undefined : wholeNumber('--runs', values.runs),
    seed: values.seed === undefined ? newSeed() : wholeNumber('--seed', values.seed),
    list: values.list ?? false,
    help: values.help ?? false,
    report: values.report,
    stateDir: values['state-dir'],
  };
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${flag} wants a whole number from 1 on, not '${text}'.`);
  return value;
}
