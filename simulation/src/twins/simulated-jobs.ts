import { AppError } from '@plumbline/contracts';
import type { JobQueue, Jobs } from '@plumbline/jobs';
import type { Faults } from '../faults.ts';
import type { Agenda } from '../time/agenda.ts';
import type { Process } from '../time/process.ts';

interface Job {
  dueMs: number;
  failures: number;
  isActive: boolean;
}

interface Queue {
  jobs: Map<string, Job>;
  every: Map<string, { everyMs: number; nextMs: number }>;
  worker?: { process: Process; handle(key: string): Promise<void>; attemptsMax: number; backoffMs: number };
}

const lookMs = 250;

/** Redis with BullMQ, of one service: jobs outlive the process, are run twice at times, and may all vanish. */
export class SimulatedJobs {
  readonly #queues = new Map<string, Queue>();
  readonly #faults: Faults;
  readonly #agenda: Agenda;

  constructor(faults: Faults, agenda: Agenda) {
    this.#faults = faults;
    this.#agenda = agenda;
    this.#look();
  }

  /** Redis was emptied. */
  wipe(): void {
    for (const queue of this.#queues.values()) {
      queue.jobs.clear();
      queue.every.clear();
    }
  }

  /** Everything that is stored, as text. */
  contents(): string {
    return JSON.stringify([...this.#queues].map(([name, { jobs, every }]) => [name, [...jobs.keys()], [...every.keys()]]));
  }

  jobsOf(process: Process): Jobs {
    return {
      queue: (name) => this.#client(this.#queue(name)),
      work: (name, handle, { attemptsMax = 5, backoffMs = 1_000 } = {}) => {
        const queue = this.#queue(name);
        queue.worker = { process, handle, attemptsMax, backoffMs };
        process.whenDead(() => {
          if (queue.worker?.process === process) delete queue.worker;
          // BullMQ gives the jobs of a dead worker to the next one.
          for (const job of queue.jobs.values()) job.isActive = false;
        });
      },
      close: () => Promise.resolve(),
    };
  }

  #queue(name: string): Queue {
    const queue = this.#queues.get(name) ?? { jobs: new Map(), every: new Map() };
    this.#queues.set(name, queue);
    return queue;
  }

  #client(queue: Queue): JobQueue {
    const away = (): AppError => new AppError('unavailable', 'Redis is away (simulated)', { retry: 'later' });
    const call = <T>(label: string, effect: () => T): Promise<T> => this.#faults.call('jobs', label, away, effect);
    const add = (key: string, delayMs: number): void => {
      if (!queue.jobs.has(key)) queue.jobs.set(key, { dueMs: this.#agenda.nowMs + delayMs, failures: 0, isActive: false });
    };
    return {
      add: (key, { delayMs = 0 } = {}) => call('add', () => add(key, delayMs)),
      reschedule: (key, delayMs) =>
        call('reschedule', () => {
          if (queue.jobs.get(key)?.isActive === false) queue.jobs.delete(key);
          add(key, delayMs);
        }),
      every: (key, everyMs) =>
        call('every', () => {
          if (queue.every.get(key)?.everyMs !== everyMs) queue.every.set(key, { everyMs, nextMs: this.#agenda.nowMs });
        }),
      cancel: (key) =>
        call('cancel', () => {
          queue.every.delete(key);
          if (queue.jobs.get(key)?.isActive === false) queue.jobs.delete(key);
        }),
      recurring: () => call('recurring', () => [...queue.every.keys()]),
      close: () => Promise.resolve(),
    };
  }

  #look(): void {
    this.#agenda.in(lookMs, 'job queues', () => {
      const now = this.#agenda.nowMs;
      for (const queue of this.#queues.values()) {
        for (const [key, tick] of queue.every) {
          if (tick.nextMs > now) continue;
          tick.nextMs = now + tick.everyMs;
          if (!queue.jobs.has(key)) queue.jobs.set(key, { dueMs: now, failures: 0, isActive: false });
        }
        for (const [key, job] of queue.jobs) if (job.dueMs <= now && !job.isActive) this.#run(queue, key, job);
      }
      this.#look();
    });
  }

  #run(queue: Queue, key: string, job: Job): void {
    const { worker } = queue;
    if (worker === undefined) return;
    job.isActive = true;
    const times = this.#faults.happens('duplicate') ? 2 : 1;
    const ended = (isDone: boolean): void => {
      if (queue.jobs.get(key) !== job || !worker.process.isAlive) return;
      job.isActive = false;
      if (!isDone && ++job.failures < worker.attemptsMax) job.dueMs = this.#agenda.nowMs + Math.min(60_000, worker.backoffMs * 2 ** (job.failures - 1));
      else queue.jobs.delete(key);
    };
    for (let i = 0; i < times; i++)
      worker.process.run(
        () =>
          void worker.handle(key).then(
            () => ended(true),
            () => ended(false),
          ),
      );
  }
}
