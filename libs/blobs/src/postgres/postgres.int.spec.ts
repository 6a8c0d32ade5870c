import { createHash, randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeBlobStore } from '../contract.ts';
import { migrateBlobs, openBlobPool } from './pool.ts';
import { makePostgresBlobStore } from './postgres-blob-store.ts';

const server = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const database = `blobs_${randomUUID().replaceAll('-', '')}`;
const url = Object.assign(new URL(server), { pathname: `/${database}` }).href;

async function onServer(sql: string): Promise<void> {
  const pool = openBlobPool(server, 1);
  await pool.query(sql);
  await pool.end();
}

let pool: Pool;

beforeAll(async () => {
  await onServer(`create database ${database}`);
  pool = openBlobPool(url);
  await Promise.all([migrateBlobs(pool), migrateBlobs(pool), migrateBlobs(pool)]);
});

afterAll(async () => {
  await pool.end();
  await onServer(`drop database ${database} with (force)`);
});

describeBlobStore('PostgreSQL', async () => {
  await migrateBlobs(pool);
  await pool.query('truncate blobs.blob, blobs.chunk');
  return makePostgresBlobStore({ connection: pool });
});

describe('blob store: PostgreSQL only', () => {
  it('compresses what gets smaller, and nothing else', async () => {
    const store = makePostgresBlobStore({ connection: url });
    await store.put('compression', [
      { id: 'text', bytes: Buffer.from('kind: ConfigMap\n'.repeat(10_000)) },
      { id: 'noise', bytes: createHash('shake256', { outputLength: 5000 }).update('noise').digest() },
    ]);
    const { rows } = await pool.query(
      "select id, encoding, length(bytes) < size_bytes / 10 as is_small from blobs.blob where scope = 'compression' order by id",
    );
    expect(rows).toEqual([
      { id: 'noise', encoding: 'raw', is_small: false },
      { id: 'text', encoding: 'zstd', is_small: true },
    ]);
    await store.close();
  });

  it('says so when a blob was damaged, instead of giving it out', async () => {
    const store = makePostgresBlobStore({ connection: pool });
    await store.put('damaged', [{ id: 'text', bytes: Buffer.from('kind: ConfigMap\n'.repeat(100)) }]);
    await pool.query("update blobs.blob set bytes = substring(bytes from 1 for length(bytes) - 3) where scope = 'damaged'");
    await expect(store.get('damaged', ['text'])).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('text is damaged') });
  });

  it('says unavailable, to be tried later, when PostgreSQL is not there', async () => {
    const store = makePostgresBlobStore({ connection: 'postgres://postgres@127.0.0.1:1/none' });
    await expect(store.get('scope', ['a'])).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    await store.close();
  });
});
