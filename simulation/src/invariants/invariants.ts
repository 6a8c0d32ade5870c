import type { Simulation } from '../simulation.ts';
import type { World } from '../world/world.ts';

export interface Finding {
  invariant: string;
  message: string;
}

export class BrokenInvariant extends Error {
  readonly finding: Finding;
  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.finding = { invariant, message };
  }
}

/** What must hold at every moment. */
export function whileRunning(_simulation: Simulation): void {}

/** What must hold once everything has come to rest. */
export async function atTheEnd(_simulation: Simulation, _world: World): Promise<void> {}
