import { createHmac, randomUUID } from 'node:crypto';
import { sqlOf, startService } from '@plumbline/platform';
import type { StartedService } from '@plumbline/platform';
import { makeInstallation } from '@plumbline/testing/installation';
import type { Installation } from '@plumbline/testing/installation';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { receive as makeReceiver } from '../../fixture/receiver.ts';
import type { Receiver } from '../../fixture/receiver.ts';
import { callSubscriptions, configure as configureInstallation, localReceivers, signSessions } from '../../fixture/subscription-door.ts';
import { api } from '../service.ts';

const soon = { timeout: 60_000, interval: 50 };
let installation: Installation;
const services: StartedService[] = [];
const receivers: Receiver[] = [];

const accounts = { 'accounts.ann': 'login', 'accounts.eve': 'login' };
const open = { ...accounts, ...localReceivers };
const configure = (data: Record<string, string>) => configureInstallation(installation, data);
const receive = async (): Promise<Receiver> => {
  const receiver = await makeReceiver();
  receivers.push(receiver);
  return receiver;
};

const start = async (): Promise<StartedService> => {
  const service = await startService(api, installation.env);
  services.push(service);
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
  return service;
};
const say = async (stream: string, type: string, data: unknown = {}): Promise<number> => {
  const { context } = services[0]!;
  const recorded = await context.eventLog.append([{ stream, events: [context.event(type, data, { cause: randomUUID() })] }]);
  return recorded.at(-1)!.position;
};
const call = (method: string, path: string, body?: unknown, as?: string) =>
  callSubscriptions(services[0]!.url, method, path, { body, ...(as === undefined ? {} : { as }) });
const declared = (name: string, project: string) => ({
  namespace: 'argocd',
  uid: 'u',
  name,
  project,
  spec: { project, destination: {} },
  specHash: '',
  sealedSpec: '',
});

beforeAll(async () => {
  installation = await makeInstallation();
  await signSessions(installation);
  await configure(open);
  await start();
  await say('policy-rbac', 'PolicyChanged', {
    csv: 'p, ann, applications, get, team/*, allow\np, ann, subscriptions, *, anns-*, allow',
    defaultRole: '',
    scopes: [],
    matchMode: 'glob',
  });
  await say('application-argocd/web/u', 'ApplicationDeclared', declared('web', 'team'));
  await say('application-argocd/db/u', 'ApplicationDeclared', declared('db', 'other'));
}, 120_000);
afterEach(() => receivers.forEach((each) => (each.answers = [])));
afterAll(async () => {
  for (const service of services) await service.stop();
  for (const receiver of receivers) receiver.close();
  await installation?.remove();
}, 120_000);

describe('a webhook subscription', { timeout: 120_000 }, () => {
  it('is delivered signed CloudEvents from where it begins, and its key is shown once', async () => {
    const receiver = await receive();
    const created = await call('POST', '', { name: 'all', url: `${receiver.url}/all`, filter: { category: ['application'] }, from: 'beginning' });
    expect(created).toMatchObject({ status: 201, body: { name: 'all', subject: 'admin', secret: expect.stringMatching(/^whsec_/) } });
    const { secret } = created.body;
    await vi.waitFor(() => expect(receiver.heard).toHaveLength(2), soon);
    const position = await say('application-argocd/web/u', 'HealthChanged', { status: 'Healthy', resources: [], gone: [] });
    await vi.waitFor(() => expect(receiver.heard).toHaveLength(3), soon);

    const { headers, body, event } = receiver.heard[2]!;
    expect(headers['content-type']).toBe('application/cloudevents+json');
    expect(event).toMatchObject({
      specversion: '1.0',
      source: `/plumbline/${installation.namespace}`,
      type: 'dev.plumbline.HealthChanged',
      subject: 'application-argocd/web/u',
      position: String(position),
      generation: (await services[0]!.context.eventLog.head()).generation,
      streamversion: 2,
      data: { status: 'Healthy' },
    });
    expect(headers['webhook-id']).toBe(event.id);
    const signed = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`;
    const mac = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
      .update(signed)
      .digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    const [, seconds, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['plumbline-signature']))!;
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(300);
    expect(
      createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
        .update(`${seconds}.${body}`)
        .digest('hex'),
    ).toBe(hex);

    await vi.waitFor(async () => expect((await call('GET', '/all')).body).toMatchObject({ pending: 0, deadLetters: 0, lastSuccess: expect.any(String) }), soon);
    for (const path of ['', '/all', '/all/dead-letters']) expect((await call('GET', path)).text).not.toContain(secret.slice(6));
    const tables = await sqlOf(services[0]!.context.database).query<{ schema: string; name: string }>(
      `select table_schema as schema, table_name as name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
    );
    expect(tables.length).toBeGreaterThan(5);
    for (const { schema, name } of tables) {
      const rows = await sqlOf(services[0]!.context.database).query<{ row: string }>(`select t::text as row from "${schema}"."${name}" t`);
      expect(
        rows.some(({ row }) => row.includes(secret.slice(6)) || row.includes(`${receiver.url}/all`)),
        name,
      ).toBe(false);
    }
  });

  it('delivers what its subject may see, and nothing once the account is gone', async () => {
    const receiver = await receive();
    expect((await call('POST', '', { name: 'anns-own', url: `${receiver.url}/`, from: 'beginning' }, 'ann:login')).status).toBe(201);
    await vi.waitFor(async () => expect((await call('GET', '/anns-own')).body).toMatchObject({ pending: 0 }), soon);
    const streams = new Set(receiver.heard.map(({ event }) => event.subject));
    expect([...streams]).toEqual(['application-argocd/web/u']);

    await configure({ 'accounts.eve': 'login', ...localReceivers });
    await vi.waitFor(async () => expect((await call('GET', '/anns-own')).body.stopped).toMatch(/account ann/), soon);
    const before = receiver.heard.length;
    await say('application-argocd/web/u', 'HealthChanged', { status: 'Degraded', resources: [], gone: [] });
    await vi.waitFor(async () => expect((await call('GET', '/anns-own')).body.pending).toBeGreaterThan(0), soon);
    expect(receiver.heard).toHaveLength(before);
    await configure(open);
    await vi.waitFor(async () => expect((await call('GET', '/anns-own')).body).not.toHaveProperty('stopped'), soon);
    await vi.waitFor(() => expect(receiver.heard.length).toBe(before + 1), soon);
  });

  it('tries again, in order; gives up what is refused three times; replays', async () => {
    const receiver = await receive();
    await call('POST', '', { name: 'retried', url: `${receiver.url}/`, filter: { category: ['account'] } });
    receiver.answers = [{ status: 500 }];
    const [a, b] = [
      await say('account-a', 'TokenRevoked', { subject: 'x', tokenId: '1' }),
      await say('account-a', 'TokenRevoked', { subject: 'x', tokenId: '2' }),
    ];
    await vi.waitFor(() => expect(receiver.positions('/')).toEqual([a, a, b]), soon);

    receiver.answers = [{ status: 400 }, { status: 400 }, { status: 400 }];
    const [c, d] = [
      await say('account-b', 'TokenRevoked', { subject: 'x', tokenId: '3' }),
      await say('account-b', 'TokenRevoked', { subject: 'x', tokenId: '4' }),
    ];
    await vi.waitFor(() => expect(receiver.positions('/').slice(3)).toEqual([c, c, c, d]), soon);
    await vi.waitFor(
      async () =>
        expect((await call('GET', '/retried/dead-letters')).body.items).toMatchObject([{ position: c, tries: 3, reason: expect.stringContaining('400') }]),
      soon,
    );
    await vi.waitFor(
      async () =>
        expect(await services[0]!.context.eventLog.readStream('subscription-retried')).toMatchObject([{ type: 'DeliveryDeadLettered', data: { position: c } }]),
      soon,
    );
    expect((await call('POST', '/retried/dead-letters/replay', { all: true })).body).toEqual({ replayed: 1 });
    await vi.waitFor(() => expect(receiver.positions('/').at(-1)).toBe(c), soon);
    await vi.waitFor(async () => expect((await call('GET', '/retried')).body).toMatchObject({ pending: 0, deadLetters: 0 }), soon);
  });

  it('is disabled by 410, keeps what comes, and goes on when enabled', async () => {
    const receiver = await receive();
    await call('POST', '', { name: 'gone', url: `${receiver.url}/`, filter: { category: ['account'] } });
    receiver.answers = [{ status: 410 }];
    const position = await say('account-c', 'TokenRevoked', { subject: 'x', tokenId: '5' });
    await vi.waitFor(async () => expect((await call('GET', '/gone')).body).toMatchObject({ stopped: expect.stringContaining('410'), pending: 1 }), soon);
    await vi.waitFor(
      async () => expect(await services[0]!.context.eventLog.readStream('subscription-gone')).toMatchObject([{ type: 'SubscriptionDisabled' }]),
      soon,
    );
    expect((await call('PATCH', '/gone', { disabled: false })).status).toBe(200);
    await vi.waitFor(() => expect(receiver.positions('/')).toEqual([position, position]), soon);
    expect((await call('DELETE', '/gone')).status).toBe(200);
    expect((await call('GET', '/gone')).status).toBe(404);
    const left = await sqlOf(services[0]!.context.database).query(`select 1 from event_subscription where name = 'gone'`);
    expect(left).toEqual([]);
  });

  it('is refused where policy says so', async () => {
    expect((await call('POST', '', { name: 'eves', url: 'https://example.com/' }, 'eve:login')).status).toBe(403);
    expect((await call('GET', '/all', undefined, 'eve:login')).status).toBe(403);
    expect((await call('POST', '', { name: 'x', url: 'https://u:p@example.com/' })).status).toBe(400);
    expect((await call('POST', '', { name: 'x', url: 'https://example.com/', secret: 'mine' })).status).toBe(400);
    expect((await call('POST', '', { name: 'x', url: 'https://example.com/', filter: { nonsense: [] } })).status).toBe(400);
    await configure(accounts);
    await vi.waitFor(
      async () =>
        expect((await call('POST', '', { name: 'x', url: 'https://127.0.0.1/' })).body.message).toContain(
          'url: events may not be sent to this url: address 127.0.0.1 is loopback',
        ),
      soon,
    );
    // Declared before, while it was allowed: it is not delivered there any more.
    const receiver = receivers[0]!;
    const before = receiver.heard.length;
    await say('application-argocd/web/u', 'HealthChanged', { status: 'Progressing', resources: [], gone: [] });
    await vi.waitFor(async () => expect((await call('GET', '/all')).body.failure).toContain('https'), soon);
    expect(receiver.heard).toHaveLength(before);
    await configure(open);
    await vi.waitFor(() => expect(receiver.heard.length).toBe(before + 1), soon);
  });

  it('delivers each stream in order with two replicas and a dead neighbour, across a restart', async () => {
    const receiver = await receive();
    receiver.always.set('/dead', 503);
    await call('POST', '', { name: 'dead', url: `${receiver.url}/dead`, filter: { category: ['account'] } });
    await call('POST', '', { name: 'alive', url: `${receiver.url}/alive`, filter: { category: ['account'] } });
    const second = await start();
    const wanted = new Map<string, number[]>();
    const more = async (round: number): Promise<void> => {
      for (let index = 0; index < 30; index++) {
        const stream = `account-r${index % 5}`;
        const position = await say(stream, 'TokenRevoked', { subject: 'x', tokenId: `${round}-${index}` });
        wanted.set(stream, [...(wanted.get(stream) ?? []), position]);
      }
    };
    await more(1);
    services.splice(services.indexOf(second), 1);
    await Promise.all([second.stop(), more(2)]);
    const got = (): Map<string, number[]> => {
      const streams = new Map<string, number[]>();
      for (const { path, event } of receiver.heard) {
        if (path !== '/alive') continue;
        const positions = streams.get(event.subject) ?? [];
        // At least once: a delivery that was cut is made again, right after itself.
        if (positions.at(-1) !== Number(event.position)) positions.push(Number(event.position));
        streams.set(event.subject, positions);
      }
      return streams;
    };
    await vi.waitFor(() => expect(got()).toEqual(wanted), soon);
    expect((await call('GET', '/dead')).body).toMatchObject({ pending: 60, failure: expect.stringContaining('503') });
  });
});
