import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import type { ServiceCommand } from '@plumbline/tools';
import { limits } from '../limits.ts';

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** One service as a real process, started again whenever it ends, until `stop`. */
export class ServiceProcess {
  readonly name: string;
  readonly #command: ServiceCommand;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #restarting: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** How often it ended without being told to by us. */
  ownExits = 0;
  /** When it was killed by us, in ms of the clock. */
  readonly killedAt: number[] = [];
  #killed = new Set<number>();

  constructor(command: ServiceCommand) {
    this.name = command.name;
    this.#command = command;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { args, env, logFile } = this.#command;
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, 'a', 0o600);
    const child = spawn(process.execPath, [...args], { env, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    alive.add(child);
    this.#gone = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => {
        alive.delete(child);
        this.#child = undefined;
        if (!this.#killed.delete(child.pid ?? 0) && !this.#isStopped) this.ownExits++;
        resolve();
        if (!this.#isStopped) this.#restarting = this.#startAgain();
      });
    });
  }

  /** False when there is no process at this moment. */
  signal(name: NodeJS.Signals): boolean {
    const child = this.#child;
    if (child?.pid === undefined) return false;
    if (name === 'SIGKILL') {
      this.#killed.add(child.pid);
      this.killedAt.push(Date.now());
    }
    return child.kill(name);
  }

  /** Ends it as a rolling update does (SIGTERM) and waits until it is ready again. Answers whether it ended in order and in time. */
  async restart(): Promise<{ isOrderly: boolean; how: string }> {
    const child = this.#child;
    if (child?.pid === undefined) throw new AppError('failed-precondition', `${this.name} does not run: it cannot be restarted`);
    this.#killed.add(child.pid);
    const startedAt = performance.now();
    const ended = new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`)));
    child.kill('SIGTERM');
    const how = (await Promise.race([ended, sleep(limits.serviceStopMs, undefined, { ref: false })])) ?? 'not ended';
    if (how === 'not ended') child.kill('SIGKILL');
    const tookMs = Math.round(performance.now() - startedAt);
    await ended;
    await this.#restarting;
    await this.whenReady();
    return { isOrderly: how === 'exit code 0', how: `${how} after ${tookMs} ms` };
  }

  async isReady(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.#command.urls[0]}/readyz`, { signal: AbortSignal.timeout(limits.readyAnswerMs) });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  }

  async whenReady(timeoutMs: number = limits.readyMs): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await this.isReady())) {
      if (Date.now() > deadline) throw new AppError('deadline-exceeded', `${this.name} is not ready after ${timeoutMs} ms; see ${this.#command.logFile}`);
      await sleep(limits.readyPollMs);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#restarting;
    this.#child?.kill('SIGCONT');
    this.#child?.kill('SIGTERM');
    const drained = await Promise.race([this.#gone.then(() => true), sleep(limits.serviceStopMs, false, { ref: false })]);
    if (drained) return;
    this.#child?.kill('SIGKILL');
    await this.#gone;
  }

  async #startAgain(): Promise<void> {
    await sleep(limits.restartAfterMs);
    if (!this.#isStopped) this.start();
  }
}
