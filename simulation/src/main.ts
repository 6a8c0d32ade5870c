/**
 * `npm run sim -- [--seeds N] [--from S] [--seed S] [--trace] [--workers N] [--ci] [--seconds N] [--plant bug]`: runs seeds
 * in worker processes and says what they found. The first seed of each run is run twice: the same seed takes the same steps.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readArguments, type Arguments } from './arguments.ts';
import { describeFailure, describePlanted, describeProgress, describeSummary, type Outcome, type Planted } from './report.ts';

/** A run of many seeds says this often where it is. */
const progressEveryMs = 30_000;
const root = join(import.meta.dirname, '../..');

const asked = argumentsOrExit();
const built = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b', join(root, 'simulation')], { stdio: ['ignore', 2, 2] });
if (built.status !== 0) process.exit(1);

const startedAt = performance.now();
const outcomes: Outcome[] = [];
const planted: Planted[] = [];
// Beside the answers: whoever reads these wants only them.
setInterval(() => process.stderr.write(`${describeProgress(outcomes, asked.seeds.length, secondsSince(startedAt))}\n`), progressEveryMs).unref();
const workers = Math.min(asked.workers, asked.seeds.length);
const codes = await Promise.all(
  Array.from({ length: workers }, (_, index) =>
    runWorker(
      asked.seeds.filter((__, each) => each % workers === index),
      asked.findsPlants && index === 0,
    ),
  ),
);
for (const line of describeSummary(outcomes, secondsSince(startedAt))) say(line);
const isComplete = codes.every((code) => code === 0) && outcomes.length > 0 && (planted.length > 0 || !asked.findsPlants);
const isSound = outcomes.every(({ finding }) => finding === undefined) && planted.every(({ isFound }) => isFound);
process.exit(isComplete && isSound ? 0 : 1);

/** A process of its own, because time and chance are replaced in the whole of it. Answers its exit code. */
function runWorker(seeds: readonly number[], findsPlants: boolean): Promise<number | null> {
  const { isTraced, plant, secondsMax } = asked;
  const order = JSON.stringify({ seeds, isTraced, plant, secondsMax, findsPlants });
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'simulation/dist/worker.js'), order], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // The services are taken as they are built.
    env: { ...process.env, NODE_OPTIONS: '', TZ: 'UTC' },
  });
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(JSON.parse(line) as Outcome | Planted);
  });
  return new Promise((resolve) => void child.once('close', resolve));
}

function take(outcome: Outcome | Planted): void {
  if ('planted' in outcome) {
    planted.push(outcome);
    return say(describePlanted(outcome));
  }
  outcomes.push(outcome);
  for (const line of describeFailure(outcome)) say(line);
}

function secondsSince(beganAt: number): number {
  return (performance.now() - beganAt) / 1_000;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function argumentsOrExit(): Arguments {
  try {
    return readArguments(process.argv.slice(2), Date.now());
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(2);
  }
}
