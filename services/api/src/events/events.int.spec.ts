import { randomUUID } from 'node:crypto';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import type { Client, Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { canonicalJson } from '@plumbline/contracts';
import { EventService } from '@plumbline/contracts/events-proto';
import type { SubscribeResponse } from '@plumbline/contracts/events-proto';
import { chainHash, genesisHash } from '@plumbline/event-log';
import { sqlOf, startService } from '@plumbline/platform';
import type { StartedService } from '@plumbline/platform';
import { makeInstallation } from '@plumbline/testing/installation';
import type { Installation } from '@plumbline/testing/installation';
import { freePort } from '@plumbline/testing';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ApiConfig } from '../config.ts';
import { api } from '../service.ts';

const soon = { timeout: 20_000, interval: 20 };
const key = 'the-signing-key-of-this-test';
const part = { 'app.kubernetes.io/part-of': 'argocd' };
let installation: Installation;
let service: StartedService<ApiConfig>;
let grpcUrl: string;
/** Positions of the declarations of `web` and `db`. */
let webAt = 0;
let dbAt = 0;

// oxlint-disable-next-line typescript/no-explicit-any -- what an answer is, the expectations say
type Json = any;

beforeAll(async () => {
  installation = await makeInstallation();
  const { kube, namespace } = installation;
  const metadata = (name: string) => ({ name, namespace, labels: part });
  await kube.create({ apiVersion: 'v1', kind: 'Secret', metadata: metadata('argocd-secret'), stringData: { 'server.secretkey': key } });
  await kube.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('argocd-cm'), data: { 'accounts.ann': 'login' } });
  const port = await freePort();
  grpcUrl = `http://127.0.0.1:${port}`;
  service = await startService(api, { ...installation.env, PLUMBLINE_GRPC_PORT: String(port) });
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
  await say('policy-rbac', 'PolicyChanged', { csv: 'p, ann, applications, get, team/*, allow', defaultRole: '', scopes: [], matchMode: 'glob' });
  webAt = await declare('web', 'team');
  dbAt = await declare('db', 'other');
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
const streamOf = (name: string) => `application-${installation.namespace}/${name}/u`;
const declare = (name: string, project: string) => {
  const spec = { project, destination: {} };
  return say(streamOf(name), 'ApplicationDeclared', { namespace: installation.namespace, name, uid: 'u', project, spec, specHash: '', sealedSpec: '' });
};
const healthOf = (name: string, status = 'Healthy') => say(streamOf(name), 'HealthChanged', { status, resources: [], gone: [] });
const head = async () => (await service.context.eventLog.head()).position;
const tokenFor = (sub: string, jti: string = randomUUID()) =>
  new SignJWT({ sub, jti }).setProtectedHeader({ alg: 'HS256' }).setIssuer('argocd').setIssuedAt().setExpirationTime('1h').sign(new TextEncoder().encode(key));

const get = async (path: string, as = 'admin:login', headers: Record<string, string> = {}) =>
  fetch(`${service.url}/api/v1/events${path}`, { headers: { authorization: `Bearer ${await tokenFor(as)}`, ...headers } });

/** Reads server-sent events until `until` says so, and returns them parsed. */
async function follow(path: string, until: (messages: Json[]) => boolean, options: { as?: string; headers?: Record<string, string> } = {}): Promise<Json[]> {
  const response = await get(path, options.as, { accept: 'text/event-stream', ...options.headers });
  expect(response.status).toBe(200);
  const messages: Json[] = [];
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text.slice(0, end))?.[1];
      messages.push({ event: field('event') ?? 'message', id: Number(field('id')), data: JSON.parse(field('data') ?? 'null') });
      text = text.slice(end + 2);
    }
    if (until(messages)) break;
  }
  return messages;
}
const positions = (messages: Json[]): number[] => messages.filter(({ event }) => event === 'message').map(({ id }) => id);

describe('a page with filters', () => {
  it('has what is asked for', async () => {
    const position = await healthOf('web');
    const ask = async (query: string) => (await (await get(`?${query}`)).json()) as Json;
    await vi.waitFor(
      async () => expect((await ask('application=web&type=HealthChanged')).events.map((event: Json) => event.position)).toEqual([position]),
      soon,
    );
    expect((await ask('category=policy')).events).toMatchObject([{ type: 'PolicyChanged' }]);
    expect((await ask('project=other')).events).toMatchObject([{ stream: streamOf('db') }]);
    expect((await ask(`application=${installation.namespace}/web,db&type=ApplicationDeclared`)).events).toHaveLength(2);
    expect((await ask('project=nobody')).events).toEqual([]);
  });

  it.each([
    ['categories=application', /allowed are after, limit, wait, category, application, project, type/],
    ['category=x', /unknown category "x"; allowed are account, application/],
    ['type=x', /unknown type "x"; allowed are ApplicationCompared/],
    ['after=-1', /after must be a whole number from 0 to \d+/],
    ['after=x', /after must be a whole number from 0 to \d+/],
  ])('is refused with what is allowed, as a page and as a stream: %s', async (query, message) => {
    for (const headers of [{}, { accept: 'text/event-stream' }]) {
      const response = await get(`?${query}`, 'admin:login', headers);
      expect(response.status).toBe(400);
      expect(((await response.json()) as Json).message).toMatch(headers.accept === undefined ? message : /allowed are|whole number/);
    }
  });
});

describe('server-sent events', () => {
  it('begin with where the log ends, and bring the past and what happens, once and in order', async () => {
    const before = await head();
    let wasSaid = 0;
    const messages = await follow('', (all) => {
      if (wasSaid === 0 && positions(all).length >= before) {
        wasSaid = 1;
        for (let i = 0; i < 20; i++) void healthOf('web', `${i}`);
      }
      return positions(all).length >= before + 20;
    });
    expect(messages[0]).toMatchObject({ event: 'head', id: 0, data: { head: before, position: 0, generation: expect.any(String) } });
    expect(positions(messages)).toEqual(Array.from({ length: before + 20 }, (_, i) => i + 1));
  });

  it('resume, and wait beyond the head', async () => {
    const before = await head();
    expect(positions(await follow('?after=1', (all) => positions(all).length === before - 3, { headers: { 'last-event-id': '3' } }))[0]).toBe(4);
    const beyond = follow(`?after=${before + 2}`, (all) => {
      if (all.length === 1) void (async () => [await healthOf('web'), await healthOf('web'), await healthOf('web')])();
      return positions(all).length === 1;
    });
    expect(positions(await beyond)).toEqual([before + 3]);
    expect((await get('', 'admin:login', { accept: 'text/event-stream', 'last-event-id': 'x' })).status).toBe(400);
  });

  it('show what the caller may see and asks for, and no more', async () => {
    const before = await head();
    const messages = await follow(
      '?type=HealthChanged',
      (all) => {
        if (all.length === 1)
          void (async () => [await healthOf('db'), await say(streamOf('web'), 'SyncApplied', { operationId: 'o' }), await healthOf('web')])();
        return positions(all).at(-1) === before + 3;
      },
      { as: 'ann:login', headers: { 'last-event-id': String(before) } },
    );
    expect(positions(messages)).toEqual([before + 3]);
  });

  it('tell that the log was recovered from an older copy', async () => {
    const messages = await follow('?after=1000000&generation=another', (all) => all.some(({ event }) => event === 'head'));
    const at = await head();
    expect(messages[0]).toMatchObject({ event: 'generation-changed', id: at, data: { resumeFrom: at, generation: expect.any(String) } });
    const database = sqlOf(service.context.database);
    const changed = await follow(`?after=${at}`, (all) => {
      if (all.length === 1) void database.query(`update log.head set generation = gen_random_uuid()`);
      return all.some(({ event }) => event === 'generation-changed');
    });
    expect(changed.at(-1)).toMatchObject({ data: { resumeFrom: at } });
    expect(changed.at(-1).data.generation).not.toBe(changed[0].data.generation);
  });

  it('end with the reason when the token no longer counts', async () => {
    const jti = randomUUID();
    const response = await fetch(`${service.url}/api/v1/events?after=${await head()}`, {
      headers: { authorization: `Bearer ${await tokenFor('admin:login', jti)}`, accept: 'text/event-stream' },
    });
    await say('account-admin', 'TokenRevoked', { subject: 'admin', tokenId: jti });
    expect(await response.text()).toMatch(/event: error\ndata: .*"code":16.*"resumeFrom":\d+/);
  });
});

describe('an export', () => {
  const lines = async (query: string, as?: string) =>
    (await (await get(`/export${query}`, as)).text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);

  it('is the whole log, and its chain can be verified by who has nothing else', async () => {
    const all = await lines('');
    const end = all.pop();
    expect(end).toMatchObject({ end: true, count: all.length, next: all.length, head: all.length });
    let hash = genesisHash;
    for (const { hash: recorded, metadata, data, ...rest } of all) {
      hash = chainHash(hash, { ...rest, metadata: canonicalJson(metadata), data: canonicalJson(data) });
      expect(recorded).toBe(hash.toString('hex'));
    }
    // Its own record is the last line.
    expect(all.at(-1)).toMatchObject({ type: 'CommandAccepted', data: { command: 'export-events' }, metadata: { actor: 'admin' } });
  });

  it('is of a part, and of what is asked for', async () => {
    expect((await lines('?after=1&before=4')).map(({ position }) => position)).toEqual([2, 3, undefined]);
    expect((await lines('?project=other&type=ApplicationDeclared')).map(({ stream }) => stream)).toEqual([streamOf('db'), undefined]);
    expect((await lines('?before=2')).at(-1)).toMatchObject({ end: true, count: 1, next: 1 });
    for (const query of ['?before=0', '?after=4&before=4', '?until=1', '?after=x', '?category=x']) expect((await get(`/export${query}`)).status).toBe(400);
  });

  it('shows nobody more than they may see', async () => {
    expect((await get('/export', 'ann:login')).status).toBe(403);
    expect((await get('/export?type=PolicyChanged', 'ann:login')).status).toBe(403);
    const own = await lines('?project=team,other&type=ApplicationDeclared', 'ann:login');
    expect(own.map(({ stream }) => stream)).toEqual([streamOf('web'), undefined]);
  });
});

describe('plumbline.v1.EventService', () => {
  const as = async (sub: string | undefined, jti?: string): Promise<Interceptor> => {
    const token = sub === undefined ? undefined : await tokenFor(sub, jti);
    return (next) => (request) => {
      if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
      return next(request);
    };
  };
  const clientFor = async (sub: string | undefined = 'admin:login', jti?: string): Promise<Client<typeof EventService>> =>
    createClient(EventService, createGrpcTransport({ baseUrl: grpcUrl, interceptors: [await as(sub, jti)] }));
  const take = async (stream: AsyncIterable<SubscribeResponse>, count: number): Promise<SubscribeResponse['message'][]> => {
    const messages: SubscribeResponse['message'][] = [];
    for await (const { message } of stream) if (messages.push(message) >= count) break;
    return messages;
  };
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => ConnectError.from(error).code,
    );

  it('lists over gRPC, gRPC-Web and Connect', async () => {
    const interceptors = [await as('admin:login')];
    const web = { baseUrl: service.url, httpVersion: '1.1', interceptors } as const;
    for (const transport of [createGrpcTransport({ baseUrl: grpcUrl, interceptors }), createGrpcWebTransport(web), createConnectTransport(web)]) {
      const { events, next } = await createClient(EventService, transport).list({ after: BigInt(webAt - 1), limit: 2 });
      expect(events).toMatchObject([
        { position: BigInt(webAt), type: 'ApplicationDeclared', dataJson: expect.stringContaining('"name":"web"') },
        { position: BigInt(dbAt) },
      ]);
      expect(next).toBe(BigInt(dbAt));
    }
  });

  it('subscribes from a position, with a filter, and is cancelled by who leaves', async () => {
    const client = await clientFor();
    const before = await head();
    const messages = await take(client.subscribe({ after: BigInt(webAt - 1), filter: { types: ['ApplicationDeclared'] } }), 3);
    expect(messages).toMatchObject([
      { case: 'head', value: { position: BigInt(webAt - 1), head: BigInt(before), generation: expect.any(String) } },
      { case: 'event', value: { position: BigInt(webAt) } },
      { case: 'event', value: { position: BigInt(dbAt) } },
    ]);
    const live = client.subscribe({ after: BigInt(before) })[Symbol.asyncIterator]();
    expect((await live.next()).value).toMatchObject({ message: { case: 'head' } });
    const position = await healthOf('web');
    expect((await live.next()).value).toMatchObject({ message: { case: 'event', value: { position: BigInt(position) } } });
    await live.return?.();
  });

  it('tells a change of generation', async () => {
    const [first] = await take((await clientFor()).subscribe({ after: 1_000_000n, generation: 'another' }), 1);
    expect(first).toMatchObject({ case: 'generationChanged', value: { generation: expect.any(String), resumeFrom: BigInt(await head()) } });
  });

  it('shows others their applications only', async () => {
    const ann = await clientFor('ann:login');
    const { events } = await ann.list({ limit: 1000 });
    expect(new Set(events.map(({ stream }) => stream))).toEqual(new Set([streamOf('web')]));
  });

  it('refuses by the table of codes', async () => {
    const client = await clientFor();
    expect(await codeOf((await clientFor('nobody:login')).list({}))).toBe(Code.Unauthenticated);
    const anonymous = createClient(EventService, createGrpcTransport({ baseUrl: grpcUrl }));
    expect(await codeOf(anonymous.list({}))).toBe(Code.Unauthenticated);
    expect(await codeOf(take(anonymous.subscribe({}), 1))).toBe(Code.Unauthenticated);
    expect(await codeOf(take(client.subscribe({ after: -1n }), 1))).toBe(Code.InvalidArgument);
    expect(await codeOf(take(client.subscribe({ filter: { categories: ['x'] } }), 1))).toBe(Code.InvalidArgument);
    expect(await codeOf(client.list({ limit: 1001 }))).toBe(Code.InvalidArgument);
    const form = await fetch(`${service.url}/plumbline.v1.EventService/List`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenFor('admin:login')}`, 'content-type': 'text/plain' },
      body: '{}',
    });
    expect(form.status).toBe(415);
  });

  it('ends when the token no longer counts', async () => {
    const jti = randomUUID();
    const stream = take((await clientFor('admin:login', jti)).subscribe({ after: BigInt(await head()), filter: { categories: ['repository'] } }), 100);
    await say('account-admin', 'TokenRevoked', { subject: 'admin', tokenId: jti });
    expect(await codeOf(stream)).toBe(Code.Unauthenticated);
  });
});
