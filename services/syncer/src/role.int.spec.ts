import { randomBytes } from 'node:crypto';
import { migrateBlobs } from '@plumbline/blobs';
import { grantLogAccess, migrateEventLog, openPool, sqlExecutorOf } from '@plumbline/event-log';
import { sqlOf, startService } from '@plumbline/platform';
import { makeInstallation, type Installation } from '@plumbline/testing/installation';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { syncer } from './service.ts';

const role = `plumbline_syncer_${randomBytes(4).toString('hex')}`;
let installation: Installation;
let owner: ReturnType<typeof openPool>;

beforeAll(async () => {
  installation = await makeInstallation();
  owner = openPool(installation.env['PLUMBLINE_DATABASE_URL']!, { connections: 1 });
});
afterAll(async () => {
  await owner.query(`drop owned by ${role}`);
  await owner.query(`drop role ${role}`);
  await owner.end();
  await installation?.remove();
});

// The statements of docs/operate/log.md, "Roles".
it('runs with a role of its own that can change no event', async () => {
  const url = new URL(installation.env['PLUMBLINE_DATABASE_URL']!);
  const database = url.pathname.slice(1);
  await migrateEventLog(owner);
  await migrateBlobs(owner);
  await owner.query(`create role ${role} login password 'secret'`);
  await grantLogAccess(sqlExecutorOf(owner), role);
  await owner.query(`grant create on database ${database} to ${role}`);
  await owner.query(`grant usage on schema blobs to ${role}`);
  await owner.query(`grant select, insert, update, delete on all tables in schema blobs to ${role}`);

  url.username = role;
  url.password = 'secret';
  const service = await startService(syncer, { ...installation.env, PLUMBLINE_DATABASE_URL: url.href });
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), { timeout: 20_000, interval: 20 });
  expect((await service.context.eventLog.readFeed({ after: 0, limit: 10 })).events).toMatchObject([{ type: 'ServiceStarted' }]);
  const sql = sqlOf(service.context.database);
  expect(await sql.query('select current_user as me')).toEqual([{ me: role }]);
  await expect(sql.query('delete from log.event')).rejects.toThrow(/permission denied/);
  await expect(sql.query('select log.begin_generation()')).rejects.toThrow(/permission denied/);
  await service.stop();
});
