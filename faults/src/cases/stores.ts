import { setTimeout as sleep } from 'node:timers/promises';
import { openPool } from '@plumbline/event-log';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { wipeNats } from '../platform/servers.ts';
import type { CaseContext, FaultCase } from './fault-case.ts';

/** Rows F-06, F-09, F-11, F-12 and F-16: PostgreSQL, NATS and Redis that go away, lose everything, or are held up. */
export const stores: readonly FaultCase[] = [
  {
    id: 'f-16-redis',
    title: 'Redis emptied under load, then stopped, then started again',
    rows: ['F-16'],
    expected: 'Nothing is lost: jobs are made anew from the log and the sweeps',
    boundMs: 60_000,
    runs: 3,
    async inject(context) {
      const { redis } = context.platform;
      for (let run = 0; run < context.runs; run++) {
        await sleep(context.random.between(500, 2_000));
        const client = new Redis(redis.current().url, { maxRetriesPerRequest: 1 });
        await client.flushall();
        client.disconnect();
        context.count('FLUSHALL');
      }
      await redis.stop();
      context.count('Redis stopped');
      await sleep(8_000);
      await redis.start();
    },
    restore: ({ platform }) => platform.redis.start().catch(() => undefined),
  },
  {
    id: 'f-11-nats-away',
    title: 'NATS crashed and away for more than 30 s',
    rows: ['F-11'],
    expected: 'Slower, by polls and hints that fail; nothing is lost, and it is used again',
    boundMs: 60_000,
    runs: 1,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        await context.platform.nats.stop('SIGKILL');
        context.count('NATS killed');
        await sleep(31_000);
        await context.platform.nats.start();
      }
    },
  },
  {
    id: 'f-12-nats-wiped',
    title: 'NATS comes back without what it kept',
    rows: ['F-12'],
    expected: 'The streams are made anew; nobody misses an event',
    boundMs: 60_000,
    runs: 2,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        await sleep(context.random.between(500, 2_500));
        await context.platform.nats.stop('SIGKILL');
        await wipeNats(context.platform.stateDir);
        await context.platform.nats.start();
        context.count('NATS wiped');
      }
    },
  },
  {
    id: 'f-06-postgres-restarted',
    title: 'PostgreSQL stopped immediately under load and started again',
    rows: ['F-06'],
    expected: 'What was acknowledged is there; the log is dense; the services go on by themselves',
    boundMs: 60_000,
    runs: 2,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        await sleep(context.random.between(1_000, 3_000));
        await context.platform.postgres.stop('SIGQUIT');
        context.count('immediate stop of PostgreSQL');
        await sleep(context.random.between(500, 4_000));
        await context.platform.postgres.start();
        await sleep(2_000);
      }
    },
  },
  {
    id: 'f-06-connections-cut',
    title: 'all connections to PostgreSQL cut, COMMITs of an unknown outcome among them',
    rows: ['F-06'],
    expected: 'Who does not know asks again with the same ids: nothing is lost and nothing is there twice',
    boundMs: 60_000,
    runs: 25,
    async inject(context) {
      const { postgresRelay } = context.platform;
      for (let run = 0; run < context.runs; run++) {
        await sleep(context.random.between(50, 900));
        await postgresRelay.cut();
        await postgresRelay.listen(postgresRelay.port);
        context.count('all connections cut');
      }
    },
  },
  {
    id: 'f-06-connections-silent',
    title: 'all connections to PostgreSQL go silent without an end, as when its machine is gone',
    rows: ['F-06'],
    expected: 'Whoever waits for an answer gives up and connects anew',
    boundMs: 90_000,
    runs: 2,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        await sleep(context.random.between(500, 2_500));
        context.platform.postgresRelay.silence();
        context.count('all connections silent');
      }
    },
  },
  {
    id: 'f-09-idle-in-transaction',
    title: 'a writer that holds the head of the log and does nothing',
    rows: ['F-09'],
    expected: 'PostgreSQL ends its session after 10 s, and everybody goes on',
    boundMs: 60_000,
    runs: 1,
    inject: holdTheHead,
  },
];

async function holdTheHead(context: CaseContext): Promise<void> {
  const { databaseUrl } = context.platform;
  for (let run = 0; run < context.runs; run++) {
    // With the settings that every session of a service has.
    const pool = openPool(databaseUrl, { connections: 1 });
    const client = await pool.connect();
    client.on('error', () => undefined);
    try {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      await client.query('begin');
      await client.query('select 1 from log.head for update');
      context.count('head row held by an idle transaction');
      const deadline = Date.now() + 20_000;
      while (await isThere(databaseUrl, rows[0]!.pid)) {
        if (Date.now() > deadline) {
          context.violation('F-09: an idle transaction that holds the head of the log is still there after 20 s');
          break;
        }
        await sleep(250);
      }
      context.checked('the session was ended');
    } finally {
      client.release(true);
      await pool.end();
    }
  }
}

async function isThere(databaseUrl: string, pid: number): Promise<boolean> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query('select 1 from pg_stat_activity where pid = $1', [pid])).rows.length > 0;
  } finally {
    await client.end();
  }
}
