import { createHmac, randomUUID } from 'node:crypto';
import { sqlOf, startService } from '@plumbline/platform';
import type { StartedService } from '@plumbline/platform';
import { makeInstallation } from '@plumbline/testing/installation';
import type { Installation } from '@plumbline/testing/installation';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { receive as makeReceiver } from '../../fixture/receiver.ts';
import type { Receiver } from '../../fixture/receiver.ts';
import { callSubscriptions, configure, localReceivers, signSessions } from '../../fixture/subscription-door.ts';
import { api } from '../service.ts';
import { secretReference } from './declaration.ts';
import { boundWaiting } from './delivery-table.ts';
import { adoptGeneration } from './register.ts';

const soon = { timeout: 60_000, interval: 50 };
let installation: Installation;
let service: StartedService;
const receivers: Receiver[] = [];

const receive = async (): Promise<Receiver> => {
  const receiver = await makeReceiver();
  receivers.push(receiver);
  return receiver;
};
const say = async (stream: string): Promise<number> => {
  const { context } = service;
  const event = context.event('TokenRevoked', { subject: 'x', tokenId: 't' }, { cause: randomUUID() });
  return (await context.eventLog.append([{ stream, events: [event] }])).at(-1)!.position;
};
const call = (method: string, path: string, body?: unknown) => callSubscriptions(service.url, method, path, { body });
const accounts = { category: ['account'] };
const hexMac = (secret: string, text: string): string =>
  createHmac('sha256', secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret)
    .update(text)
    .digest('hex');

beforeAll(async () => {
  installation = await makeInstallation();
  await signSessions(installation);
  await configure(installation, localReceivers);
  service = await startService(api, installation.env);
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
}, 120_000);
afterAll(async () => {
  await service?.stop();
  for (const receiver of receivers) receiver.close();
  await installation?.remove();
}, 120_000);

describe('what is asked for wrongly', () => {
  const good = { name: 'x', url: 'http://127.0.0.1:1/' };
  it.each([
    [{ url: good.url }, /name: /],
    [{ ...good, name: 'Not A Name' }, /name: must be a DNS name/],
    [{ ...good, name: 'plumbline-key' }, /name: must not begin with argocd- or plumbline-/],
    [{ name: 'x' }, /url: /],
    [{ ...good, url: 'nowhere' }, /url: .*not a URL/],
    [{ ...good, url: 'http://10.0.0.1/' }, /url: .*address 10\.0\.0\.1 is private and in none of plumbline\.subscriptions\.allowedNetworks/],
    [{ ...good, url: 'http://169.254.169.254/' }, /url: .*never called/],
    [{ ...good, filter: { nonsense: ['x'] } }, /filter: unknown field "nonsense"; allowed are category, application, project, type/],
    [{ ...good, filter: { type: ['Nonsense'] } }, /filter: unknown type "Nonsense"; allowed are .*HealthChanged/],
    [{ ...good, filter: { category: ['x'] } }, /filter: unknown category "x"; allowed are application, /],
    [{ ...good, filter: { type: 'HealthChanged' } }, /filter\.type: /],
    [{ ...good, from: -1 }, /from: must be "now", "beginning" or the position of the first event, a whole number from 1/],
    [{ ...good, from: 'soon' }, /from: must be "now"/],
    [{ ...good, secret: 'mine' }, /unknown field "secret"; allowed are name, url, filter, from/],
  ])('is refused with the field and what is allowed: %j', async (body, why) => {
    const answer = await call('POST', '', body);
    expect(answer).toMatchObject({ status: 400, body: { message: expect.stringMatching(why) } });
  });

  it.each([
    ['GET', '/none', undefined, 404],
    ['PATCH', '/none', { disabled: true }, 404],
    ['DELETE', '/none', undefined, 404],
    ['POST', '/none/test', {}, 404],
    ['GET', '/none/deliveries', undefined, 404],
  ])('%s %s: %s %i', async (method, path, body, status) => expect((await call(method, path, body)).status).toBe(status));

  it('neither changes a subscription', async () => {
    expect((await call('POST', '', { name: 'kept', url: 'http://127.0.0.1:1/', filter: { category: ['repository'] } })).status).toBe(201);
    for (const [method, path, body, why] of [
      ['PATCH', '/kept', { disabled: 'yes' }, /disabled: /],
      ['PATCH', '/kept', { enabled: true }, /unknown field "enabled"; allowed are url, filter, disabled/],
      ['PATCH', '/kept', { url: 'ftp://127.0.0.1/' }, /url: /],
      ['POST', '/kept/key', { action: 'forget' }, /action: must be replace or retire/],
      ['POST', '/kept/dead-letters/replay', {}, /must be \{"all":true\}/],
      ['GET', '/kept/deliveries?what=1', undefined, /unknown parameter "what"; allowed are after, limit/],
      ['GET', '/kept/dead-letters?limit=0', undefined, /limit must be a whole number from 1 to/],
    ] as const) {
      expect(await call(method, path, body), path).toMatchObject({ status: 400, body: { message: expect.stringMatching(why) } });
    }
    expect((await call('POST', '', { name: 'kept', url: 'http://127.0.0.1:1/' })).status).toBe(409);
    expect((await call('GET', '/kept')).body).toMatchObject({ url: 'http://127.0.0.1:1/', pending: 0 });
  });
});

describe('a subscription', { timeout: 150_000 }, () => {
  it('waits for a position beyond the end', async () => {
    const receiver = await receive();
    const { position: head } = await service.context.eventLog.head();
    // The command itself is two events.
    expect((await call('POST', '', { name: 'later', url: `${receiver.url}/`, filter: accounts, from: head + 5 })).status).toBe(201);
    const positions: number[] = [];
    while ((positions.at(-1) ?? 0) < head + 7) positions.push(await say('account-later'));
    const wanted = positions.filter((position) => position >= head + 5);
    expect(wanted.length).toBeLessThan(positions.length);
    await vi.waitFor(() => expect(receiver.positions('/')).toEqual(wanted), soon);
  });

  it('signs with two keys while one is replaced, and is tested', async () => {
    const receiver = await receive();
    const { secret: first } = (await call('POST', '', { name: 'rotated', url: `${receiver.url}/`, filter: accounts })).body;
    const { secret: second } = (await call('POST', '/rotated/key', { action: 'replace' })).body;
    expect(second).toMatch(/^whsec_/);
    expect(second).not.toBe(first);
    expect((await call('POST', '/rotated/test', {})).body).toEqual({ isDelivered: true, status: 204 });
    expect((await call('POST', '/rotated/key', { action: 'retire' })).body).toEqual({});
    receiver.answers = [{ status: 302, headers: { location: '/elsewhere' } }];
    expect((await call('POST', '/rotated/test', {})).body).toEqual({ isDelivered: false, status: 302 });
    const signatures = receiver.heard.map(({ headers, body }) => {
      const [time = '', ...macs] = String(headers['plumbline-signature']).split(',');
      return [macs.map((mac) => mac.slice(3)), [second, first].map((key) => hexMac(key, `${time.slice(2)}.${body}`))];
    });
    expect(signatures).toHaveLength(2);
    expect(signatures[0]![0]).toEqual(signatures[0]![1]);
    expect(signatures[1]![0]).toEqual(signatures[1]![1]!.slice(0, 1));
    expect(receiver.heard[0]!.event).toMatchObject({ specversion: '1.0', type: 'dev.plumbline.SubscriptionTest', subject: 'subscription-rotated' });
    receiver.close();
    expect((await call('POST', '/rotated/test', {})).body).toEqual({ isDelivered: false, reason: expect.stringMatching(/^the receiver was not reached: /) });
    expect((await call('DELETE', '/rotated')).status).toBe(200);
  });

  it('is declared as a Secret, says what is wrong with it, and ends with it', async () => {
    const { kube, namespace } = installation;
    const receiver = await receive();
    const position = await say('account-declared');
    const apply = (data: Record<string, string>) =>
      kube.apply(
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'declared', namespace, labels: { 'plumbline.dev/secret-type': 'event-subscription' } },
          stringData: { url: `${receiver.url}/`, secret: 'a-long-random-text', subject: 'admin', filter: '{"category":["account"]}', ...data },
        },
        { fieldManager: 'kubectl' },
      );
    await apply({ from: 'the start' });
    await vi.waitFor(async () => expect((await call('GET', '/declared')).body.stopped).toMatch(/key from of the Secret must be now, beginning or/), soon);
    await apply({ from: String(position) });
    await vi.waitFor(() => expect(receiver.positions('/')).toEqual([position]), soon);
    const { headers, body } = receiver.heard[0]!;
    const [time = '', mac] = String(headers['plumbline-signature']).split(',');
    expect(mac).toBe(`v1=${hexMac('a-long-random-text', `${time.slice(2)}.${body}`)}`);
    await apply({ from: String(position), disabled: 'on holiday' });
    await vi.waitFor(async () => expect((await call('GET', '/declared')).body).toMatchObject({ stopped: 'on holiday' }), soon);
    await kube.delete(secretReference(namespace, 'declared'), {});
    await vi.waitFor(async () => expect((await call('GET', '/declared')).status).toBe(404), soon);
    const rows = () => sqlOf(service.context.database).query(`select 1 from event_subscription where name = 'declared'`);
    await vi.waitFor(async () => expect(await rows()).toEqual([]), soon);
  });

  it('whose receiver is silent holds back nobody, and shows what waits', async () => {
    const receiver = await receive();
    receiver.always.set('/silent', 0).set('/broken', 503);
    for (const name of ['silent', 'broken', 'quick']) await call('POST', '', { name, url: `${receiver.url}/${name}`, filter: accounts });
    const positions: number[] = [];
    for (let index = 0; index < 20; index++) positions.push(await say(`account-w${index}`));
    await vi.waitFor(() => expect(receiver.positions('/quick').toSorted((a, b) => a - b)).toEqual(positions), soon);
    expect((await call('GET', '/silent')).body).toMatchObject({ pending: 20 });
    const items = async () => (await call('GET', '/broken/deliveries?limit=5')).body;
    await vi.waitFor(async () => expect((await items()).items[0]).toMatchObject({ tries: expect.toSatisfy((tries: number) => tries > 0) }), soon);
    const page = await items();
    expect(page).toMatchObject({ next: positions[4] });
    expect(page.items[0]).toMatchObject({
      stream: 'account-w0',
      position: positions[0],
      waiting: 1,
      failure: 'the receiver answered 503',
      nextTry: expect.any(String),
    });
    expect((await call('GET', `/broken/deliveries?after=${positions[17]}`)).body.items).toHaveLength(2);
    for (const name of ['silent', 'broken']) expect((await call('DELETE', `/${name}`)).status).toBe(200);
  });

  it('is tried again when its time comes, though the queue was emptied', async () => {
    const receiver = await receive();
    await call('POST', '', { name: 'patient', url: `${receiver.url}/`, filter: accounts });
    receiver.answers = [{ status: 503, headers: { 'retry-after': '22' } }];
    const position = await say('account-patient');
    await vi.waitFor(() => expect(receiver.positions('/')).toEqual([position]), soon);
    const redis = new Redis(installation.env['PLUMBLINE_REDIS_URL']!);
    try {
      // Only what is this installation's: the server is everybody's.
      const keys = await vi.waitFor(async () => {
        const found = await redis.keys(`*${installation.env['PLUMBLINE_PREFIX']}*subscription-deliveries*`);
        expect(found.some((each) => each.endsWith(':delayed'))).toBe(true);
        return found;
      }, soon);
      await redis.del(...keys);
    } finally {
      redis.disconnect();
    }
    await vi.waitFor(() => expect(receiver.positions('/')).toEqual([position, position]), { timeout: 90_000, interval: 200 });
  });

  it('that lets too much wait is told to be full, and is sent what was put aside before', async () => {
    const receiver = await receive();
    receiver.always.set('/', 503);
    await call('POST', '', { name: 'full', url: `${receiver.url}/`, filter: accounts });
    const positions = [await say('account-full'), await say('account-full'), await say('account-full')];
    await vi.waitFor(async () => expect((await call('GET', '/full')).body.pending).toBe(3), soon);
    const database = sqlOf(service.context.database);
    // Other tests have subscriptions that wait too.
    const bound = async (max: number) => (await boundWaiting(database, { max, appliedTo: positions[2]! })).filter(({ name }) => name === 'full');
    expect(await bound(3)).toEqual([]);
    expect(await bound(2)).toEqual([{ name: 'full', fullSince: positions[2] }]);
    expect(await bound(2)).toEqual([]);
    expect((await call('GET', '/full')).body.full).toContain(`make it anew with from ${positions[2]! + 1}`);
    const later = await say('account-full');
    receiver.always.clear();
    const delivered = () => receiver.positions('/').filter((position, index, all) => position !== all[index - 1]);
    await vi.waitFor(async () => expect((await call('GET', '/full')).body.pending).toBe(0), soon);
    expect(delivered()).toEqual(positions);
    await call('DELETE', '/full');
    receiver.heard.length = 0;
    expect((await call('POST', '', { name: 'full', url: `${receiver.url}/`, filter: accounts, from: positions[2]! + 1 })).status).toBe(201);
    await vi.waitFor(() => expect(delivered()).toEqual([later]), soon);
  });

  it('goes on with what is new after the log was recovered from an older copy', async () => {
    const receiver = await receive();
    const database = sqlOf(service.context.database);
    const { position } = await service.context.eventLog.head();
    await call('POST', '', { name: 'recovered', url: `${receiver.url}/`, filter: accounts, from: position + 1_000 });
    const stored = () =>
      database.query<{ from_position: string; filled_to: string; generation: string }>(
        `select from_position, filled_to, generation from event_subscription where name = 'recovered'`,
      );
    expect(await stored()).toMatchObject([{ from_position: String(position + 999) }]);
    // As a row of before there was the column: it is of the log as it is, and keeps where it begins.
    await database.query(`update event_subscription set generation = ''`);
    await adoptGeneration(database);
    expect(await stored()).toMatchObject([{ from_position: String(position + 999), generation: (await service.context.eventLog.head()).generation }]);
    await database.query(`select log.begin_generation()`);
    const { generation, position: stands } = await service.context.eventLog.head();
    await vi.waitFor(async () => expect(await stored()).toEqual([{ from_position: String(stands), filled_to: String(stands), generation }]), soon);
    const next = await say('account-recovered');
    await vi.waitFor(() => expect(receiver.positions('/')).toEqual([next]), soon);
    expect(receiver.heard[0]!.event.generation).toBe(generation);
  });
});
