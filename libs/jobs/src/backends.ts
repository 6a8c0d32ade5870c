import { createPostgresBackend, Queue, Worker } from 'bullmq';
import type { Processor, QueueOptions, WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { limits } from './limits.ts';

/** Where BullMQ keeps the jobs. Both behave the same above this line. */
export interface Backend {
  queue(name: string, options: Omit<QueueOptions, 'connection'>): Queue;
  worker(name: string, process: Processor, options: Omit<WorkerOptions, 'connection'>): Worker;
  close(): Promise<void>;
}

/** PostgreSQL schema of BullMQ's tables. */
export const jobsSchema = 'jobs';

export function redisBackend(url: string, prefix: string, onError: (error: Error) => void): Backend {
  const retryStrategy = (times: number): number => Math.min(50 * 2 ** Math.min(times, 10), limits.reconnectMsMax);
  const opened: Redis[] = [];
  const open = (options: { enableOfflineQueue: boolean }): Redis => {
    const client = new Redis(url, { maxRetriesPerRequest: null, retryStrategy, ...options });
    client.on('error', onError);
    opened.push(client);
    return client;
  };
  /** Asking shares one connection and fails at once when it is away; workers wait for it. */
  let asking: Redis | undefined;
  return {
    queue: (name, options) => new Queue(name, { ...options, prefix, connection: (asking ??= open({ enableOfflineQueue: false })) }),
    worker: (name, process, options) => new Worker(name, process, { ...options, prefix, connection: open({ enableOfflineQueue: true }) }),
    async close() {
      for (const client of opened) client.disconnect();
    },
  };
}

/** BullMQ ignores its key prefix on PostgreSQL, so the prefix goes into the queue's name, which takes no ':'. */
export function postgresBackend(databaseUrl: string, prefix: string): Backend {
  const qualified = (name: string): string => `${prefix}:${name}`.replaceAll(':', '.');
  const connection = { connectionString: databaseUrl, schema: jobsSchema, migrate: true, max: limits.postgresPoolMax, connectionTimeoutMillis: limits.callMs };
  return {
    queue: (name, options) => new Queue(qualified(name), { ...options, connection }, createPostgresBackend) as unknown as Queue,
    worker: (name, process, options) => new Worker(qualified(name), process, { ...options, connection }, createPostgresBackend) as unknown as Worker,
    close: async () => undefined,
  };
}
