import { definitions } from './services/start-services.ts';
import { openDatabases } from './sql/database.ts';
import { takeOverTimeAndChance, wallClock } from './time/virtual-time.ts';
import { runSeed } from './run-seed.ts';

const databases = await openDatabases(definitions);
takeOverTimeAndChance();
const isTraced = process.argv.includes('--trace');
const [from = '1', count = '1'] = process.argv.slice(2);
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const began = wallClock.performanceNow();
  const result = await runSeed(seed, databases, isTraced ? (line) => process.stderr.write(`${line}\n`) : undefined);
  process.stdout.write(`${JSON.stringify({ ...result, ms: Math.round(wallClock.performanceNow() - began) })}\n`);
}
process.exit(0);
