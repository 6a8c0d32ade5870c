import { Simulation, type SimulationOptions } from './simulation.ts';
import type { Databases } from './sql/database.ts';
import type { Plant } from './plants.ts';
import type { Finding } from './invariants/broken-invariant.ts';
import { Invariants } from './invariants/invariants.ts';
import { prunedWrongly } from './invariants/prune-watch.ts';
import { World } from './world/world.ts';
import { isConverged } from './invariants/convergence.ts';

export interface SeedResult {
  seed: number;
  trace: string;
  steps: number;
  simulatedMs: number;
  faults: Record<string, number>;
  finding?: Finding & { lines: string[] };
}

const limits = {
  /** For everything to be as it should be once nothing goes wrong any more. */
  convergeMs: 10 * 60_000,
  lookMs: 2_000,
};

/** Runs one seed to its end, or to the first invariant that does not hold. */
export async function runSeed(seed: number, databases: Databases, options: SimulationOptions = {}): Promise<SeedResult> {
  databases.empty();
  const simulation = new Simulation(seed, databases, options);
  const { agenda, faults, plan } = simulation;
  const beganMs = agenda.nowMs;
  let finding: Finding | undefined;
  try {
    const world = new World(simulation);
    const invariants = new Invariants(simulation, world);
    simulation.onDelete = (ref) => prunedWrongly(simulation, world, ref);
    for (const service of ['rbac', 'repo-watcher', 'renderer', 'syncer', 'api'] as const) simulation.start(service);
    await agenda.until(agenda.nowMs + 10_000, () => simulation.isRunning());
    faults.isActive = true;
    world.begin();
    // A fence that nothing leans against is missed by nobody.
    if (options.plant === 'no-fence') for (let s = 1; s < 20; s += 2) agenda.in(s * 1_000, 'takes the lease', () => world.takeLease(1_000));
    const endMs = agenda.nowMs + plan.troubleMs;
    while (agenda.nowMs < endMs) {
      await agenda.until(Math.min(endMs, agenda.nowMs + limits.lookMs));
      await invariants.whileRunning();
    }
    faults.isActive = false;
    await agenda.until(agenda.nowMs + 20_000);
    world.settle();
    simulation.line('WORLD is sound again');
    const lastMs = agenda.nowMs + limits.convergeMs;
    let problem: string | undefined = 'nothing was looked at';
    while (problem !== undefined && agenda.nowMs < lastMs) {
      await agenda.until(agenda.nowMs + limits.lookMs);
      await invariants.whileRunning();
      problem = isConverged(simulation, world);
    }
    if (problem !== undefined)
      finding = { invariant: 'everything converges', message: `after ${limits.convergeMs / 60_000} minutes without faults: ${problem}` };
    else {
      if (options.plant !== undefined) tamper(databases, options.plant);
      await invariants.atTheEnd();
    }
  } catch (error) {
    finding = isFinding(error)
      ? error.finding
      : { invariant: 'no simulation breaks', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  } finally {
    simulation.end();
  }
  return {
    seed,
    trace: simulation.traceHash(),
    steps: agenda.steps,
    simulatedMs: Math.round(agenda.nowMs - beganMs),
    faults: Object.fromEntries(faults.counts),
    ...(finding === undefined ? {} : { finding: { ...finding, lines: simulation.lines.slice(-60) } }),
  };
}

const isFinding = (error: unknown): error is { finding: Finding } => error instanceof Error && 'finding' in error;

/** Bugs that no code of the simulation passes by: somebody at the tables. */
function tamper({ access: { server } }: Databases, plant: Plant): void {
  if (plant === 'rewrite-fact') server.asReplica(() => server.simple(`update log.event set data = '{}' where position = 2`));
  if (plant === 'lose-row') server.simple('delete from api.landmark');
}
