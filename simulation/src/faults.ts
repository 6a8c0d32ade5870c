import type { AppError } from '@plumbline/contracts';
import type { Random } from './random.ts';
import type { Agenda } from './time/agenda.ts';
import { outside, runningProcess, type Process } from './time/process.ts';

/** What a call goes to. */
export type Place = 'sql' | 'blobs' | 'bus' | 'jobs' | 'kube' | 'git' | 'engine';

export type FaultKind =
  | 'crash before'
  | 'crash after'
  | 'error before'
  | 'error after'
  | 'delay'
  | 'duplicate'
  | 'drop'
  | 'cut watch'
  | 'relist'
  | 'wipe jobs'
  | 'bus away'
  | 'git away'
  | 'lease taken'
  | 'crash';

export const faultKinds: readonly FaultKind[] = [
  'crash before',
  'crash after',
  'error before',
  'error after',
  'delay',
  'duplicate',
  'drop',
  'cut watch',
  'relist',
  'wipe jobs',
  'bus away',
  'git away',
  'lease taken',
  'crash',
];

/** Probabilities per call, drawn from the seed. */
export interface FaultRates {
  crash: number;
  error: number;
  delay: number;
  duplicate: number;
  drop: number;
}

export const noFaults: FaultRates = { crash: 0, error: 0, delay: 0, duplicate: 0, drop: 0 };

export interface FaultsOptions {
  agenda: Agenda;
  random: Random;
  rates: FaultRates;
  /** Kills a process; the world starts it again some time later. */
  crash(process: Process, where: string): void;
}

/**
 * The way from a service to anything outside it. Each call takes a time drawn from the seed, and before its effect and
 * between effect and answer it may fail, take long, or never come back because the caller has crashed.
 */
export class Faults {
  readonly counts = new Map<FaultKind, number>();
  isActive = false;
  readonly #options: FaultsOptions;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  count(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  happens(kind: 'duplicate' | 'drop'): boolean {
    if (!this.isActive || !this.#options.random.chance(this.#options.rates[kind])) return false;
    this.count(kind);
    return true;
  }

  /** A short time, as networks take; rarely a long one. */
  latencyMs(longMs = 2_000): number {
    const { random, rates } = this.#options;
    if (this.isActive && random.chance(rates.delay)) {
      this.count('delay');
      return random.next() * longMs;
    }
    return random.next() * 2;
  }

  /** `failure` makes the error that a call of this kind ends with when the other side is away. */
  call<T>(place: Place, label: string, failure: () => AppError | Error, effect: () => T | Promise<T>): Promise<T> {
    const caller = runningProcess();
    if (caller === undefined) return Promise.resolve().then(effect);
    return new Promise<T>((resolve, reject) => {
      const { agenda } = this.#options;
      const name = `${caller.name}: ${place} ${label}`;
      const answer = (settle: () => void): void =>
        void agenda.in(this.latencyMs(), `${name} answered`, () => {
          if (!caller.isAlive || this.#crashes(caller, 'crash after', name)) return;
          if (this.#fails('error after')) reject(failure());
          else settle();
        });
      agenda.in(this.latencyMs(), name, () => {
        if (!caller.isAlive || this.#crashes(caller, 'crash before', name)) return;
        if (this.#fails('error before')) return void agenda.in(this.latencyMs(), `${name} failed`, () => (caller.isAlive ? reject(failure()) : undefined));
        outside(() => Promise.resolve().then(effect)).then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error instanceof Error ? error : new Error(String(error)))),
        );
      });
    });
  }

  #crashes(process: Process, kind: 'crash before' | 'crash after', where: string): boolean {
    if (!this.isActive || !this.#options.random.chance(this.#options.rates.crash)) return false;
    this.count(kind);
    this.#options.crash(process, `${kind} ${where}`);
    return true;
  }

  #fails(kind: 'error before' | 'error after'): boolean {
    if (!this.isActive || !this.#options.random.chance(this.#options.rates.error)) return false;
    this.count(kind);
    return true;
  }
}
