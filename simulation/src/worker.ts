import { plants, type Plant } from './plants.ts';
import { runSeed, type SeedResult } from './run-seed.ts';
import { definitions } from './services/start-services.ts';
import { openDatabases } from './sql/database.ts';
import { takeOverTimeAndChance, wallClock } from './time/virtual-time.ts';

/** One worker process: `node worker.js <order as JSON>`; answers a line of JSON per seed. */
interface Order {
  seeds: number[];
  isTraced: boolean;
  plant?: string;
  secondsMax?: number;
}

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
const plant = order.plant === undefined ? undefined : plantNamed(order.plant);
const databases = await openDatabases(definitions);
takeOverTimeAndChance();
const onLine = order.isTraced ? (line: string): void => void process.stderr.write(`${line}\n`) : undefined;
const beganMs = wallClock.now();

for (const [index, seed] of order.seeds.entries()) {
  if (order.secondsMax !== undefined && wallClock.now() - beganMs > order.secondsMax * 1_000) break;
  const result = await run(seed);
  // A seed that can't be replayed is worth nothing.
  if (index === 0 && !order.isTraced) answer(sameAs(result, await run(seed)));
  else answer(result);
}
// What was simulated may wait for ever.
process.exit(0);

function run(seed: number): Promise<SeedResult> {
  return runSeed(seed, databases, { ...(onLine === undefined ? {} : { onLine }), ...(plant === undefined ? {} : { plant }) });
}

function sameAs(first: SeedResult, second: SeedResult): SeedResult {
  if (first.trace === second.trace || first.finding !== undefined) return first;
  const message = `the first run took ${first.steps} steps (${first.trace}), the second ${second.steps} (${second.trace})`;
  return { ...second, finding: { invariant: 'the same seed takes the same steps', message, lines: [] } };
}

function answer(result: SeedResult): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

function plantNamed(name: string): Plant {
  if (name in plants) return name as Plant;
  throw new Error(`there is no bug ${JSON.stringify(name)} to plant; there are: ${Object.keys(plants).join(', ')}`);
}
