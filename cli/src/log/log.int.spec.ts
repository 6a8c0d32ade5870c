import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { makePostgresEventLog, migrateEventLog, openPool, type PostgresEventLog } from '@plumbline/event-log';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { runCli } from '../cli.ts';

const server = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const database = `cli_${randomUUID().replaceAll('-', '')}`;
const url = Object.assign(new URL(server), { pathname: `/${database}` }).href;
const key = randomBytes(32).toString('base64');
let pool: ReturnType<typeof openPool>;
let log: PostgresEventLog;
let dir: string;

async function onServer(sql: string): Promise<void> {
  const admin = openPool(server, { connections: 1 });
  await admin.query(sql);
  await admin.end();
}

beforeAll(async () => {
  await onServer(`create database ${database}`);
  pool = openPool(url);
  log = makePostgresEventLog({ connection: pool, announce: () => undefined });
  dir = await mkdtemp(join(tmpdir(), 'plumb-'));
});
beforeEach(async () => {
  await pool.query('drop schema if exists log cascade');
  await migrateEventLog(pool);
  await pool.query('select log.add_partition(3)');
});
afterAll(async () => {
  await pool.end();
  await onServer(`drop database ${database} with (force)`);
  await rm(dir, { recursive: true });
});

interface Said {
  code: number;
  out: string;
  err: string;
}

async function plumb(args: string[], env: Record<string, string> = { PLUMBLINE_DATABASE_URL: url, PLUMBLINE_KEY: key }): Promise<Said> {
  const said = { out: '', err: '' };
  const code = await runCli(['log', ...args], { env, out: (line) => (said.out += `${line}\n`), err: (line) => (said.err += `${line}\n`) });
  return { code, ...said };
}

const append = (...streams: string[]): Promise<unknown> =>
  log.append(
    streams.map((stream) => ({
      stream,
      events: [{ id: randomUUID(), type: 'Happened', data: { né: '🚀' }, metadata: { actor: 'system:test', service: 'test', schemaVersion: 1 } }],
    })),
  );
const damage = (sql: string): Promise<unknown> => pool.query(`begin; set local session_replication_role = replica; ${sql}; commit`);

it('verifies: 0 intact, 1 not, 2 not to be checked', async () => {
  await append('a-1', 'b-1', 'c-1');
  expect(await plumb(['verify'])).toMatchObject({ code: 0, out: expect.stringMatching(/^intact: positions 1 to 3, 0 signed heads/) });
  await damage("update log.event set data = '1' where position = 2");
  expect(await plumb(['verify'])).toMatchObject({ code: 1, out: expect.stringMatching(/WRONG {2}position 2: .*\n(.*\n)*NOT INTACT/) });
  const json = await plumb(['verify', '--json', '--from', '3']);
  expect(json.code).toBe(0);
  expect(JSON.parse(json.out)).toMatchObject({ isIntact: true, from: 3, to: 3 });
  expect(await plumb(['verify', '--from', '0'])).toMatchObject({ code: 2, err: expect.stringContaining('a whole number from 1') });
  expect(await plumb(['verify', '--wrong'])).toMatchObject({ code: 2 });
  expect(await plumb(['verify'], {})).toMatchObject({ code: 2, err: expect.stringContaining('PLUMBLINE_DATABASE_URL') });
  expect(await plumb(['verify', '--database-url', 'postgres://postgres@127.0.0.1:1/none'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('ECONNREFUSED'),
  });
  expect(await plumb(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('verify') });
});

it('signs where the log ends, once for what is there; anybody with the public key can verify', async () => {
  expect(await plumb(['sign'])).toMatchObject({ code: 1 });
  await append('a-1', 'b-1');
  const signed = await plumb(['sign']);
  expect(JSON.parse(signed.out)).toMatchObject({ position: 2 });
  expect(await plumb(['sign'])).toMatchObject({ code: 1, err: expect.stringContaining('nothing was appended since') });
  const publicKey = (await plumb(['key'], { PLUMBLINE_KEY: key })).out.trim();
  const withoutSecret = { PLUMBLINE_DATABASE_URL: url };
  expect(await plumb(['verify', '--public-key', publicKey], withoutSecret)).toMatchObject({ code: 0, out: expect.stringContaining('1 signed heads'), err: '' });
  expect(await plumb(['verify'], withoutSecret)).toMatchObject({ code: 0, err: expect.stringContaining('signatures are not checked') });
  const other = (await plumb(['key'], { PLUMBLINE_KEY: randomBytes(32).toString('base64') })).out.trim();
  expect(await plumb(['verify', '--public-key', other], withoutSecret)).toMatchObject({ code: 1 });
  expect(await plumb(['verify', '--public-key', other, publicKey], withoutSecret)).toMatchObject({ code: 0 });
  expect(await plumb(['verify', '--public-key', 'ed25519:abc'], withoutSecret)).toMatchObject({ code: 2 });
  expect(await plumb(['key'], {})).toMatchObject({ code: 2, err: expect.stringContaining('PLUMBLINE_KEY') });
});

it('tells what a recovery lost from the signed heads that were kept', async () => {
  await append('a-1', 'b-1');
  await append('a-1', 'b-1');
  const heads = join(dir, 'heads.jsonl');
  await writeFile(heads, (await plumb(['sign'])).out);
  expect(await plumb(['verify', '--heads', heads])).toMatchObject({ code: 0, out: expect.stringContaining('2 signed heads') });
  await damage(
    `delete from log.event where position > 2; delete from log.stream; insert into log.stream select stream, version from log.event;
     update log.head set position = 2, hash = (select hash from log.event where position = 2)`,
  );
  expect(await plumb(['verify', '--heads', heads])).toMatchObject({ code: 1, out: expect.stringContaining('but the log ends at 2') });
  expect(await plumb(['recover'])).toMatchObject({ code: 0, out: expect.stringContaining('begins after position 2') });
  expect(await plumb(['verify', '--heads', heads])).toMatchObject({ code: 0, out: expect.stringMatching(/LOST .* up to position 4/) });
  await writeFile(heads, 'no\n');
  expect(await plumb(['verify', '--heads', heads])).toMatchObject({ code: 2, err: expect.stringContaining('line 1') });
});

it.each(['plain.jsonl', 'packed.jsonl.gz'])('exports a partition to %s, checks it, and drops the partition', async (name) => {
  await append('a-1', 'b-1', 'c-1');
  await append('a-1', 'b-1');
  const file = join(dir, name);
  expect(await plumb(['partitions'])).toMatchObject({ code: 0, out: expect.stringMatching(/^1 {2}to 3 .* full {2}exported: no\n4 {2}to .* open/) });
  expect(await plumb(['export', '--partition', '4', '--out', file])).toMatchObject({ code: 1, err: expect.stringContaining('still written to') });
  expect(await plumb(['export', '--partition', '1', '--out', file])).toMatchObject({ code: 0 });
  expect(await plumb(['export', '--partition', '1', '--out', file])).toMatchObject({ code: 1, err: expect.stringContaining("can't be made") });
  expect(await plumb(['drop', '--partition', '1'])).toMatchObject({ code: 1, err: expect.stringContaining('not verified') });

  const bytes = await readFile(file);
  const changed = Buffer.from((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().replace('🚀', '🛸'));
  const forged = join(dir, `forged-${name}`);
  await writeFile(forged, name.endsWith('.gz') ? gzipSync(changed) : changed);
  expect(await plumb(['check-export', forged])).toMatchObject({ code: 1, err: expect.stringContaining('not those that were signed') });
  await writeFile(forged, bytes.subarray(0, bytes.length - 40));
  expect(await plumb(['check-export', forged])).toMatchObject({ code: 1 });

  const publicKey = (await plumb(['key'])).out.trim();
  expect(await plumb(['check-export', file, '--public-key', publicKey], {})).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^right: positions 1 to 3.*\n$/),
  });
  expect(await plumb(['drop', '--partition', '1'])).toMatchObject({ code: 1 });
  expect(await plumb(['check-export', file])).toMatchObject({ code: 0, out: expect.stringContaining('can be dropped') });
  expect(await plumb(['drop', '--partition', '1'])).toMatchObject({ code: 0, out: expect.stringContaining('begins at position 4') });
  expect(await plumb(['verify'])).toMatchObject({ code: 0, out: expect.stringContaining('positions 4 to 5') });
  expect(await plumb(['drop', '--partition', '1'])).toMatchObject({ code: 1, err: expect.stringContaining('there are 4') });
});

it('leaves no file behind an export that failed', async () => {
  await append('a-1', 'b-1', 'c-1');
  await append('a-1');
  await damage('delete from log.event where position = 2');
  const file = join(dir, 'broken.jsonl');
  expect(await plumb(['export', '--partition', '1', '--out', file])).toMatchObject({ code: 1, err: expect.stringContaining('position 2 is missing') });
  await expect(readFile(file)).rejects.toThrow(/ENOENT/);
});

it('migrates and grants', async () => {
  await pool.query('drop schema log cascade');
  expect(await plumb(['migrate'])).toMatchObject({ code: 0 });
  const role = `plumb_${randomBytes(4).toString('hex')}`;
  expect(await plumb(['grant', '--role', role])).toMatchObject({ code: 1, err: expect.stringContaining('create it first') });
  await pool.query(`create role ${role}`);
  expect(await plumb(['grant', '--role', role])).toMatchObject({ code: 0 });
  await pool.query(`drop owned by ${role}`);
  await pool.query(`drop role ${role}`);
});
