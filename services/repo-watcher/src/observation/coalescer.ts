/**
 * Runs work for a key, at most one at a time: while it runs, everything that is asked for in the meantime becomes one
 * further run, which sees all that was asked.
 */
export class Coalescer<Request> {
  readonly #work: (key: string, requests: readonly Request[]) => Promise<void>;
  readonly #running = new Map<string, Promise<void>>();
  readonly #queued = new Map<string, { requests: Request[]; done: Promise<void> }>();

  constructor(work: (key: string, requests: readonly Request[]) => Promise<void>) {
    this.#work = work;
  }

  /** Settles as the run that saw this request does. */
  ask(key: string, request: Request): Promise<void> {
    // First: between the end of a run and the start of the queued one, nothing runs and yet it's not this one's turn.
    const queued = this.#queued.get(key);
    if (queued !== undefined) {
      queued.requests.push(request);
      return queued.done;
    }
    const running = this.#running.get(key);
    if (running === undefined) return this.#run(key, [request]);
    const requests = [request];
    const done = this.#runAfter(running, key, requests);
    this.#queued.set(key, { requests, done });
    return done;
  }

  async #runAfter(running: Promise<void>, key: string, requests: readonly Request[]): Promise<void> {
    await Promise.allSettled([running]);
    this.#queued.delete(key);
    await this.#run(key, requests);
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running.values(), ...[...this.#queued.values()].map((queued) => queued.done)]);
  }

  #run(key: string, requests: readonly Request[]): Promise<void> {
    const run = this.#work(key, requests).finally(() => {
      if (this.#running.get(key) === run) this.#running.delete(key);
    });
    this.#running.set(key, run);
    return run;
  }
}
