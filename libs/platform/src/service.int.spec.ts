import { execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect as dial } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Controller, Get, Module, Post } from '@nestjs/common';
import { AppError, renderManifests } from '@plumbline/contracts';
import type { RecordedEvent } from '@plumbline/contracts';
import { Redis } from 'ioredis';
import pg from 'pg';
import { EntitySchema } from 'typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sqlExecutor } from './database.ts';
import { defineService } from './service.ts';
import type { ServiceContext, ServiceDefinition, StartedService } from './service.ts';
import { startService } from './start-service.ts';

const postgresUrl = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const redisUrl = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const prefix = `test-${randomUUID().slice(0, 8)}`;
const database = prefix.replaceAll('-', '_');
const soon = { timeout: 20_000, interval: 20 };

const env = {
  PLUMBLINE_DATABASE_URL: Object.assign(new URL(postgresUrl), { pathname: `/${database}` }).toString(),
  PLUMBLINE_NATS_URL: process.env['TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222',
  PLUMBLINE_REDIS_URL: redisUrl,
  PLUMBLINE_PREFIX: prefix,
  PLUMBLINE_KEY: randomBytes(32).toString('base64'),
  PLUMBLINE_LOG_LEVEL: 'warn',
};

async function administer(sql: string, url = postgresUrl): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(() => administer(`create database ${database}`));
afterAll(async () => {
  await administer(`drop database ${database} with (force)`);
  const redis = new Redis(redisUrl);
  for await (const keys of redis.scanStream({ match: `${prefix}:*` })) if ((keys as string[]).length > 0) await redis.del(keys as string[]);
  redis.disconnect();
});

class Tallies1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table tally (name text primary key, count int not null)');
  }
  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}

const Tally = new EntitySchema<{ name: string; count: number }>({
  name: 'tally',
  columns: { name: { type: 'text', primary: true }, count: { type: 'int' } },
});

class ThingsController {
  list(): string[] {
    return ['a'];
  }
  missing(): never {
    throw new AppError('not-found', 'no thing "b": it was never made');
  }
  broken(): never {
    throw new Error('select hunter2');
  }
  make(): string {
    return 'made';
  }
}

// Decorators without their syntax: the compiler's settings are for the files of the package, not for specs.
Controller('things')(ThingsController);
for (const [name, route] of Object.entries({ list: Get(), missing: Get('missing'), broken: Get('broken'), make: Post() })) {
  route(ThingsController.prototype, name, Object.getOwnPropertyDescriptor(ThingsController.prototype, name)!);
}

class ThingsModule {}
Module({ controllers: [ThingsController] })(ThingsModule);

/** Counts things: an event for each, a projection, a question, a job. */
interface Counter {
  ran: string[];
  isReady: boolean;
  definition: ServiceDefinition<{ PLUMBLINE_STEP: number }>;
}

function makeCounter(): Counter {
  const counter: Counter = {
    ran: [],
    isReady: true,
    definition: defineService({
      name: 'thing-counter',
      config: z.object({ PLUMBLINE_STEP: z.coerce.number().default(1) }),
      entities: [Tally],
      migrations: [Tallies1700000000000],
      async start(context) {
        await context.consume({
          name: 'thing-counter.tally',
          types: ['ThingMade'],
          async apply(events, tx) {
            for (const event of events) {
              await tx.query('insert into tally values ($1, $2) on conflict (name) do update set count = tally.count + $2', [
                event.stream,
                context.config.PLUMBLINE_STEP,
              ]);
              await context.eventLog.append(
                [{ stream: `counted-${event.id}`, events: [context.event('ThingCounted', { thing: event.stream }, { cause: event.id })] }],
                { tx },
              );
            }
          },
        });
        context.bus.serve(renderManifests, async (request) => ({
          manifestSet: request.application,
          sourceType: 'Directory' as const,
          objects: context.config.PLUMBLINE_STEP,
          hit: false,
        }));
        context.jobs.work('things', async (key) => void counter.ran.push(key));
        return { isReady: () => counter.isReady, stop: async () => undefined, module: ThingsModule };
      },
    }),
  };
  return counter;
}

const idle: ServiceDefinition<object> = defineService({
  name: 'idle',
  config: z.object({}),
  start: async () => ({ isReady: () => true, stop: async () => undefined }),
});

const makeThing = (context: ServiceContext, name: string): Promise<RecordedEvent[]> =>
  context.eventLog.append([{ stream: `thing-${name}`, events: [context.event('ThingMade', { name }, { cause: `${name} ${randomUUID()}` })] }]);
const tally = async (): Promise<Record<string, unknown>> =>
  Object.fromEntries(
    (await administer('select name, count from thing_counter.tally order by name', env.PLUMBLINE_DATABASE_URL)).map((row) => [row['name'], row['count']]),
  );

describe('a service on real PostgreSQL, NATS and Redis', () => {
  const counter = makeCounter();
  let started: StartedService<{ PLUMBLINE_STEP: number }>;
  let other: StartedService<object>;
  beforeAll(async () => {
    [started, other] = await Promise.all([startService(counter.definition, { ...env, PLUMBLINE_STEP: '2' }), startService(idle, env)]);
  });
  afterAll(async () => {
    await Promise.all([started, other].map((service) => service.stop()));
  });
  const get = async (path: string, init?: RequestInit): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${started.url}${path}`, init);
    return { status: response.status, body: await response.json() };
  };

  it('is alive, tells when it is ready and why not, and counts', async () => {
    expect(await get('/healthz')).toEqual({ status: 200, body: { status: 'ok', service: 'thing-counter', version: '0.0.0-dev' } });
    await expect.poll(() => get('/readyz'), soon).toEqual({ status: 200, body: { status: 'ready', problems: [], remarks: [] } });
    counter.isReady = false;
    expect(await get('/readyz')).toEqual({ status: 503, body: { status: 'not ready', problems: ['thing-counter: not ready yet'], remarks: [] } });
    counter.isReady = true;
    const metrics = await fetch(`${started.url}/metrics`);
    expect(metrics.headers.get('content-type')).toContain('text/plain');
    expect(await metrics.text()).toContain('plumbline_build_info');
  });

  it('says in the log that it started', async () => {
    const events = await started.context.eventLog.readStream('service-thing-counter/thing-counter-0');
    expect(events).toMatchObject([
      {
        type: 'ServiceStarted',
        data: { service: 'thing-counter', instance: 'thing-counter-0', pid: process.pid, version: '0.0.0-dev' },
        metadata: { actor: 'system:thing-counter', service: 'thing-counter' },
      },
    ]);
  });

  it('projects each event once, in one transaction with what it appends', async () => {
    for (const name of ['a', 'b', 'a']) await makeThing(other.context, name);
    await expect.poll(tally, soon).toEqual({ 'thing-a': 4, 'thing-b': 2 });
    const counted = await administer("select count(*)::int as n from log.event where type = 'ThingCounted'", env.PLUMBLINE_DATABASE_URL);
    expect(counted).toEqual([{ n: 3 }]);
  });

  it('appends in transactions of its own schema, by SQL and by entities, or not at all', async () => {
    const { context } = started;
    const event = (cause: string) => context.event('TallyReset', {}, { cause });
    await context.transaction(async (tx) => {
      expect(await tx.query("update tally set count = 0 where name = 'thing-a' returning name, count")).toEqual([{ name: 'thing-a', count: 0 }]);
      await context.eventLog.append([{ stream: 'reset-1', events: [event('sql')] }], { tx });
    });
    await context.database.transaction(async (manager) => {
      await manager.getRepository(Tally).update({ name: 'thing-a' }, { count: 1 });
      const tx = sqlExecutor(manager);
      expect(await tx.query("delete from tally where name = 'thing-b' returning name")).toEqual([{ name: 'thing-b' }]);
      await context.eventLog.append([{ stream: 'reset-1', events: [event('entity')] }], { tx });
    });
    const failing = context.database.transaction(async (manager) => {
      await manager.query('delete from tally');
      await context.eventLog.append([{ stream: 'reset-1', expectedVersion: 0, events: [event('conflict')] }], { tx: sqlExecutor(manager) });
    });
    await expect(failing).rejects.toMatchObject({ code: 'conflict' });
    expect(await tally()).toEqual({ 'thing-a': 1 });
    expect((await context.eventLog.readStream('reset-1')).map(({ version }) => version)).toEqual([1, 2]);
  });

  it('answers questions of others, with its own configuration', async () => {
    const contract = { ...renderManifests, service: 'renderer' };
    const request = { application: 'demo', repository: 'r', commit: 'c', tree: 't', sealedSpec: 's', kubeVersion: 'v1.34.0', apiVersions: [] };
    expect(await other.context.bus.call(contract, request)).toMatchObject({ manifestSet: 'demo', objects: 2 });
  });

  it('works on its jobs', async () => {
    await started.context.jobs.queue('things').add('https://example.com/a:b');
    await expect.poll(() => counter.ran, soon).toContain('https://example.com/a:b');
  });

  it('stores blobs and seals with the key of the installation', async () => {
    await started.context.blobs.put('test', [{ id: 'one', bytes: Buffer.from('hello') }]);
    expect((await other.context.blobs.get('test', ['one'])).get('one')?.toString()).toBe('hello');
    expect(other.context.sealer.open('c', started.context.sealer.seal('c', 'hunter2')).toString()).toBe('hunter2');
  });

  it('serves its controllers, and maps errors without telling what is inside', async () => {
    expect(await get('/things')).toEqual({ status: 200, body: ['a'] });
    expect(await get('/things/missing')).toEqual({
      status: 404,
      body: { error: 'no thing "b": it was never made', message: 'no thing "b": it was never made', code: 5 },
    });
    const broken = await get('/things/broken');
    expect(broken).toMatchObject({ status: 500, body: { code: 13 } });
    expect(JSON.stringify(broken)).not.toContain('hunter2');
    expect(await get('/nowhere')).toMatchObject({ status: 404, body: { code: 5 } });
    expect(await get('/things', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":' })).toMatchObject({
      status: 400,
      body: { code: 3 },
    });
    expect(
      await get('/things', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify('x'.repeat(5_000_000)) }),
    ).toMatchObject({ status: 413 });
  });

  it('goes on after PostgreSQL cut all its connections, those in use too', async () => {
    const { context } = started;
    const cut = context.transaction(async (tx) => {
      await tx.query("insert into tally values ('never', 1)");
      await administer(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`);
      await tx.query('select 1');
    });
    await expect(cut).rejects.toThrow();
    await expect
      .poll(
        () =>
          makeThing(other.context, 'after the cut').then(
            () => 'made',
            () => 'not yet',
          ),
        soon,
      )
      .toBe('made');
    await expect.poll(tally, soon).toMatchObject({ 'thing-after the cut': expect.any(Number) as number });
    expect(await tally()).not.toHaveProperty('never');
    await expect.poll(() => get('/readyz'), soon).toMatchObject({ status: 200 });
    await administer("delete from thing_counter.tally where name = 'thing-after the cut'", env.PLUMBLINE_DATABASE_URL);
  });

  it('goes on where it stopped, counts nothing twice, and starts in any number at once', async () => {
    await started.stop();
    await expect(fetch(`${started.url}/healthz`)).rejects.toThrow();
    await makeThing(other.context, 'c');
    const instances = ['thing-counter-0', 'thing-counter-1', 'thing-counter-2'];
    const replicas = await Promise.all(instances.map((instance) => startService(counter.definition, { ...env, PLUMBLINE_INSTANCE: instance })));
    await expect.poll(tally, soon).toEqual({ 'thing-a': 1, 'thing-c': 1 });
    await Promise.all(replicas.map((replica) => replica.stop()));
  });
});

it('works with jobs on PostgreSQL and without NATS, and says so', async () => {
  const counter = makeCounter();
  const { PLUMBLINE_REDIS_URL: _none, ...withoutRedis } = env;
  const started = await startService(counter.definition, { ...withoutRedis, PLUMBLINE_NATS_URL: 'nats://127.0.0.1:1' });
  await started.context.jobs.queue('things').add('on PostgreSQL');
  await expect.poll(() => counter.ran, soon).toContain('on PostgreSQL');
  await makeThing(started.context, 'polled');
  await expect.poll(tally, soon).toMatchObject({ 'thing-polled': 1 });
  const ready = await fetch(`${started.url}/readyz`);
  expect(ready.status).toBe(200);
  expect(((await ready.json()) as { remarks: string[] }).remarks).toHaveLength(1);
  await started.stop();
});

it('waits for PostgreSQL', async () => {
  const { hostname, port } = new URL(postgresUrl);
  const door = createServer((client) => {
    const upstream = dial(Number(port === '' ? 5432 : port), hostname);
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    client.pipe(upstream).pipe(client);
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  const { port: doorPort } = door.address() as { port: number };
  door.close();
  await once(door, 'close');
  const starting = startService(idle, {
    ...env,
    PLUMBLINE_LOG_LEVEL: 'error',
    PLUMBLINE_DATABASE_URL: Object.assign(new URL(env.PLUMBLINE_DATABASE_URL), { port: String(doorPort), hostname: '127.0.0.1' }).toString(),
  });
  setTimeout(() => door.listen(doorPort, '127.0.0.1'), 300);
  const started = await starting;
  await started.stop();
  door.close();
});

it('closes what it opened when the service can not start', async () => {
  const failing = defineService({
    name: 'failing',
    config: z.object({}),
    start: () => {
      throw new Error('no kubeconfig');
    },
  });
  await expect(startService(failing, env)).rejects.toThrow('no kubeconfig');
  await expect
    .poll(async () => administer(`select count(*)::int as n from pg_stat_activity where application_name = 'plumbline-failing'`), soon)
    .toEqual([{ n: 0 }]);
});

describe('as a process', () => {
  const folder = fileURLToPath(new URL('..', import.meta.url));
  const startAndStop = `import { defineService, startService } from '@plumbline/platform'; import { z } from 'zod';
    const started = await startService(defineService({ name: 'brief', config: z.object({}), start: async (context) => {
      context.jobs.work('brief', async () => undefined);
      await context.consume({ name: 'brief.nothing', apply: async () => undefined });
      return { isReady: () => true, stop: async () => undefined };
    } }), process.env);
    await fetch(started.url + '/readyz');
    await started.stop();`;
  const program = `import { defineService, runService } from '@plumbline/platform'; import { z } from 'zod';
    await runService(defineService({ name: 'tiny', config: z.object({ PLUMBLINE_TINY: z.string().default('x') }), start: async (context) => {
      context.jobs.work('tiny', async () => undefined);
      await context.consume({ name: 'tiny.nothing', apply: async () => undefined });
      if (context.config.PLUMBLINE_TINY === 'fall') setTimeout(() => { throw new Error('nobody catches this'); }, 10);
      return { isReady: () => true, stop: async () => undefined };
    } }));`;
  beforeAll(async () => {
    // A process runs what was built: decorators need the compiler.
    await promisify(execFile)(process.execPath, [
      fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc'),
      '-b',
      folder,
    ]);
  });

  const run = (
    changed: Record<string, string> = {},
    code = program,
  ): { exited: Promise<number | null>; output(): string; pid: number; kill(signal: NodeJS.Signals): void } => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...env, PLUMBLINE_LOG_LEVEL: 'info', ...changed },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const exited = once(child, 'close').then(([code]) => code as number | null);
    return { exited, output: () => output, pid: child.pid!, kill: (signal) => child.kill(signal) };
  };

  it.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])('ends in order on %s', async (signal) => {
    const process_ = run();
    await expect.poll(process_.output, soon).toContain('"message":"started"');
    process_.kill(signal);
    expect(await process_.exited).toBe(0);
    expect(process_.output()).toContain('"message":"stopped"');
    expect(process_.output()).not.toContain('"level":"error"');
  });

  it.each([
    ['Redis', {}],
    ['PostgreSQL for jobs', { PLUMBLINE_REDIS_URL: '' }],
    ['no NATS', { PLUMBLINE_NATS_URL: 'nats://127.0.0.1:1' }],
  ])('leaves nothing open that would keep a process alive: %s', async (_title, changed) => {
    const process_ = run(changed, startAndStop);
    expect(await process_.exited).toBe(0);
    expect(process_.output()).toContain('"message":"stopped"');
  });

  it('says in one line for each variable what is wrong, and exits with 1', async () => {
    const process_ = run({ PLUMBLINE_KEY: 'aHVudGVyMg==', PLUMBLINE_HTTP_PORT: 'x' });
    expect(await process_.exited).toBe(1);
    expect(process_.output().trim().split('\n')).toEqual([
      "tiny can't start, its environment is wrong:",
      expect.stringMatching(/^ {2}PLUMBLINE_KEY: /) as string,
      expect.stringMatching(/^ {2}PLUMBLINE_HTTP_PORT: /) as string,
    ]);
  });

  it('exits with 1 on what nobody caught, and on a port that is taken', async () => {
    const falling = run({ PLUMBLINE_TINY: 'fall' });
    expect(await falling.exited).toBe(1);
    expect(falling.output()).toContain('nobody catches this');
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const late = run({ PLUMBLINE_HTTP_PORT: String((taken.address() as { port: number }).port) });
    expect(await late.exited).toBe(1);
    expect(late.output()).toContain('PLUMBLINE_HTTP_PORT');
    taken.close();
  });
});

/** Last: every consumer of this log meets that event. */
it('sets aside what a newer release wrote, instead of misreading it', async () => {
  const other = await startService(idle, env);
  const applied: number[] = [];
  const consumer = await other.context.consume({
    name: 'idle.newer',
    types: ['SyncApplied'],
    apply: async (events) => void applied.push(...events.map(({ position }) => position)),
  });
  const event = other.context.event('SyncApplied', { operationId: 'o' }, { cause: randomUUID() });
  const newer = { ...event, metadata: { ...event.metadata, schemaVersion: 99 } };
  const [first] = await other.context.eventLog.append([{ stream: 'application-a/newer/u', events: [newer] }]);
  const again = other.context.event('SyncApplied', { operationId: 'o' }, { cause: randomUUID() });
  const [second] = await other.context.eventLog.append([{ stream: 'application-a/known/u', events: [again] }]);
  await consumer.waitFor(second!.position, 60_000);
  expect(applied).toEqual([second!.position]);
  expect(await consumer.parked()).toMatchObject([{ position: first!.position, error: expect.stringContaining('this release knows 1') }]);
  await other.stop();
});
