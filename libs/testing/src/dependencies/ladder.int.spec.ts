import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identify } from '../processes/identity.ts';
import type { Dependency, DependencyOptions } from './dependency.ts';
import { startNats } from './nats.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

let stateDir: string;
let name: string;
const running: Dependency[] = [];

async function keep<T extends Dependency | undefined>(starting: Promise<T>): Promise<NonNullable<T>> {
  const dependency = await starting;
  expect(dependency).toBeDefined();
  running.push(dependency!);
  return dependency!;
}

async function sql(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function natsAt(url: string) {
  const { host, username, password } = new URL(url);
  return connect({ servers: host, reconnect: false, ...(username !== '' && { user: username, pass: password }) });
}

/** Why a rung can't be tried here, or false. A skip carries its reason in the test's name. */
async function missing(start: (options: DependencyOptions) => Promise<Dependency | undefined>, origin: 'local' | 'binary'): Promise<boolean> {
  const dir = await mkdtemp('/tmp/plumbline-probe-');
  const probe = await start({ stateDir: dir, name: 'plumbline-probe', useLocal: true, origins: [origin], env: { PATH: process.env['PATH'] } }).catch(
    () => undefined,
  );
  await probe?.drop();
  await rm(dir, { recursive: true, force: true });
  return probe === undefined;
}

beforeEach(async () => {
  stateDir = await mkdtemp('/tmp/plumbline-ladder-');
  name = `test-${randomUUID().slice(0, 8)}`;
});

afterEach(async () => {
  // All stop before any drops: two of a test may have shared a directory.
  for (const dependency of running) await dependency.stop();
  for (const dependency of running.splice(0)) await dependency.drop();
  await rm(stateDir, { recursive: true, force: true });
});

describe('PostgreSQL', async () => {
  const [noLocal, noBinary] = [await missing(startPostgres, 'local'), await missing(startPostgres, 'binary')];

  it('from the npm package: private, and the same again after a restart', async () => {
    const first = await keep(startPostgres({ stateDir, name, origins: ['embedded'] }));
    expect(first.origin).toBe('embedded');
    await sql(first.url, 'create table kept as select 42 as answer');
    expect(await sql(first.url, "select setting from pg_settings where name in ('fsync', 'listen_addresses') order by name")).toEqual([
      { setting: 'on' },
      { setting: '127.0.0.1' },
    ]);
    expect((await stat(join(stateDir, 'postgres/password'))).mode & 0o777).toBe(0o600);
    await expect(sql(first.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow(/password/);

    await first.stop();
    expect(await identify(first.pid!)).toBeUndefined();
    const second = await keep(startPostgres({ stateDir, name, origins: ['embedded'] }));
    expect(second.url).toBe(first.url);
    expect(await sql(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  it('as given, once one is known', async () => {
    const own = await keep(startPostgres({ stateDir, name, origins: ['embedded'] }));
    const given = await startPostgres({ stateDir: '/nonexistent', env: { PLUMBLINE_POSTGRES: own.url } });
    expect(given).toMatchObject({ origin: 'given', url: own.url });
    expect(given.description).not.toContain(new URL(own.url).password);
    await given.drop();
    expect(await sql(own.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('given, but not answering, is an error without the password', async () => {
    const failure = await startPostgres({ stateDir, given: 'postgres://u:hidden-word@127.0.0.1:1/x' }).catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({ code: 'failed-precondition', message: expect.stringContaining('127.0.0.1:1') });
    expect((failure as Error).message).not.toContain('hidden-word');
  });

  it('says on which rungs it looked', async () => {
    await expect(startPostgres({ stateDir, origins: ['local'] })).rejects.toThrow(/may not be used.*PLUMBLINE_POSTGRES/);
  });

  it.skipIf(noLocal)('a local one on port 5432 (where one answers), with a database of ours that goes with drop', async () => {
    const local = await keep(startPostgres({ stateDir, name, useLocal: true, env: {} }));
    expect(local.origin).toBe('local');
    const database = name.replaceAll('-', '_');
    expect(await sql(local.url, 'select current_database() as name')).toEqual([{ name: database }]);
    await local.drop();
    await expect(sql(local.url, 'select 1')).rejects.toThrow(database);
  });

  it.skipIf(noBinary)('the installed programs (where there are some), run privately', async () => {
    const own = await keep(startPostgres({ stateDir, name, origins: ['binary'] }));
    expect(own.origin).toBe('binary');
    expect(await sql(own.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await own.drop();
    await expect(stat(join(stateDir, 'postgres'))).rejects.toThrow('ENOENT');
  });
});

/** Two cores that others share may take minutes to compile it. */
const buildMs = 600_000;

describe('NATS', async () => {
  const [noLocal, noBinary] = [await missing(startNats, 'local'), await missing(startNats, 'binary')];

  it('built from its module: JetStream, a user for each service, data kept', { timeout: buildMs }, async () => {
    const first = await keep(startNats({ stateDir, name, origins: ['embedded'] }));
    const admin = await natsAt(first.url);
    await (await jetstreamManager(admin)).streams.add({ name: 'KEPT', subjects: [`${name}.feed`] });
    await admin.close();
    await expect(natsAt(first.url.replace(/\/\/.*@/, '//'))).rejects.toThrow(/[Aa]uthorization/);
    expect((await stat(join(stateDir, 'nats/nats.conf'))).mode & 0o777).toBe(0o600);

    const [renderer, api] = [await natsAt(first.serviceUrls['renderer']!), await natsAt(first.serviceUrls['api']!)];
    renderer.subscribe(`${name}.renderer.render`, { callback: (_, message) => void message.respond('rendered') });
    await renderer.flush();
    expect((await api.request(`${name}.renderer.render`)).string()).toBe('rendered');
    const refusal = await new Promise<Error | null>((resolve) => {
      api.subscribe(`${name}.renderer.render`, { callback: resolve });
    });
    expect(refusal?.message).toMatch(/[Pp]ermission/);
    await Promise.all([renderer.close(), api.close()]);

    await first.stop();
    const second = await keep(startNats({ stateDir, name, origins: ['embedded'] }));
    expect(second.url).toBe(first.url);
    const again = await natsAt(second.url);
    expect((await (await jetstreamManager(again)).streams.info('KEPT')).config.subjects).toEqual([`${name}.feed`]);
    await again.close();
  });

  it.skipIf(noBinary)('the installed program (where there is one), and as given', async () => {
    const own = await keep(startNats({ stateDir, name, origins: ['binary'] }));
    expect(own.origin).toBe('binary');
    expect(await startNats({ stateDir, given: own.url })).toMatchObject({ origin: 'given', url: own.url });
  });

  it.skipIf(noLocal)('a local one on port 4222 (where one answers), whose streams of ours go with drop', async () => {
    const local = await keep(startNats({ stateDir, name, useLocal: true, env: {} }));
    expect(local.origin).toBe('local');
    const connection = await natsAt(local.url);
    if (connection.info?.jetstream === true) {
      const { streams } = await jetstreamManager(connection);
      await streams.add({ name: `${name}_FEED`, subjects: [`${name}.feed`] });
      await local.drop();
      await expect(streams.info(`${name}_FEED`)).rejects.toThrow(/not found/);
    }
    await connection.close();
  });
});

describe('Redis', async () => {
  const [noLocal, noBinary] = [await missing(startRedis, 'local'), await missing(startRedis, 'binary')];

  it('none is not an error, and says so', async () => {
    const lines: string[] = [];
    expect(await startRedis({ stateDir, origins: ['local'], progress: (line) => lines.push(line) })).toBeUndefined();
    expect(lines.join()).toContain('PostgreSQL');
  });

  it.skipIf(noBinary)('the installed program (where there is one): private, durable, never evicting', async () => {
    const first = await keep(startRedis({ stateDir, name, origins: ['binary'] }));
    const client = new Redis(first.url);
    expect([await client.config('GET', 'maxmemory-policy'), await client.config('GET', 'appendonly')]).toEqual([
      ['maxmemory-policy', 'noeviction'],
      ['appendonly', 'yes'],
    ]);
    await client.set('kept', 'yes');
    client.disconnect();
    expect(await readFile(join(stateDir, 'redis/logs/redis.log'), 'utf8')).not.toContain(new URL(first.url).password);
    await first.stop();

    const second = await keep(startRedis({ stateDir, name, origins: ['binary'] }));
    const again = new Redis(second.url);
    expect(await again.get('kept')).toBe('yes');
    again.disconnect();
  });

  it.skipIf(noLocal)('a local one on port 6379 (where one answers), whose keys of ours go with drop', async () => {
    const local = await keep(startRedis({ stateDir, name, useLocal: true, env: {} }));
    const client = new Redis(local.url);
    await client.mset(`${name}:a`, '1', `${name}x`, '2');
    await local.drop();
    expect(await client.mget(`${name}:a`, `${name}x`)).toEqual([null, '2']);
    await client.del(`${name}x`);
    client.disconnect();
  });
});
