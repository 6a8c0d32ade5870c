import type { Simulation } from '../simulation.ts';
import type { World } from '../world/world.ts';
import { applicationRef } from '../world/applications.ts';
import { BrokenInvariant } from './broken-invariant.ts';
import { noCommandIsLost, syncsEnd } from './command-invariants.ts';
import { chainVerifies, LogWatch, readLog } from './log-invariants.ts';
import { effectsHappenOnce, nothingIsParked, rebuiltEqualsLive } from './projection-invariants.ts';
import { noSecretIsSeen } from './secrecy.ts';
import { statusIsTheFold } from './status-invariant.ts';

const services = ['repo-watcher', 'renderer', 'syncer', 'rbac', 'api'] as const;

/** What must hold in every moment, and in the end. */
export class Invariants {
  readonly #simulation: Simulation;
  readonly #world: World;
  readonly #log = new LogWatch();

  constructor(simulation: Simulation, world: World) {
    this.#simulation = simulation;
    this.#world = world;
  }

  /** @throws BrokenInvariant */
  async whileRunning(): Promise<void> {
    const { agenda, databases, violations } = this.#simulation;
    const [violation] = violations;
    if (violation !== undefined) throw new BrokenInvariant(violation.invariant, violation.message);
    // What is not committed yet is nobody's business.
    if (await agenda.until(agenda.nowMs + 10_000, () => databases.access.server.isIdle())) this.#log.look(readLog(databases));
  }

  /** @throws BrokenInvariant */
  async atTheEnd(): Promise<void> {
    const { agenda, databases, said, jobs } = this.#simulation;
    await this.whileRunning();
    const isStill = await agenda.until(agenda.nowMs + 60_000, () => databases.access.server.isIdle() && this.#isCaughtUp());
    if (!isStill) throw new BrokenInvariant('every consumer catches up', this.#laggards().join(', '));
    const events = readLog(databases);
    this.#log.look(events);
    await chainVerifies(databases);
    noCommandIsLost(events, this.#world, (application, uid) => this.#simulation.cluster.get(applicationRef(application))?.metadata.uid === uid);
    syncsEnd(events);
    nothingIsParked(databases, services);
    effectsHappenOnce(databases, services, events);
    statusIsTheFold(this.#simulation, events);
    noSecretIsSeen(databases, [...said, jobs.contents()]);
    await rebuiltEqualsLive(agenda, this.#simulation.running());
  }

  #isCaughtUp(): boolean {
    return this.#laggards().length === 0;
  }

  #laggards(): string[] {
    const [head] = this.#simulation.databases.read<{ position: string }>('select position from log.head');
    return this.#simulation
      .running()
      .filter((consumer) => consumer.position() < Number(head?.position))
      .map((consumer) => `${consumer.name} is at ${consumer.position()} of ${head?.position}`);
  }
}
