import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { limits } from './limits.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';
import type { ServiceRecord } from './state.ts';

export interface ServiceCommand {
  name: string;
  instance: string;
  /** Arguments of the pinned Node. */
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  logFile: string;
  /** Where it answers /readyz: one address, or several when it is several services in one process. */
  urls: readonly string[];
}

export interface ServiceExit {
  name: string;
  instance: string;
  process: ProcessIdentity;
  code: number | null;
  signal: NodeJS.Signals | null;
  restartInMs: number;
}

export interface ServiceListener {
  /** The record of a service is another one now. */
  changed(): void;
  exited(exit: ServiceExit): void;
}

/** Pure: how long a service that died waits, given how long it had lived and what it waited the last time. */
export function nextBackoffMs(livedMs: number, previousMs: number | undefined): number {
  if (previousMs === undefined || livedMs >= limits.restartBackoffResetMs) return limits.restartBackoffMs;
  return Math.min(previousMs * 2, limits.restartBackoffMsMax);
}

/** One service and its successors: started, started again with back-off when it dies, until `stop`. */
export class SupervisedService {
  readonly record: ServiceRecord;
  readonly urls: readonly string[];
  readonly #command: ServiceCommand;
  readonly #listener: ServiceListener;
  readonly #stopped = new AbortController();
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #backoffMs: number | undefined;

  constructor(command: ServiceCommand, listener: ServiceListener) {
    this.#command = command;
    this.#listener = listener;
    this.urls = command.urls;
    this.record = { name: command.name, instance: command.instance, urls: command.urls, process: null, state: 'starting', restarts: 0 };
  }

  start(): void {
    const { args, env, logFile } = this.#command;
    const startedAt = performance.now();
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [...args], { env, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    const started = child.pid === undefined ? undefined : identify(child.pid);
    const identity = started ?? { pid: child.pid ?? 0, started: '' };
    this.#gone = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', (code, signal) => {
        resolve();
        this.#died(identity, performance.now() - startedAt, { code, signal });
      });
    });
    this.#change({ process: identity, state: 'starting' });
  }

  /** Its /readyz answered. */
  markReady(): void {
    if (this.record.state === 'starting') this.#change({ state: 'running' });
  }

  /** SIGTERM, and SIGKILL when it has not drained in time. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort();
    this.#child?.kill('SIGTERM');
    const drained = await Promise.race([this.#gone.then(() => true), sleep(graceMs, false, { ref: false })]);
    if (!drained) {
      this.#child?.kill('SIGKILL');
      await this.#gone;
    }
    this.#change({ process: null, state: 'stopped' });
  }

  #died(identity: ProcessIdentity, livedMs: number, how: { code: number | null; signal: NodeJS.Signals | null }): void {
    if (this.#stopped.signal.aborted) return;
    this.#backoffMs = nextBackoffMs(livedMs, this.#backoffMs);
    this.#change({ process: null, state: 'restarting', restarts: this.record.restarts + 1 });
    this.#listener.exited({ name: this.record.name, instance: this.record.instance, process: identity, ...how, restartInMs: this.#backoffMs });
    void this.#startLater(this.#backoffMs);
  }

  async #startLater(delayMs: number): Promise<void> {
    const due = await sleep(delayMs, true, { signal: this.#stopped.signal }).catch(() => false);
    if (due) this.start();
  }

  #change(change: Partial<ServiceRecord>): void {
    Object.assign(this.record, change);
    this.#listener.changed();
  }
}
