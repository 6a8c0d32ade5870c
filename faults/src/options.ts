import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export interface FaultOptions {
  list: boolean;
  /** Only the short ones that together touch each part. */
  quick: boolean;
  /** Ids or rows; empty: all. */
  cases: string[];
  runs: number;
  scale: number;
  seed: number;
  report: boolean;
}

export const usage = `npm run faults [-- options]

  --case a,b     only these: ids (--list) or rows of the fault matrix (F16)
  --quick        eight short cases that together break each part, in about three minutes
  --runs N       each case so many times (default 1)
  --scale N      how often something is repeated within a case (default 1; a full run for the report takes 4: more than 200 kills)
  --seed N       of all choices (default: a fresh one, printed)
  --report       write docs/internals/fault-report.md
  --list         show the cases and end
  --help         this text`;

/** Undefined: the person asked for help. @throws Error for a wrong usage. */
export function parseFaultOptions(args: readonly string[]): FaultOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      case: { type: 'string', multiple: true },
      quick: { type: 'boolean', default: false },
      runs: { type: 'string', default: '1' },
      scale: { type: 'string', default: '1' },
      seed: { type: 'string' },
      report: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    list: values.list,
    quick: values.quick,
    cases: (values.case ?? []).flatMap((text) => text.split(',')).filter((id) => id !== ''),
    runs: wholeNumber('--runs', values.runs, 1_000),
    scale: wholeNumber('--scale', values.scale, 100),
    seed: values.seed === undefined ? randomInt(1, 2 ** 31) : wholeNumber('--seed', values.seed, 2 ** 32 - 1),
    report: values.report,
  };
}

function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) throw new Error(`${flag} wants a whole number from 1 to ${max}, not '${text}'`);
  return value;
}
