import { AppError } from '@plumbline/contracts';
import type { Timer } from './bucket.ts';

/** Who waits until a consumer has come to a position. */
export class Waiters {
  readonly #consumer: string;
  readonly #timer: Timer;
  readonly #position: () => number;
  readonly #checks = new Set<() => void>();
  #isStopped = false;

  constructor(consumer: string, timer: Timer, position: () => number) {
    this.#consumer = consumer;
    this.#timer = timer;
    this.#position = position;
  }

  /** Rejects with `deadline-exceeded`, or `unavailable` when the consumer is stopped before it is there. */
  until(position: number, timeoutMs: number): Promise<void> {
    if (this.#position() >= position) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const finish = (error?: AppError): void => {
      this.#checks.delete(check);
      cancel();
      if (error === undefined) resolve();
      else reject(error);
    };
    const check = (): void => {
      const now = this.#position();
      if (now >= position) finish();
      else if (this.#isStopped)
        finish(new AppError('unavailable', `consumer ${this.#consumer} was stopped at position ${now}, before ${position}`, { retry: 'later' }));
    };
    const cancel = this.#timer(timeoutMs, () =>
      finish(
        new AppError('deadline-exceeded', `consumer ${this.#consumer} is at position ${this.#position()}, not yet at ${position}, after ${timeoutMs} ms`, {
          retry: 'later',
        }),
      ),
    );
    this.#checks.add(check);
    check();
    return promise;
  }

  check(): void {
    for (const check of this.#checks) check();
  }

  stop(): void {
    this.#isStopped = true;
    this.check();
  }
}
