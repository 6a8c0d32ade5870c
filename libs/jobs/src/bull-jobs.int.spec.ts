import { AppError, noMetrics, silentLogger } from '@plumbline/contracts';
import { Redis } from 'ioredis';
import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { makeRelay } from '@plumbline/testing/relay';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeJobs } from './bull-jobs.ts';
import { describeJobsContract } from './contract.ts';

const redisUrl = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const postgresUrl = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const prefix = `test-${randomUUID().slice(0, 8)}`;
const database = prefix.replaceAll('-', '_');
const databaseUrl = Object.assign(new URL(postgresUrl), { pathname: `/${database}` }).toString();
const soon = { timeout: 30_000, interval: 50 };

const administer = async (sql: string, parameters: unknown[] = []): Promise<void> => {
  const client = new pg.Client(postgresUrl);
  await client.connect();
  await client.query(sql, parameters);
  await client.end();
};

beforeAll(() => administer(`create database ${database}`));
afterAll(async () => {
  await administer(`drop database ${database} with (force)`);
  const redis = new Redis(redisUrl);
  for await (const keys of redis.scanStream({ match: `${prefix}:*` })) if ((keys as string[]).length > 0) await redis.del(keys as string[]);
  redis.disconnect();
});

const options = { databaseUrl, prefix, log: silentLogger, metrics: noMetrics };
describeJobsContract('on Redis', async () => makeJobs({ ...options, redisUrl }));
describeJobsContract('on PostgreSQL', async () => makeJobs(options));

describe('a server that goes away', () => {
  it('Redis: calls fail in time, workers and calls go on when it is back', async () => {
    const relay = makeRelay(redisUrl, 6379);
    const port = await relay.listen();
    await relay.cut();
    const jobs = makeJobs({ ...options, redisUrl: Object.assign(new URL(redisUrl), { hostname: '127.0.0.1', port: String(port) }).toString() });
    const ran: string[] = [];
    jobs.work('away', async (key) => void ran.push(key));
    const queue = jobs.queue('away');
    expect(await code(queue.add('lost'))).toBe('unavailable');
    for (const round of ['first', 'second']) {
      await relay.listen(port);
      await expect.poll(() => code(queue.add(round)), soon).toBe('ok');
      await expect.poll(() => ran, soon).toContain(round);
      await relay.cut();
      await expect.poll(() => code(queue.add(`${round} lost`)), soon).toBe('unavailable');
    }
    await jobs.close();
  });

  it('PostgreSQL: workers go on after all its connections were cut', async () => {
    const jobs = makeJobs(options);
    const ran: string[] = [];
    jobs.work('cut', async (key) => void ran.push(key));
    const queue = jobs.queue('cut');
    await queue.add('before');
    await expect.poll(() => ran, soon).toEqual(['before']);
    await administer('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database]);
    await expect.poll(() => code(queue.add('after')), soon).toBe('ok');
    await expect.poll(() => ran, soon).toContain('after');
    await jobs.close();
  });
});

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: unknown) => AppError.from(error).code,
  );
