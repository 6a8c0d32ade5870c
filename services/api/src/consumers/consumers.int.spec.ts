import { randomUUID } from 'node:crypto';
import { noMetrics, operateConsumer, silentLogger } from '@plumbline/contracts';
import { makeNatsBus } from '@plumbline/bus';
import { sqlOf, startService } from '@plumbline/platform';
import type { StartedService } from '@plumbline/platform';
import { makeInstallation } from '@plumbline/testing/installation';
import type { Installation } from '@plumbline/testing/installation';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { api } from '../service.ts';

const soon = { timeout: 20_000, interval: 20 };
const key = 'the-signing-key-of-this-test';
const status = 'api.application-status';
let installation: Installation;
let service: StartedService;

beforeAll(async () => {
  installation = await makeInstallation();
  const { kube, namespace, env } = installation;
  const labels = { 'app.kubernetes.io/part-of': 'argocd' };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'argocd-secret', namespace, labels }, stringData: { 'server.secretkey': key } };
  await kube.apply(secret, { fieldManager: 'test' });
  await kube.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', namespace, labels }, data: { 'accounts.eve': 'login' } });
  service = await startService(api, env);
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
  await say('policy-rbac', 'PolicyChanged', { csv: 'g, eve, role:readonly', defaultRole: '', scopes: [], matchMode: 'glob' });
});
afterAll(async () => {
  await service?.stop();
  await installation?.remove();
});

const say = async (stream: string, type: string, data: unknown): Promise<number> => {
  const { context } = service;
  const recorded = await context.eventLog.append([{ stream, events: [context.event(type, data, { cause: randomUUID() })] }]);
  return recorded.at(-1)!.position;
};
const sql = (text: string): Promise<Record<string, unknown>[]> => sqlOf(service.context.database).query(text);
const said = async (type: string) => (await service.context.eventLog.readFeed({ after: 0, limit: 1_000 })).events.filter((event) => event.type === type);

// oxlint-disable-next-line typescript/no-explicit-any -- what an answer is, the expectations say
type Json = any;

const signed = (sub: string): Promise<string> =>
  new SignJWT({ sub, jti: randomUUID() })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('argocd')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(key));

async function call(method: string, path: string, options: { as?: string; body?: unknown } = {}): Promise<{ status: number; body: Json }> {
  const { as = 'admin:login', body } = options;
  const token = await signed(as);
  const response = await fetch(`${service.url}/api/v1/consumers${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}
const item = async (name: string): Promise<Json> => (await call('GET', '')).body.items.find((each: Json) => each.name === name);

/** An application whose second event no version can apply: it has no list of what it is about. */
async function parkOne(name: string): Promise<string> {
  const stream = `application-argocd/${name}/${randomUUID()}`;
  const declared = { namespace: 'argocd', name, uid: 'u', project: 'default', spec: { destination: {}, project: 'default' }, specHash: 'h', sealedSpec: 's' };
  await say(stream, 'ApplicationDeclared', declared);
  await say(stream, 'HealthChanged', { status: 'Degraded' });
  await vi.waitFor(async () => expect((await call('GET', `/${status}/parked`)).body.parked.map((each: Json) => each.stream)).toContain(stream), soon);
  return stream;
}

describe('GET /api/v1/consumers', () => {
  it('shows how far each consumer is, and names the services that do not answer', async () => {
    const position = await say('policy-rbac', 'PolicyChanged', { csv: 'g, eve, role:readonly', defaultRole: '', scopes: [], matchMode: 'regex' });
    await vi.waitFor(
      async () => expect(await item('api.access')).toMatchObject({ service: 'api', isProjection: true, position, head: position, lag: 0, parked: 0 }),
      soon,
    );
    const { body } = await call('GET', '');
    expect(body.items.map((each: Json) => each.name)).toEqual(['api.access', status, 'api.chronicle', 'api.subscriptions']);
    expect(body.unanswered.toSorted()).toEqual(['rbac', 'renderer', 'repo-watcher', 'syncer']);
  });

  it('is measured too', async () => {
    const names = ['plumbline_consumer_lag', 'plumbline_consumer_parked'];
    const token = await signed('admin:login');
    await vi.waitFor(async () => {
      const text = await (await fetch(`${service.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text();
      for (const name of names) expect(text).toMatch(new RegExp(`^${name}\\{.*consumer="api.access".*\\} 0$`, 'm'));
    }, soon);
  });

  it('is for admins only, in every part', async () => {
    const asEve = { as: 'eve:login' };
    expect((await call('GET', '', asEve)).status).toBe(403);
    expect((await call('GET', `/${status}/parked`, asEve)).status).toBe(403);
    for (const action of ['rebuild', 'compare', 'parked/retry', 'parked/skip']) {
      expect((await call('POST', `/${status}/${action}`, { ...asEve, body: {} })).status).toBe(403);
    }
  });

  it.each([
    ['GET', '?what=1', undefined, 400],
    ['GET', '/api.nothing/parked', undefined, 404],
    ['GET', '/nothing/parked', undefined, 404],
    ['GET', `/${status}/parked?after=-1`, undefined, 400],
    ['POST', `/${status}/rebuild`, { acceptparked: true }, 400],
    ['POST', `/${status}/compare`, { deep: true }, 400],
    ['POST', `/${status}/parked/retry`, { stream: 'application-x', reason: 'no' }, 400],
    ['POST', `/${status}/parked/retry`, { stream: 'application-x' }, 404],
    ['POST', `/${status}/parked/skip`, { stream: 'application-x' }, 400],
    ['POST', `/${status}/parked/skip`, { stream: 'application-x', reason: ' ' }, 400],
    ['POST', '/syncer.world/rebuild', {}, 503],
  ])('refuses what it does not understand: %s %s %j', async (method, path, body, expected) => {
    const answer = await call(method, path, body === undefined ? {} : { body });
    expect(answer).toMatchObject({ status: expected, body: { message: expect.any(String) } });
  });

  it('is not carried out without the token that api signs', async () => {
    const { env } = installation;
    const bus = makeNatsBus({ url: env['PLUMBLINE_NATS_URL']!, prefix: env['PLUMBLINE_PREFIX']!, service: 'test', log: silentLogger, metrics: noMetrics });
    const forged = bus.call(operateConsumer('api'), { action: 'rebuild', consumer: status, acceptParked: true }, { token: 'forged' });
    await expect(forged).rejects.toMatchObject({ code: 'unauthenticated' });
    await bus.close();
  });
});

describe('a parked stream', () => {
  it('is shown with its error, retried in vain, and skipped with a reason that the log keeps', async () => {
    const stream = await parkOne('poisoned');
    const { body } = await call('GET', `/${status}/parked`);
    expect(body.parked.find((each: Json) => each.stream === stream)).toMatchObject({ type: 'HealthChanged', version: 2, attempts: 6, triedBy: '0.0.0-dev' });
    expect((await item(status)).parked).toBeGreaterThan(0);
    expect((await call('POST', `/${status}/parked/retry`, { body: { stream } })).status).toBe(500);
    expect(await said('ParkedEventRetried')).toEqual([]);
    expect((await call('POST', `/${status}/parked/skip`, { body: { stream, reason: 'it says nothing' } })).status).toBe(200);
    expect(await said('ParkedEventSkipped')).toMatchObject([
      {
        stream: 'service-api/api-0',
        data: { consumer: status, stream, reason: 'it says nothing', event: expect.any(String) },
        metadata: { actor: 'admin' },
      },
    ]);
    expect((await call('GET', `/${status}/parked`)).body).toEqual({ parked: [], total: 0 });
  });
});

describe('a projection', () => {
  it('is rebuilt while it is read, and says who asked', async () => {
    await sql(`update application_status set project = 'damaged'`);
    expect((await call('POST', `/${status}/compare`)).status).toBe(202);
    await vi.waitFor(async () => expect(await item(status)).toMatchObject({ run: { kind: 'compare', state: 'done', message: '2 differences' } }), soon);
    await vi.waitFor(
      async () =>
        expect(await said('ProjectionCompared')).toMatchObject([
          { data: { consumer: status, differences: 2, sample: [expect.stringMatching(/^application_status application-/)] }, metadata: { actor: 'admin' } },
        ]),
      soon,
    );
    expect((await call('POST', `/${status}/rebuild`, { body: {} })).status).toBe(202);
    await vi.waitFor(async () => expect(await item(status)).toMatchObject({ run: { kind: 'rebuild', state: 'done', parked: 0 } }), soon);
    expect(await sql(`select distinct project from application_status`)).toEqual([{ project: 'default' }]);
    await vi.waitFor(
      async () => expect(await said('ProjectionRebuilt')).toMatchObject([{ data: { consumer: status, parked: 0 }, metadata: { actor: 'admin' } }]),
      soon,
    );
  });

  it('whose table was dropped comes back without anybody doing anything', async () => {
    await sql('drop table application_status');
    const position = await say(`application-argocd/new/${randomUUID()}`, 'ApplicationDeclared', {
      namespace: 'argocd',
      name: 'new',
      uid: 'n',
      project: 'default',
      spec: { destination: {}, project: 'default' },
      specHash: 'h',
      sealedSpec: 's',
    });
    await vi.waitFor(async () => expect(await item(status)).toMatchObject({ position, parked: 0 }), soon);
    expect(await sql('select name from application_status order by name')).toEqual([{ name: 'new' }, { name: 'poisoned' }]);
  });
});
