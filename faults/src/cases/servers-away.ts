import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import type { FaultCase } from './fault-case.ts';

export const redisCases: readonly FaultCase[] = [
  {
    id: 'redis-flushed',
    rows: ['F16'],
    title: 'Redis emptied (FLUSHALL) under load, again and again',
    expected: 'nothing is lost: the sweeps fill the queues again within 30 s',
    boundMs: 60_000,
    async inject({ world, random, scale, injected }) {
      const redis = new Redis(world.redis.url);
      redis.on('error', () => undefined);
      try {
        for (let done = 0; done < 5 * scale; done++) {
          await redis.flushall();
          injected('FLUSHALL');
          await sleep(random.int(200, 1_500));
        }
      } finally {
        redis.disconnect();
      }
    },
    async check({ world, verify }) {
      const redis = new Redis(world.redis.url);
      try {
        const deadline = Date.now() + 45_000;
        let keys: string[] = [];
        while (Date.now() < deadline && keys.length === 0) {
          keys = (await redis.keys('*')).filter((key) => key.includes('repo-watcher'));
          await sleep(200);
        }
        verify("the repositories' polling is scheduled again", keys.length > 0);
      } finally {
        redis.disconnect();
      }
    },
  },
  {
    id: 'redis-away',
    rows: ['F16'],
    title: 'Redis killed and away for 15 s under load, back with what it had saved',
    expected: 'pushes that come by webhook go on; nothing is lost',
    boundMs: 60_000,
    async inject({ world, injected }) {
      await world.redis.kill('SIGKILL');
      injected('SIGKILL Redis');
      await sleep(15_000);
      await world.redis.start();
    },
  },
];

export const natsCases: readonly FaultCase[] = [
  {
    id: 'nats-away',
    rows: ['F11'],
    title: 'NATS killed and away for 30 s under load',
    expected: 'the feed is polled, what is asked over NATS is asked again; nothing is lost',
    boundMs: 90_000,
    async inject({ world, injected }) {
      await world.nats.kill('SIGKILL');
      injected('SIGKILL NATS');
      await sleep(30_000);
      await world.nats.start();
    },
  },
  {
    id: 'nats-wiped',
    rows: ['F12'],
    title: 'NATS killed, its store deleted, started empty, under load',
    expected: 'the stream of announcements is made again; no subscriber misses an event',
    boundMs: 60_000,
    async inject({ world, random, injected }) {
      await world.nats.kill('SIGKILL');
      await sleep(random.int(0, 2_000));
      await rm(join(world.stateDir, 'nats', 'jetstream'), { recursive: true, force: true });
      injected('store of NATS deleted');
      await world.nats.start();
    },
  },
];
