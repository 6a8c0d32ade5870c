import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dependency } from '@plumbline/testing';
import { startNats, startPostgres, startRedis } from '@plumbline/testing';
import { AppError } from '@plumbline/contracts';

/** A server of the suite's own that can be taken away and brought back, with its data or without. */
export interface FaultServer<T extends Dependency = Dependency> {
  readonly name: string;
  current(): T;
  /** SIGKILL is a crash; SIGQUIT an immediate stop of PostgreSQL; absent: in order. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Again at the same address. */
  start(): Promise<void>;
  drop(): Promise<void>;
}

/** Never one that was given or that already runs: faults are only done to what is ours. */
const origins = ['binary', 'docker', 'embedded'] as const;

export interface ServersOptions {
  stateDir: string;
  /** Of the database, the subjects and the keys. */
  name: string;
  tell: (line: string) => void;
}

export async function startServers({ stateDir, name, tell }: ServersOptions) {
  const options = { stateDir, name, origins, env: { PATH: process.env['PATH'] ?? '' }, progress: tell };
  const [postgres, nats, redis] = await Promise.all([
    faultServer('PostgreSQL', () => startPostgres(options)),
    faultServer('NATS', () => startNats(options)),
    faultServer('Redis', async () => {
      const redis = await startRedis(options);
      if (redis === undefined) throw new AppError('failed-precondition', 'The fault suite needs a Redis of its own: install redis-server 7 or newer.');
      return redis;
    }),
  ]);
  return { postgres, nats, redis };
}

/** Removes what NATS keeps, while it is stopped. */
export const wipeNats = (stateDir: string): Promise<void> => rm(join(stateDir, 'nats', 'jetstream'), { recursive: true, force: true });

async function faultServer<T extends Dependency>(name: string, start: () => Promise<T>): Promise<FaultServer<T>> {
  let current = await start();
  return {
    name,
    current: () => current,
    async stop(signal) {
      const { pid } = current;
      if (signal !== undefined && pid !== undefined) {
        process.kill(pid, signal);
        while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await current.stop();
    },
    async start() {
      current = await start();
    },
    drop: () => current.drop(),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
