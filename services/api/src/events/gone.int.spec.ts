import { randomUUID } from 'node:crypto';
import { dropPartition, logHeadsStream, makeLogSigner, migrateEventLog, openPool, sqlExecutorOf, verifyLog, makePostgresEventLog } from '@plumbline/event-log';
import { startService, type StartedService } from '@plumbline/platform';
import { makeInstallation, type Installation } from '@plumbline/testing/installation';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { api } from '../service.ts';

const soon = { timeout: 20_000, interval: 20 };
const key = 'the-signing-key-of-this-test';
let installation: Installation;
let service: StartedService;
let pool: ReturnType<typeof openPool>;

beforeAll(async () => {
  installation = await makeInstallation();
  const { kube, namespace, env } = installation;
  const labels = { 'app.kubernetes.io/part-of': 'argocd' };
  await kube.apply(
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'argocd-secret', namespace, labels }, stringData: { 'server.secretkey': key } },
    { fieldManager: 'test' },
  );
  await kube.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', namespace, labels }, data: {} });
  pool = openPool(env['PLUMBLINE_DATABASE_URL']!);
  await migrateEventLog(pool);
  await pool.query('select log.add_partition(4)');
  // Something to sign before api starts.
  const log = makePostgresEventLog({ connection: pool, announce: () => undefined });
  const metadata = { actor: 'system:test', service: 'test', schemaVersion: 1 };
  await log.append([{ stream: 'test-1', events: [{ id: randomUUID(), type: 'Tested', data: {}, metadata }] }]);
  service = await startService(api, env);
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
});
afterAll(async () => {
  await service?.stop();
  await pool?.end();
  await installation?.remove();
});

async function events(query: string): Promise<{ status: number; body: unknown }> {
  const token = new SignJWT({ sub: 'admin:login', jti: randomUUID() })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('argocd')
    .setIssuedAt()
    .setExpirationTime('1h');
  const authorization = `Bearer ${await token.sign(new TextEncoder().encode(key))}`;
  const response = await fetch(`${service.url}/api/v1/events${query}`, { headers: { authorization } });
  return { status: response.status, body: await response.json() };
}

it('signs the head of the log when it starts', async () => {
  const { eventLog, config } = service.context;
  await vi.waitFor(
    async () => expect(await eventLog.readStream(logHeadsStream)).toMatchObject([{ type: 'LogHeadSigned', metadata: { service: 'api' } }]),
    soon,
  );
  const report = await verifyLog(makePostgresEventLog({ connection: pool, announce: () => undefined }), { publicKeys: [makeLogSigner(config.key).publicKey] });
  expect(report).toMatchObject({ isIntact: true, signedHeads: 1 });
});

it('answers 410 with the oldest position for what was exported and dropped, and the rest from there', async () => {
  const { eventLog, event } = service.context;
  for (let i = 0; i < 5; i++) await eventLog.append([{ stream: 'test-1', events: [event('Tested', { i }, { cause: `test ${i}` })] }]);
  expect(await events('?after=0')).toMatchObject({ status: 200 });
  await pool.query('insert into log.export select 1, 4, hash, now(), now() from log.event where position = 4');
  // Buckets that no event was for store how far they are each 30 s only; nobody waits for that here.
  await vi.waitFor(async () => {
    await service.context.database.query('update api.checkpoint set position = greatest(position, 4)');
    expect(await dropPartition(sqlExecutorOf(pool), 1)).toBe(5);
  }, soon);
  expect(await events('?after=0')).toMatchObject({ status: 410, body: { message: expect.stringContaining('begins at position 5') } });
  expect(await events('?after=3')).toMatchObject({ status: 410 });
  expect(await events('?after=4&limit=1')).toMatchObject({ status: 200, body: { events: [{ position: 5 }] } });
});
