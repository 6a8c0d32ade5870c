import { AppError } from '@plumbline/contracts';
import type { Logger, Metrics } from '@plumbline/contracts';
import { UnrecoverableError } from 'bullmq';
import type { Job, Queue, Worker } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import { mayRetry, retryDelayMs } from './backoff.ts';
import type { WorkOptions } from './backoff.ts';
import { postgresBackend, redisBackend } from './backends.ts';
import { addJob, jobNames, makeBullQueue } from './bull-queue.ts';
import { keyOf } from './job-id.ts';
import { limits } from './limits.ts';
import type { JobQueue, Jobs } from './port.ts';

export interface JobsOptions {
  /** Absent: the queues live in PostgreSQL, schema `jobs`. */
  redisUrl?: string;
  databaseUrl: string;
  /** Separates installations that share a server. */
  prefix: string;
  log: Logger;
  metrics: Metrics;
}

/**
 * Job queues on BullMQ. Returns at once and connects behind; a server that is away makes calls fail with `unavailable`
 * within two seconds, and workers go on when it is back.
 */
export function makeJobs(options: JobsOptions): Jobs {
  const { log, metrics, prefix } = options;
  const onError = reportOnce(log);
  const backend = options.redisUrl === undefined ? postgresBackend(options.databaseUrl, prefix) : redisBackend(options.redisUrl, prefix, onError);
  const queues = new Map<string, { bull: Queue; port: JobQueue }>();
  const workers: Worker[] = [];
  const inFlight = new Set<Promise<void>>();

  const queueOf = (name: string): { bull: Queue; port: JobQueue } => {
    const known = queues.get(name);
    if (known !== undefined) return known;
    const bull = backend.queue(checkName(name), {});
    bull.on('error', onError);
    const port = { ...makeBullQueue(name, bull), close: async () => undefined };
    const made = { bull, port };
    queues.set(name, made);
    return made;
  };

  return {
    queue: (name) => queueOf(name).port,
    work(name, handle, workOptions = {}) {
      const { bull } = queueOf(name);
      const run = (job: Job): Promise<void> => {
        const running = runJob(job, bull, { name, handle, options: workOptions, log, metrics });
        const settled = running.then(noop, noop).finally(() => inFlight.delete(settled));
        inFlight.add(settled);
        return running;
      };
      const worker = backend.worker(name, run, {
        concurrency: workOptions.concurrency ?? limits.concurrency,
        lockDuration: limits.lockMs,
        stalledInterval: limits.stalledCheckMs,
        maxStalledCount: limits.takeOversMax,
        runRetryDelay: limits.workerRetryMs,
        settings: { backoffStrategy: (attempt) => retryDelayMs(attempt, workOptions) },
      });
      worker.on('error', onError);
      workers.push(worker);
    },
    async close() {
      const closing = Promise.all(workers.map((worker) => worker.close()));
      if (!(await settledWithin(Promise.all(inFlight), limits.drainMs))) log.warn('jobs still run; they will be taken over by another worker');
      // What is done is told to the server; one that is away must not hold the process up.
      const everything = Promise.all([closing, ...[...queues.values()].map(({ bull }) => bull.close())]);
      if (!(await settledWithin(everything, limits.closeMs))) await settledWithin(Promise.all(workers.map((worker) => worker.close(true))), limits.closeMs);
      await backend.close();
    },
  };
}

interface Work {
  name: string;
  handle: (key: string) => Promise<void>;
  options: WorkOptions;
  log: Logger;
  metrics: Metrics;
}

async function runJob(job: Job, queue: Queue, work: Work): Promise<void> {
  // `every` makes ticks; the job they add has the id of its key, so a key never runs twice at a time.
  if (job.name === jobNames.tick) return addJob(queue, keyOf(job.repeatJobKey ?? ''));
  const key = keyOf(job.id ?? '');
  const startedAt = performance.now();
  let outcome = 'done';
  try {
    await work.handle(key);
  } catch (error) {
    const attempt = job.attemptsMade + 1;
    const isLast = !mayRetry(attempt, work.options);
    outcome = isLast ? 'given-up' : 'failed';
    work.log[isLast ? 'error' : 'warn'](isLast ? 'job given up' : 'job failed; it will be tried again', { queue: work.name, key, attempt, error });
    // BullMQ stores the message and stack of what is thrown: only the code, errors may quote anything.
    const { code } = AppError.from(error);
    throw isLast ? new UnrecoverableError(code) : new Error(code);
  } finally {
    work.metrics.observeMs('job_ms', performance.now() - startedAt, { queue: work.name, outcome });
  }
}

function checkName(name: string): string {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) throw new AppError('invalid-argument', `"${name}" is no queue name: lower-case words with dashes`);
  return name;
}

/** Connections report each attempt; people need to hear of an outage once a while. */
function reportOnce(log: Logger): (error: Error) => void {
  let last = { message: '', at: 0 };
  return (error) => {
    const message = error.message === '' ? error.name : error.message;
    const now = performance.now();
    if (message === last.message && now - last.at < 30_000) return;
    last = { message, at: now };
    log.warn('the server of the job queues has trouble; nothing is lost, the sweeps fill the queues again', { error: message });
  };
}

const noop = (): void => undefined;

async function settledWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const done = new AbortController();
  const settled = work.then(
    () => true,
    () => true,
  );
  const late = sleep(timeoutMs, false, { signal: done.signal }).catch(() => false);
  const result = await Promise.race([settled, late]);
  done.abort();
  return result;
}
