import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import { identify, isRunning, type Dependency } from '@plumbline/testing';
import { limits } from '../limits.ts';

/** A PostgreSQL, NATS or Redis of the suite's own, at the same address each time it is started. */
export class PrivateServer<T extends Dependency> {
  readonly #start: () => Promise<T>;
  #current: T;

  private constructor(start: () => Promise<T>, current: T) {
    this.#start = start;
    this.#current = current;
  }

  static async begin<T extends Dependency>(start: () => Promise<T>): Promise<PrivateServer<T>> {
    return new PrivateServer(start, await start());
  }

  get url(): string {
    return this.#current.url;
  }

  get description(): string {
    return this.#current.description;
  }

  /** Ends it at once: nothing is written any more. SIGQUIT is PostgreSQL's immediate shutdown. */
  async kill(signal: 'SIGKILL' | 'SIGQUIT'): Promise<void> {
    const { pid } = this.#current;
    const identity = pid === undefined ? undefined : await identify(pid);
    if (identity === undefined) throw new AppError('failed-precondition', `${this.description} is no process of ours: it cannot be killed`);
    process.kill(identity.pid, signal);
    while (await isRunning(identity)) await sleep(limits.readyPollMs / 4);
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#current.pid !== undefined) process.kill(this.#current.pid, name);
  }

  async start(): Promise<void> {
    this.#current = await this.#start();
  }

  /** In order, with its data kept. */
  stop(): Promise<void> {
    return this.#current.stop();
  }

  drop(): Promise<void> {
    return this.#current.drop();
  }
}
