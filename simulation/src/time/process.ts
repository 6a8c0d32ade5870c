import { AsyncLocalStorage } from 'node:async_hooks';

/** One life of a service: from a start to a crash or the end. */
export class Process {
  readonly name: string;
  readonly life: number;
  isAlive = true;
  readonly #onDeath: (() => void)[] = [];

  constructor(name: string, life: number) {
    this.name = name;
    this.life = life;
  }

  /** Runs work as this process: timers and calls that it makes are its own. */
  run<R>(work: () => R): R {
    return current.run(this, work);
  }

  /** What the operating system does when a process ends: connections break, subscriptions are gone. */
  whenDead(undo: () => void): void {
    this.#onDeath.push(undo);
  }

  /** Nothing of it runs after this: what it waits for never comes. */
  kill(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    for (const undo of this.#onDeath) current.exit(undo);
  }
}

const current = new AsyncLocalStorage<Process>();

/** Whose code this is; undefined: the world's. */
export const runningProcess = (): Process | undefined => current.getStore();

/** Work of the world, whoever asked for it. */
export const outside = <R>(work: () => R): R => current.exit(work);
