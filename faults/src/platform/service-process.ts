import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import type { RunningProgram } from '@plumbline/testing';
import { startProgram } from '@plumbline/testing';
import { request } from 'undici';
import { limits } from '../limits.ts';

export interface ServiceOptions {
  /** Of the process: `syncer-0`. */
  instance: string;
  /** Path of its built `main.js`. */
  main: string;
  env: Readonly<Record<string, string>>;
  url: string;
  stateDir: string;
  heapMb: number;
}

/** One service as a real process, started again when it dies, as a supervisor would. */
export class ServiceProcess {
  readonly instance: string;
  readonly url: string;
  readonly #options: ServiceOptions;
  #program: RunningProgram | undefined;
  #isStopped = true;
  #restartMs: number = limits.serviceRestartMs;
  restarts = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.instance = options.instance;
    this.url = options.url;
  }

  /** Undefined while it is dead. */
  get pid(): number | undefined {
    return this.#program?.pid;
  }

  async start(): Promise<void> {
    this.#isStopped = false;
    const { instance, main, env, stateDir, heapMb } = this.#options;
    const startedAt = performance.now();
    const args = [`--max-old-space-size=${heapMb}`, '--enable-source-maps', main];
    const program = await startProgram({ name: instance, command: process.execPath, args, stateDir, env });
    this.#program = program;
    program.ended.then(
      () => (this.#program = undefined),
      () => void this.#startAgain(performance.now() - startedAt),
    );
  }

  /** False: it is dead at this moment. */
  signal(signal: NodeJS.Signals): boolean {
    const pid = this.#program?.pid;
    if (pid === undefined) return false;
    try {
      process.kill(pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  /** Its /readyz answers, from a process that is not `except`. */
  async whenReady(timeoutMs: number = limits.serviceReadyMs, except?: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (this.pid === except || !(await isReady(this.url))) {
      if (Date.now() > deadline)
        throw new AppError(
          'deadline-exceeded',
          `${this.instance} is not ready ${timeoutMs} ms after it should have been; see logs/${this.instance}.log in ${this.#options.stateDir}`,
        );
      await sleep(limits.serviceReadyPollMs);
    }
  }

  isReady(): Promise<boolean> {
    return this.#program === undefined ? Promise.resolve(false) : isReady(this.url);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    // A stopped process hears nothing but SIGKILL and SIGCONT.
    this.signal('SIGCONT');
    await this.#program?.stop();
    this.#program = undefined;
  }

  async #startAgain(livedMs: number): Promise<void> {
    this.#program = undefined;
    this.#restartMs = livedMs > 2_000 ? limits.serviceRestartMs : Math.min(this.#restartMs * 2, limits.serviceRestartMsMax);
    await sleep(this.#restartMs);
    if (this.#isStopped) return;
    this.restarts++;
    await this.start();
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await request(`${url}/readyz`, { signal: AbortSignal.timeout(limits.serviceAnswerMs) });
    await answer.body.dump();
    return answer.statusCode === 200;
  } catch {
    return false;
  }
}
