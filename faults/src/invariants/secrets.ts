import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { Client, escapeIdentifier } from 'pg';
import { Redis } from 'ioredis';
import type { FaultPlatform } from '../platform/platform.ts';

/** Pure: the secrets that these bytes hold, as they are, in base64 (at any of its three offsets) or compressed. */
export function secretsIn(bytes: Buffer, secrets: readonly string[]): string[] {
  const texts = [bytes, ...unpacked(bytes)];
  return secrets.filter((secret) => texts.some((text) => formsOf(secret).some((form) => text.includes(form))));
}

/** I8: looks everywhere but in Kubernetes and in what came from Git as it is there (mirror, Git objects). */
export async function findSecrets(platform: FaultPlatform): Promise<string[]> {
  const found = [...(await inDatabase(platform)), ...(await inRedis(platform))];
  for (const place of ['logs', 'nats', 'redis']) {
    for (const file of await filesBelow(join(platform.stateDir, place))) {
      // Each server's own password file and configuration are its lock, not a leak; none of our words is in there either.
      const words = secretsIn(await readFile(file).catch(() => Buffer.alloc(0)), platform.secrets);
      if (words.length > 0) found.push(`a secret is in ${file.slice(platform.stateDir.length + 1)}`);
    }
  }
  const answers = await Promise.all(
    ['/api/v1/applications', '/api/v1/events?limit=1000', '/api/v1/projects'].map(async (path) => [path, await platform.client.call('GET', path)] as const),
  );
  for (const [path, { body }] of answers)
    if (secretsIn(Buffer.from(JSON.stringify(body)), platform.secrets).length > 0) found.push(`a secret is in the answer of ${path}`);
  return found;
}

const formsOf = (secret: string): string[] => [
  secret,
  ...[0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
      .toString('base64')
      .replace(/=+$/, '');
    // Letters that depend on the bytes before and after are left out.
    return encoded.slice(offset === 0 ? 0 : offset + 1, -1);
  }),
];

function unpacked(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (const unpack of [gunzipSync, inflateSync, zstdDecompressSync, brotliDecompressSync]) {
    try {
      found.push(unpack(bytes, { maxOutputLength: 16 * 1024 * 1024 }));
    } catch {
      // Not this kind.
    }
  }
  return found;
}

async function inDatabase({ databaseUrl, secrets }: FaultPlatform): Promise<string[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ schema: string; name: string }>(
      `select table_schema as schema, table_name as name from information_schema.tables
       where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
    );
    const found: string[] = [];
    for (const { schema, name } of rows) {
      const isOfGit = schema === 'blobs' ? "where scope not like 'git-%'" : '';
      const table = await client.query<Record<string, unknown>>(`select * from ${escapeIdentifier(schema)}.${escapeIdentifier(name)} ${isOfGit}`);
      const texts = table.rows
        .flatMap((row) => Object.values(row))
        .map((value) => (Buffer.isBuffer(value) ? value : typeof value === 'string' ? value : JSON.stringify(value ?? '')));
      const buffers = [...texts.filter((text) => typeof text !== 'string'), Buffer.from(texts.filter((text) => typeof text === 'string').join('\n'))];
      if (buffers.some((bytes) => secretsIn(bytes, secrets).length > 0)) found.push(`a secret is in table ${schema}.${name}`);
    }
    return found;
  } finally {
    await client.end();
  }
}

async function inRedis({ redis, secrets }: FaultPlatform): Promise<string[]> {
  const client = new Redis(redis.current().url, { maxRetriesPerRequest: 1 });
  try {
    const found: string[] = [];
    for await (const keys of client.scanStream({ count: 500 })) {
      for (const key of keys as string[]) {
        const value = await client.dumpBuffer(key);
        if (value !== null && secretsIn(value, secrets).length > 0) found.push(`a secret is in key ${key} of Redis`);
      }
    }
    return found;
  } finally {
    client.disconnect();
  }
}

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
