import { randomUUID } from 'node:crypto';
import { silentLogger } from '@plumbline/contracts';
import { openPool, transactionsOf } from '@plumbline/event-log';
import { makeRelay } from '@plumbline/testing/relay';
import type { Relay } from '@plumbline/testing/relay';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceDatabase, sqlOf } from './database.ts';

const name = `silent_${randomUUID().slice(0, 8)}`;
const server = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
let admin: Pool;
let relay: Relay;
/** Through the relay, with less patience than production has. */
let url: string;

beforeAll(async () => {
  admin = openPool(server, { connections: 1 });
  await admin.query(`create database ${name}`);
  relay = makeRelay(server, 5432);
  const through = Object.assign(new URL(server), { hostname: '127.0.0.1', port: String(await relay.listen()), pathname: `/${name}` });
  through.searchParams.set('query_timeout', '300');
  url = through.href;
});
afterAll(async () => {
  await relay.cut();
  await admin.query(`drop database ${name} with (force)`);
  await admin.end();
});

// A firewall that forgot a connection says nothing: every question on it waited for ever, and so did its pool.
describe('a connection on which PostgreSQL fell silent', () => {
  it('is given up by who reads and writes the log', async () => {
    const pool = openPool(url, { connections: 1 });
    const ask = () => transactionsOf(pool)((tx) => tx.query<{ one: number }>('select 1 as one'));
    expect(await ask()).toEqual([{ one: 1 }]);
    relay.silence();
    await expect(ask()).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    expect(await ask()).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('is given up by the service on its own tables', async () => {
    const database = await openServiceDatabase({ name: 'silent' }, url, silentLogger);
    const ask = () => sqlOf(database).query<{ one: number }>('select 1 as one');
    const inTransaction = () => database.transaction((manager) => manager.query('select 1 as one') as Promise<unknown>);
    expect(await ask()).toEqual([{ one: 1 }]);
    relay.silence();
    await expect(ask()).rejects.toThrow(/Query read timeout/);
    // As many as the pool may have: none of them is the silent one.
    for (let round = 0; round < 20; round++) expect(await ask()).toEqual([{ one: 1 }]);
    relay.silence();
    await expect(inTransaction()).rejects.toThrow(/Query read timeout|Connection terminated/);
    for (let round = 0; round < 20; round++) expect(await inTransaction()).toEqual([{ one: 1 }]);
    await database.destroy();
  });
});
