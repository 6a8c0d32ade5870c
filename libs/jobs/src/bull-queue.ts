import { AppError } from '@plumbline/contracts';
import type { Job, Queue } from 'bullmq';
import { jobIdOf, keyOf } from './job-id.ts';
import { limits } from './limits.ts';
import type { JobQueue } from './port.ts';

/** Job name of what the worker does; a `tick` of `every` only adds the job of its key. */
export const jobNames = { work: 'work', tick: 'tick' } as const;

/**
 * BullMQ decides by id whether a job exists, so a finished one must go at once. How often to try is the worker's
 * decision: it ends a job by an UnrecoverableError.
 */
const jobOptions = { removeOnComplete: true, removeOnFail: true, attempts: 1_000_000, backoff: { type: 'custom' } } as const;

/** Adds the job of a key unless it waits or runs; for callers that have a deadline of their own. */
export async function addJob(queue: Queue, key: string, delayMs = 0): Promise<void> {
  await queue.add(jobNames.work, {}, { ...jobOptions, jobId: jobIdOf(key), delay: delayMs });
}

export function makeBullQueue(name: string, queue: Queue): JobQueue {
  const bounded = <T>(what: string, work: () => Promise<T>): Promise<T> => withinLimit(`${what} in the queue ${name}`, work);
  return {
    add: (key, options) => bounded(`adding a job`, () => addJob(queue, key, options?.delayMs)),
    reschedule: (key, delayMs) => bounded(`moving a job`, () => reschedule(queue, key, delayMs)),
    every: (key, everyMs) => bounded(`scheduling a job`, () => repeat(queue, key, everyMs)),
    cancel: (key) =>
      bounded(`cancelling a job`, async () => {
        await queue.removeJobScheduler(jobIdOf(key));
        const job = await jobOf(queue, key);
        // A running job is locked by its worker and ends by itself.
        if (job !== undefined && !(await job.isActive())) await job.remove().catch(ignoreLocked);
      }),
    recurring: () => bounded(`listing the jobs`, async () => (await queue.getJobSchedulers(0, -1)).map((scheduler) => keyOf(scheduler.key))),
    close: () => queue.close(),
  };
}

async function repeat(queue: Queue, key: string, everyMs: number): Promise<void> {
  const id = jobIdOf(key);
  const known = await queue.getJobScheduler(id);
  // BullMQ on Redis keeps the old interval's offset when the interval changes: from ten minutes to a second, the next
  // run could be ten minutes away. A new scheduler starts with an offset of its own.
  if (known?.every !== undefined && Number(known.every) !== everyMs) await queue.removeJobScheduler(id);
  await queue.upsertJobScheduler(id, { every: everyMs }, { name: jobNames.tick, opts: { removeOnComplete: true, removeOnFail: true } });
}

async function reschedule(queue: Queue, key: string, delayMs: number): Promise<void> {
  const job = await jobOf(queue, key);
  if (job !== undefined && !(await job.isActive())) await job.remove().catch(ignoreLocked);
  await addJob(queue, key, delayMs);
}

/** Answers undefined where the library's types promise a job. */
const jobOf = async (queue: Queue, key: string): Promise<Job | undefined> => (await queue.getJob(jobIdOf(key))) ?? undefined;

/** Between our look and the removal a worker took the job: it runs now, which is what was to be reached. */
function ignoreLocked(error: unknown): void {
  if (!(error instanceof Error) || !/locked|could not be removed/i.test(error.message)) throw error;
}

/** A queue that can't be reached never holds its caller up: the sweep that fills queues comes again. */
async function withinLimit<T>(what: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new AppError('unavailable', `${what} took longer than ${limits.callMs} ms: the queue's server is away`, { retry: 'later' })),
      limits.callMs,
    );
  });
  const working = work();
  working.catch(() => undefined);
  try {
    return await Promise.race([working, late]);
  } catch (error) {
    if (AppError.is(error)) throw error;
    throw new AppError('unavailable', `${what} failed at the queue's server`, { retry: 'later', cause: error });
  } finally {
    clearTimeout(timer);
  }
}
