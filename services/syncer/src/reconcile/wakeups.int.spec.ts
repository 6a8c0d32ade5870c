import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { ApplicationEvent } from '@plumbline/contracts';
import { applicationStream, noMetrics, silentLogger } from '@plumbline/contracts';
import { makeLocalAnnouncements, makeMemoryDatabase, makeMemoryEventLog } from '@plumbline/event-log';
import { makeJobs } from '@plumbline/jobs';
import { startRedis } from '@plumbline/testing';
import type { Dependency } from '@plumbline/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { ApplicationLog, unseen } from '../applications/application-log.ts';
import { declared, id, requested, started } from '../domain/testdata/examples.ts';
import type { Entry } from './entry.ts';
import { makeSweep } from './sweep.ts';
import { makeWakeups } from './wakeups.ts';
import { makeWorkQueue } from './work-queue.ts';

const key = 'argocd/shop';
const soon = { timeout: 30_000, interval: 20 };
let stateDir: string;
let redis: Dependency | undefined;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'wakeups-'));
  // A private one: this test empties it.
  redis = await startRedis({ stateDir, origins: ['binary', 'docker'], name: 'wakeups' });
});
afterAll(async () => {
  await redis?.drop();
  await rm(stateDir, { recursive: true, force: true });
});

/** A log with one application whose sync failed and backs off until `dueMs` from now. */
async function backingOff(dueMs: number) {
  const log = makeMemoryEventLog({ database: makeMemoryDatabase(), announce: makeLocalAnnouncements().announce, clock: Date.now, newId: randomUUID });
  const at = new Date(Date.now() + dueMs).toISOString();
  const retry: ApplicationEvent = { type: 'SyncRetryScheduled', data: { operationId: 'op', attempt: 1, at, message: 'no' } };
  const metadata = { actor: 'system:test', service: 'test', schemaVersion: 1 };
  const events = [declared, requested('op', 'r1'), started('op'), retry].map((event) => ({ id: randomUUID(), metadata, ...event }));
  await log.append([{ stream: applicationStream(id), events }]);
  return log;
}

/** What the service is made of, as far as timers go; `killed` ends it without a word. */
async function start(log: Awaited<ReturnType<typeof backingOff>>, prefix: string, everyMs: number) {
  const application = new ApplicationLog(id, unseen, { log, event: (type) => expect.fail(`${type} is said`), now: Date.now });
  await application.catchUp();
  const entry = { key, log: application, recordsPointer: false } as Entry;
  const jobs = makeJobs({ redisUrl: redis!.url, databaseUrl: 'postgres://127.0.0.1:1/none', prefix, log: silentLogger, metrics: noMetrics });
  const wakeups = makeWakeups({ queue: jobs.queue('application-wakeups'), clock: Date.now, log: silentLogger });
  const retried: number[] = [];
  const woken: string[] = [];
  const work = async (): Promise<void> => {
    const { state } = application;
    if (state.status !== 'declared' || state.operation?.retryAt === undefined) return;
    if (Date.parse(state.operation.retryAt) <= Date.now()) retried.push(Date.now());
    else wakeups.arrange(key, state);
  };
  const queue = makeWorkQueue({ concurrency: 1, retryMs: 500, retryMsMax: 500, log: silentLogger, work });
  jobs.work('application-wakeups', async (name) => {
    woken.push(name);
    queue.wake(name);
  });
  // The sweep's own wake-ups are left out: what is asked is whether the queue has the timer again.
  const sweep = makeSweep({ applications: { all: () => [entry] }, wakeups, wake: () => undefined, everyMs });
  const killed = async (): Promise<void> => {
    sweep.stop();
    await queue.stop();
    await jobs.close();
  };
  onTestFinished(killed);
  return { wake: () => queue.wake(key), retried, woken, killed };
}

async function flush(prefix: string): Promise<string[]> {
  const connection = new Redis(redis!.url);
  const delayed = await connection.keys(`${prefix}*:delayed`);
  await connection.flushall();
  connection.disconnect();
  return delayed;
}

it('a retry that is scheduled happens although Redis was emptied before it was due', async (context) => {
  if (redis === undefined) return context.skip('there is no Redis on this machine');
  const service = await start(await backingOff(2_500), 'flushed', 300);
  service.wake();
  await expect.poll(() => flush('flushed'), soon).not.toEqual([]);
  expect(service.retried).toEqual([]);
  await expect.poll(() => service.retried.length, soon).toBeGreaterThan(0);
  expect(service.woken).toContain(key);
});

it('it happens although the process died, and Redis was emptied meanwhile', async (context) => {
  if (redis === undefined) return context.skip('there is no Redis on this machine');
  const log = await backingOff(2_500);
  const first = await start(log, 'killed', 300);
  first.wake();
  await expect.poll(() => flush('killed'), soon).not.toEqual([]);
  await first.killed();
  await flush('killed');
  const second = await start(log, 'killed', 300);
  await expect.poll(() => second.retried.length, soon).toBeGreaterThan(0);
  expect(first.retried).toEqual([]);
});
