import { fixedSeeds } from './arguments.ts';
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
  /** Plant each bug in turn, and see that it is found. */
  findsPlants?: boolean;
}

/** A planted bug has to be found within so many seeds. */
const seedsPerPlant = 4;

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
const plant = order.plant === undefined ? undefined : plantNamed(order.plant);
// First, so that nothing keeps a real clock.
takeOverTimeAndChance();
const databases = await openDatabases(definitions);
const onLine = order.isTraced ? (line: string): void => void process.stderr.write(`${line}\n`) : undefined;
const beganMs = wallClock.now();

for (const [index, seed] of order.seeds.entries()) {
  const isLate = order.secondsMax !== undefined && wallClock.now() - beganMs > order.secondsMax * 1_000;
  if (isLate && !fixedSeeds.includes(seed)) break;
  const result = await run(seed, plant);
  // A seed that can't be replayed is worth nothing.
  if (index === 0 && !order.isTraced && plant === undefined) answer(sameAs(result, await run(seed, plant)));
  else answer(result);
}
if (order.findsPlants === true) for (const name of Object.keys(plants) as Plant[]) process.stdout.write(`${JSON.stringify(await findPlanted(name))}\n`);
// What was simulated may wait for ever.
process.exit(0);

function run(seed: number, plant: Plant | undefined): Promise<SeedResult> {
  return runSeed(seed, databases, { ...(onLine === undefined ? {} : { onLine }), ...(plant === undefined ? {} : { plant }) });
}

/** The invariant that has to break must be the one that breaks. */
async function findPlanted(planted: Plant): Promise<{ planted: Plant; isFound: boolean; seen: string[] }> {
  const seen: string[] = [];
  for (let seed = 1; seed <= seedsPerPlant; seed++) {
    const { finding } = await run(seed, planted);
    if (finding?.invariant === plants[planted]) return { planted, isFound: true, seen };
    seen.push(finding?.invariant ?? 'nothing');
  }
  return { planted, isFound: false, seen };
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
