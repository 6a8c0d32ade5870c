import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startNats, startPostgres, startRedis, type Dependency, type DependencyOptions, type Origin } from '@plumbline/testing';

import { prefixOf, type Infrastructure } from './infrastructure.ts';

/** What this state folder has ever put something into, for `npm run reset`: server → rungs of the ladder. */
type TakenServers = Readonly<Record<ServerName, readonly Origin[]>>;
type ServerName = 'postgres' | 'nats' | 'redis';

const starters: Readonly<Record<ServerName, (options: DependencyOptions) => Promise<Dependency | undefined>>> = {
  postgres: startPostgres,
  nats: startNats,
  redis: startRedis,
};

export function rememberTaken(stateDir: string, { postgres, nats, redis }: Infrastructure): void {
  const known = readTaken(stateDir);
  const taken: TakenServers = {
    postgres: withOrigin(known.postgres, postgres.origin),
    nats: withOrigin(known.nats, nats.origin),
    redis: redis ? withOrigin(known.redis, redis.origin) : known.redis,
  };
  writeFileSync(fileOf(stateDir), `${JSON.stringify(taken)}\n`);
}

/**
 * Drops what is ours where removing the state folder would leave it: a database, streams and keys in a server that is
 * somebody's own, volumes of containers, and data that a private PostgreSQL had to keep elsewhere because it may not run
 * as root. What lies at an address that the person gave is theirs.
 */
export async function dropTaken(stateDir: string, tell: (line: string) => void): Promise<void> {
  const taken = readTaken(stateDir);
  for (const name of ['postgres', 'nats', 'redis'] as const) {
    for (const origin of taken[name].filter((rung) => leavesSomething(name, rung))) {
      try {
        const dependency = await starters[name]({ stateDir, useLocal: true, origins: [origin], name: prefixOf(process.env), env: {} });
        await dependency?.drop();
        if (dependency) tell(`Dropped what was ours in ${dependency.description}.`);
      } catch (error) {
        tell(`${name} (${origin}) could not be cleaned: ${(error as Error).message}`);
      }
    }
  }
}

function leavesSomething(name: ServerName, origin: Origin): boolean {
  return origin === 'local' || origin === 'docker' || (name === 'postgres' && origin !== 'given');
}

function readTaken(stateDir: string): TakenServers {
  try {
    return JSON.parse(readFileSync(fileOf(stateDir), 'utf8')) as TakenServers;
  } catch {
    return { postgres: [], nats: [], redis: [] };
  }
}

function withOrigin(known: readonly Origin[], origin: Origin): readonly Origin[] {
  return known.includes(origin) ? known : [...known, origin];
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'taken.json');
}
