import { randomUUID } from 'node:crypto';
import { canonicalJson } from '@plumbline/contracts';
import type { NewEvent } from '@plumbline/contracts';
import {
  makeLocalAnnouncements,
  makePostgresCheckpoints,
  makePostgresEventLog,
  migrateConsumers,
  migrateEventLog,
  openPool,
  runConsumer,
  sqlExecutorOf,
  transactionsOf,
} from '@plumbline/event-log';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeWorld } from './world.ts';
import type { World } from './world.ts';

const server = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const database = `world_${randomUUID().replaceAll('-', '')}`;
const pool = openPool(Object.assign(new URL(server), { pathname: `/${database}` }).href, { connections: 10 });

async function onServer(...statements: string[]): Promise<void> {
  const admin = openPool(server, { connections: 1 });
  for (const sql of statements) await admin.query(sql);
  await admin.end();
}

beforeAll(async () => {
  await onServer(`create database ${database}`, `alter database ${database} set search_path = syncer`);
  await migrateEventLog(pool);
  await migrateConsumers(sqlExecutorOf(pool), 'syncer');
});
afterAll(async () => {
  await pool.end();
  await onServer(`drop database ${database} with (force)`);
});

const event = (type: string, data: unknown): NewEvent => ({
  id: randomUUID(),
  type,
  data,
  metadata: { actor: 'system:test', service: 'test', schemaVersion: 1 },
});
const revision = (ref: string, commit: string): NewEvent => event('RevisionObserved', { repository: 'r1', url: 'u', ref, commit, tree: `tree of ${commit}` });
const project = (name: string, uid: string, description?: string): NewEvent =>
  event('ProjectDeclared', { namespace: 'argocd', name, uid, spec: { description } });
const deleted = (name: string, uid: string): NewEvent => event('ProjectDeleted', { namespace: 'argocd', name, uid });

const seen = (world: World) => ({
  refs: ['main', 'v1', 'gone'].map((ref) => world.ref('r1', ref) ?? 'none'),
  outages: ['r1', 'r2'].map((repository) => world.outage(repository)?.message ?? 'none'),
  projects: ['shop', 'again', 'never'].map((name) => world.project(name) ?? 'none'),
});

// Found by the simulator (seed 212): a repository that was away when it was forgotten was taken for away ten minutes after
// somebody named it again; and its last commit of then was what a new application was synced to.
it('knows nothing of a repository that was forgotten, until it says something again', async () => {
  const announcements = makeLocalAnnouncements();
  const log = makePostgresEventLog({ connection: pool, announce: announcements.announce });
  const checkpoints = makePostgresCheckpoints({ schema: 'syncer', transaction: log.announcing(transactionsOf(pool)) });
  const { world, consumer } = makeWorld();
  const running = await runConsumer({ log, announcements, checkpoints, consumer, clock: Date.now });
  const of = (type: string, data: object = {}) => event(type, { repository: 'r3', url: 'u', ...data });
  const observed = (commit: string) => of('RevisionObserved', { ref: 'main', commit, tree: 't' });
  const say = async (...events: NewEvent[]) => {
    const recorded = await log.append([{ stream: 'repository-r3', events }]);
    await running.waitFor(recorded.at(-1)!.position, 20_000);
  };
  await say(of('RepositoryRegistered'), observed('old'), of('RepositoryUnreachable', { message: 'away' }));
  expect([world.ref('r3', 'main')?.commit, world.outage('r3')?.message]).toEqual(['old', 'away']);
  await say(of('RepositoryForgotten'));
  expect([world.ref('r3', 'main'), world.outage('r3')]).toEqual([undefined, undefined]);
  await say(of('RepositoryRegistered'), observed('new'), of('RepositoryUnreachable', { message: 'again' }), of('RepositoryForgotten'), observed('newest'));
  expect([world.ref('r3', 'main')?.commit, world.outage('r3')]).toEqual(['newest', undefined]);
  expect(await running.compare()).toMatchObject({ differences: 0 });
  await running.stop();
});

it('is the same in memory, in its tables and made anew, whatever order buckets are served in', async () => {
  const announcements = makeLocalAnnouncements();
  const log = makePostgresEventLog({ connection: pool, announce: announcements.announce });
  const checkpoints = makePostgresCheckpoints({ schema: 'syncer', transaction: log.announcing(transactionsOf(pool)) });
  const start = async () => {
    const { world, consumer } = makeWorld();
    return { world, running: await runConsumer({ log, announcements, checkpoints, consumer, clock: Date.now }) };
  };
  const { world, running } = await start();
  // Projects of one name in several streams: the first declared one goes after the second came, as rbac says it after a restart.
  await log.append([
    {
      stream: 'repository-r1',
      events: [
        revision('main', 'c1'),
        revision('v1', 'c0'),
        revision('main', 'c2'),
        event('RefUnresolved', { repository: 'r1', url: 'u', ref: 'gone', message: 'no "gone\0"' }),
      ],
    },
    { stream: 'repository-r2', events: [event('RepositoryUnreachable', { repository: 'r2', url: 'u', message: 'away' })] },
    { stream: 'project-shop/1', events: [project('shop', '1', 'first')] },
    { stream: 'project-shop/2', events: [project('shop', '2', 'second')] },
    { stream: 'project-again/1', events: [project('again', '1')] },
  ]);
  await log.append([
    { stream: 'project-shop/1', events: [deleted('shop', '1')] },
    { stream: 'project-again/1', events: [deleted('again', '1')] },
    {
      stream: 'repository-r1',
      events: [event('RepositoryUnreachable', { repository: 'r1', url: 'u', message: 'away' }), event('RepositoryRecovered', { repository: 'r1', url: 'u' })],
    },
  ]);
  const { position } = await log.head();
  await running.waitFor(position, 20_000);
  expect(world.project('shop')).toMatchObject({ uid: '2', spec: { description: 'second' } });
  expect(world.project('again')).toEqual({ name: 'again', uid: '1', position: expect.any(Number) });
  expect(world.ref('r1', 'main')).toMatchObject({ commit: 'c2', tree: 'tree of c2' });
  expect(seen(world)).toMatchObject({ outages: ['none', 'away'] });
  expect(await running.parked()).toEqual([]);
  expect(await running.compare()).toMatchObject({ differences: 0 });

  const again = await start();
  const told = canonicalJson(seen(world)).replaceAll('\\u0000', '\uFFFD');
  expect(told).toContain('no \\"gone\uFFFD');
  expect(canonicalJson(seen(again.world))).toBe(told);
  await running.rebuild();
  expect(canonicalJson(seen(world))).toBe(told);
  await Promise.all([running.stop(), again.running.stop()]);
});
