import { AppError, silentLogger } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';
import { mayRetry, retryDelayMs } from './backoff.ts';
import type { WorkOptions } from './backoff.ts';
import { jobIdOf } from './job-id.ts';
import { limits } from './limits.ts';
import type { JobQueue, Jobs } from './port.ts';

/** Job queues inside one process, with the promises of the real ones; they end with the process. */
export function makeMemoryJobs(log: Logger = silentLogger): Jobs {
  const queues = new Map<string, MemoryQueue>();
  const queueOf = (name: string): MemoryQueue => {
    const queue = queues.get(name) ?? new MemoryQueue(log);
    queues.set(name, queue);
    return queue;
  };
  return {
    queue: queueOf,
    work: (name, handle, options = {}) => queueOf(name).work({ handle, options }),
    async close() {
      for (const queue of queues.values()) queue.end();
    },
  };
}

interface Worker {
  handle: (key: string) => Promise<void>;
  options: WorkOptions;
}

interface MemoryJob {
  key: string;
  state: 'delayed' | 'ready' | 'active';
  failures: number;
  timer?: NodeJS.Timeout;
}

class MemoryQueue implements JobQueue {
  readonly #log: Logger;
  readonly #jobs = new Map<string, MemoryJob>();
  readonly #ticks = new Map<string, { everyMs: number; timer: NodeJS.Timeout }>();
  #worker: Worker | undefined;
  #active = 0;
  #isOpen = true;

  constructor(log: Logger) {
    this.#log = log;
  }

  async add(key: string, options: { delayMs?: number } = {}): Promise<void> {
    this.#add(key, options.delayMs ?? 0);
  }

  async reschedule(key: string, delayMs: number): Promise<void> {
    this.#remove(key);
    this.#add(key, delayMs);
  }

  async every(key: string, everyMs: number): Promise<void> {
    if (this.#ticks.get(key)?.everyMs === everyMs) return;
    this.#stopTicks(key);
    this.#add(key, 0);
    this.#ticks.set(key, { everyMs, timer: setInterval(() => this.#add(key, 0), everyMs) });
  }

  async cancel(key: string): Promise<void> {
    this.#stopTicks(key);
    this.#remove(key);
  }

  async recurring(): Promise<string[]> {
    return [...this.#ticks.keys()];
  }

  async close(): Promise<void> {
    // Queues end together, with `Jobs.close`.
  }

  work(worker: Worker): void {
    this.#worker = worker;
    this.#runReady();
  }

  end(): void {
    this.#isOpen = false;
    for (const key of [...this.#ticks.keys()]) this.#stopTicks(key);
    for (const key of [...this.#jobs.keys()]) this.#remove(key);
  }

  #add(key: string, delayMs: number): void {
    jobIdOf(key);
    if (!this.#isOpen) throw new AppError('unavailable', 'the job queues are closed', { retry: 'later' });
    if (this.#jobs.has(key)) return;
    const job: MemoryJob = { key, state: 'delayed', failures: 0 };
    this.#jobs.set(key, job);
    this.#makeReady(job, delayMs);
  }

  #makeReady(job: MemoryJob, delayMs: number): void {
    job.state = 'delayed';
    job.timer = setTimeout(() => {
      job.state = 'ready';
      this.#runReady();
    }, delayMs);
  }

  #runReady(): void {
    const worker = this.#worker;
    if (worker === undefined || !this.#isOpen) return;
    for (const job of this.#jobs.values()) {
      if (this.#active >= (worker.options.concurrency ?? limits.concurrency)) return;
      if (job.state === 'ready') void this.#run(job, worker);
    }
  }

  async #run(job: MemoryJob, worker: Worker): Promise<void> {
    job.state = 'active';
    this.#active++;
    try {
      await worker.handle(job.key);
      this.#jobs.delete(job.key);
    } catch (error) {
      this.#failed(job, worker.options, error);
    } finally {
      this.#active--;
      this.#runReady();
    }
  }

  #failed(job: MemoryJob, options: WorkOptions, error: unknown): void {
    job.failures++;
    const fields = { key: job.key, attempt: job.failures, error };
    if (this.#isOpen && mayRetry(job.failures, options)) {
      this.#log.warn('job failed; it will be tried again', fields);
      this.#makeReady(job, retryDelayMs(job.failures, options));
    } else {
      this.#log.error('job given up', fields);
      this.#jobs.delete(job.key);
    }
  }

  #remove(key: string): void {
    const job = this.#jobs.get(key);
    if (job === undefined || job.state === 'active') return;
    clearTimeout(job.timer);
    this.#jobs.delete(key);
  }

  #stopTicks(key: string): void {
    clearInterval(this.#ticks.get(key)?.timer);
    this.#ticks.delete(key);
  }
}
