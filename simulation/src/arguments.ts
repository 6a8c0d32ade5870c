import { parseArgs } from 'node:util';

/** What `npm run sim` is asked for. */
export interface Arguments {
  seeds: number[];
  workers: number;
  isTraced: boolean;
  /** A bug that is planted, to see that it is found. */
  plant?: string;
  /** No new seed but the fixed ones begins after this; undefined: all are run. */
  secondsMax?: number;
  /** Plant each known bug as well, and see that it is found. */
  findsPlants: boolean;
}

/** Seeds that CI always runs, besides fresh ones: among them those that found something once. */
export const fixedSeeds: readonly number[] = [17, 212, 1051, 1];

const freshInCi = 8;

export function readArguments(args: readonly string[], now: number): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      from: { type: 'string' },
      workers: { type: 'string' },
      trace: { type: 'boolean' },
      ci: { type: 'boolean' },
      plant: { type: 'string' },
      seconds: { type: 'string' },
    },
  });
  const fresh = now % 1_000_000_000;
  const from = values.from === undefined ? fresh : whole('--from', values.from, 0);
  const count = values.seeds === undefined ? 20 : whole('--seeds', values.seeds, 1);
  const seeds = values.seed !== undefined ? [whole('--seed', values.seed, 0)] : Array.from({ length: count }, (_, index) => from + index);
  const ci = [...fixedSeeds, ...Array.from({ length: freshInCi }, (_, index) => fresh + index)];
  return {
    seeds: values.ci === true ? ci : seeds,
    workers: values.workers === undefined ? 1 : whole('--workers', values.workers, 1),
    isTraced: values.trace === true,
    findsPlants: values.ci === true,
    ...(values.plant === undefined ? {} : { plant: values.plant }),
    ...(values.seconds === undefined ? {} : { secondsMax: whole('--seconds', values.seconds, 1) }),
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) throw new Error(`${name}: expected a whole number from ${least}, got ${JSON.stringify(text)}`);
  return value;
}
