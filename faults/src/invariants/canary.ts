import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@plumbline/contracts';
import type { PlatformClient } from '@plumbline/testing/scenario';
import { Redis } from 'ioredis';
import type { Pool } from 'pg';
import { limits } from '../limits.ts';
import type { Demo } from '../load/demo.ts';
import type { World } from '../world/world.ts';
import { findNeedle, needlesOf } from './needles.ts';

/** I8: the canary is in no row, file, log line or answer; only in Kubernetes Secrets and in what Git itself holds. */
export async function searchCanary(world: World, api: PlatformClient, { canary, names }: Demo): Promise<string[]> {
  const needles = needlesOf(canary);
  const found = await Promise.all([
    searchDatabase(world.database, needles),
    searchFiles(join(world.stateDir, 'data'), needles, isGitsOwn),
    searchFiles(join(world.stateDir, 'logs'), needles),
    searchFiles(join(world.stateDir, 'nats'), needles),
    searchFiles(join(world.stateDir, 'redis'), needles),
    searchRedis(world.redis.url, needles),
    searchAnswers(api, names, needles),
  ]);
  const places = found.flat().map((place) => `I8: the canary is in ${place}`);
  // The one place where it must be: a search that finds nothing anywhere proves nothing.
  if (!(await isInGitObjects(world.database, needles))) places.push('I8: the search does not find the canary even where Git committed it');
  return places;
}

/** What was committed is in the mirror of its repository. */
const isGitsOwn = (path: string): boolean => path.includes('/mirrors/');

async function isInGitObjects(database: Pool, needles: readonly Buffer[]): Promise<boolean> {
  const { rows } = await database.query<{ t: string }>(`select t from blobs.blob t where scope like 'git-%' and size_bytes <= $1`, [
    limits.committedSecretBytesMax,
  ]);
  return rows.some(({ t }) => hasNeedle(t, needles));
}

/** Every row of every table, with its bytes, except Git's own objects: a Secret that was committed is in them. */
async function searchDatabase(database: Pool, needles: readonly Buffer[]): Promise<string[]> {
  const tables = await database.query<{ schema: string; name: string }>(
    `select schemaname as schema, tablename as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  const found: string[] = [];
  for (const { schema, name } of tables.rows) {
    const isBlobs = schema === 'blobs';
    const client = await database.connect();
    try {
      await client.query('begin read only');
      await client.query(`declare rows no scroll cursor for select t from "${schema}"."${name}" t ${isBlobs ? `where scope not like 'git-%'` : ''}`);
      for (;;) {
        const { rows } = await client.query<{ t: string }>(`fetch ${limits.dumpRowsPerPage} from rows`);
        if (rows.some(({ t }) => hasNeedle(t, needles))) found.push(`table ${schema}.${name}`);
        if (rows.length < limits.dumpRowsPerPage) break;
      }
      await client.query('rollback');
    } finally {
      client.release();
    }
  }
  return [...new Set(found)];
}

/** The text of a row; bytes are in it as `\x…`. */
function hasNeedle(row: string, needles: readonly Buffer[]): boolean {
  if (findNeedle(Buffer.from(row), needles, 0) !== undefined) return true;
  return [...row.matchAll(/\\x([0-9a-f]{16,})/g)].some(([, hex]) => findNeedle(Buffer.from(hex!, 'hex'), needles) !== undefined);
}

async function searchFiles(dir: string, needles: readonly Buffer[], isLeftOut: (path: string) => boolean = () => false): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if (isLeftOut(path)) continue;
    // A file may go while one looks.
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    if (findNeedle(bytes, needles) !== undefined) found.push(path);
  }
  return found;
}

async function searchRedis(url: string, needles: readonly Buffer[]): Promise<string[]> {
  const redis = new Redis(url);
  try {
    // What DUMP answers is then as it is stored, not packed by a format of Redis' own.
    await redis.config('SET', 'rdbcompression', 'no');
    const found: string[] = [];
    for await (const keys of redis.scanStream({ count: 500 })) {
      for (const key of keys as string[]) {
        const dump = await redis.dumpBuffer(key);
        if (dump !== null && findNeedle(Buffer.concat([Buffer.from(key), dump]), needles) !== undefined) found.push(`the Redis key ${key}`);
      }
    }
    return found;
  } finally {
    redis.disconnect();
  }
}

async function searchAnswers(api: PlatformClient, applications: readonly string[], needles: readonly Buffer[]): Promise<string[]> {
  const paths = [
    ...['/api/v1/applications', '/api/v1/consumers', '/api/v1/projects', '/api/v1/settings', '/api/v1/events?limit=1000'],
    ...applications.flatMap((name) => ['', '/manifests', '/resource-tree', '/explain', '/history'].map((part) => `/api/v1/applications/${name}${part}`)),
  ];
  const found: string[] = [];
  for (const path of paths) {
    const { status, body } = await api.call('GET', path);
    if (status !== 200) throw new AppError('unavailable', `GET ${path} answered ${status} while the canary was searched`, { retry: 'later' });
    if (findNeedle(Buffer.from(JSON.stringify(body)), needles) !== undefined) found.push(`the answer to GET ${path}`);
  }
  return found;
}
