import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { Random } from '../random.ts';
import type { Agenda } from './agenda.ts';
import { runningProcess } from './process.ts';

let agenda: Agenda | undefined;
let random: Random | undefined;

/** From now on time and chance come from this simulation. */
export function enter(simulation: { agenda: Agenda; random: Random }): void {
  agenda = simulation.agenda;
  random = simulation.random.fork('chance');
}

const RealDate = Date;
const realTimers = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate };

/** The timers that keep real time: for whoever watches a simulation from outside. */
export const wallClock = { now: RealDate.now.bind(RealDate), performanceNow: performance.now.bind(performance), setTimeout: realTimers.setTimeout };

class Timer {
  number = 0;
  constructor(schedule: (timer: Timer) => void) {
    schedule(this);
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
  [Symbol.toPrimitive](): number {
    return this.number;
  }
  [Symbol.dispose](): void {
    clear(this);
  }
}

function clear(timer: unknown): void {
  if (timer instanceof Timer) agenda?.cancel(timer.number);
}

/** Runs a callback as the process that set the timer, if that still lives. */
function asOwner(run: () => void): () => void {
  const owner = runningProcess();
  if (owner === undefined) return run;
  return () => {
    if (owner.isAlive) owner.run(run);
  };
}

const label = (): string => `timer of ${runningProcess()?.name ?? 'the world'}`;

let areTimersOff = false;

/** Runs work whose timers never come due. */
export function withoutTimers<R>(work: () => R): R {
  const before = areTimersOff;
  areTimersOff = true;
  try {
    return work();
  } finally {
    areTimersOff = before;
  }
}

function virtualTimeout(run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]): Timer {
  if (areTimersOff || agenda === undefined) return new Timer(() => undefined);
  const world = agenda;
  const due = asOwner(() => run(...args));
  return new Timer((timer) => void (timer.number = world.in(Math.max(1, delayMs), label(), due)));
}

function virtualInterval(run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]): Timer {
  const named = label();
  const again = (timer: Timer): void =>
    void (timer.number = agenda!.in(
      Math.max(1, delayMs),
      named,
      asOwner(() => {
        again(timer);
        run(...args);
      }),
    ));
  return new Timer(again);
}

function virtualImmediate(run: (...args: unknown[]) => void, ...args: unknown[]): Timer {
  const due = asOwner(() => run(...args));
  return new Timer((timer) => void (timer.number = agenda!.in(0, label(), due)));
}

function sleep<T>(delayMs = 1, value?: T, { signal }: { signal?: AbortSignal } = {}): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clear(timer);
      reject(Object.assign(new Error('The operation was aborted'), { name: 'AbortError', code: 'ABORT_ERR' }));
    };
    const timer = virtualTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve(value);
    }, delayMs);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

class VirtualDate extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(agenda?.nowMs ?? RealDate.now());
    else super(...(args as [number]));
  }
  static override now(): number {
    return agenda === undefined ? RealDate.now() : Math.floor(agenda.nowMs);
  }
}

/** Before the first simulation. */
const fromTheStart = new Random(0);

/**
 * Replaces the clocks, timers and chance of this whole JavaScript process, node: modules included. Once, and for good.
 * Outside of simulations time is the real one, and timers never come due.
 */
export function takeOverTimeAndChance(): void {
  const replaced = {
    setTimeout: virtualTimeout,
    clearTimeout: clear,
    setInterval: virtualInterval,
    clearInterval: clear,
    setImmediate: virtualImmediate,
    clearImmediate: clear,
  };
  Object.assign(globalThis, replaced, { Date: VirtualDate });
  Object.assign(timers, replaced);
  Object.assign(timersPromises, { setTimeout: sleep, setImmediate: (value?: unknown) => sleep(0, value) });
  performance.now = () => agenda?.nowMs ?? wallClock.performanceNow();
  Object.assign(Math, { random: () => random?.next() ?? 0.5 });
  const fill = <T extends ArrayBufferView>(array: T): T => {
    (random ?? fromTheStart).bytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return array;
  };
  const uuid = (): string => {
    const hex = Buffer.from(fill(new Uint8Array(16))).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  };
  Object.assign(crypto, {
    randomUUID: uuid,
    randomBytes: (size: number) => Buffer.from(fill(new Uint8Array(size))),
    randomInt: (a: number, b?: number) => (b === undefined ? (random ?? fromTheStart).integer(0, a - 1) : (random ?? fromTheStart).integer(a, b - 1)),
  });
  Object.defineProperty(globalThis.crypto, 'randomUUID', { value: uuid, configurable: true });
  Object.defineProperty(globalThis.crypto, 'getRandomValues', { value: fill, configurable: true });
  syncBuiltinESMExports();
}
