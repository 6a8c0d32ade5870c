import { createHash, randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { EventService, SubscribeRequestSchema } from '@plumbline/contracts/proto/events';
import type { SubscribeResponse } from '@plumbline/contracts/proto/events';
import { startService } from '@plumbline/platform';
import type { StartedService } from '@plumbline/platform';
import { freePort } from '@plumbline/testing';
import { makeInstallation } from '@plumbline/testing/installation';
import type { Installation } from '@plumbline/testing/installation';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { api } from '../service.ts';

const soon = { timeout: 20_000, interval: 10 };
const key = 'the-signing-key-of-this-test';
const part = { 'app.kubernetes.io/part-of': 'argocd' };
let installation: Installation;
let service: StartedService;
let client: Client<typeof EventService>;
let token: string;

const tokenFor = (sub: string) =>
  new SignJWT({ sub, jti: randomUUID() })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('argocd')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(key));

const say = async (stream: string, type: string, data: unknown = {}): Promise<number> => {
  const { context } = service;
  const recorded = await context.eventLog.append([{ stream, events: [context.event(type, data, { cause: randomUUID() })] }]);
  return recorded.at(-1)!.position;
};

beforeAll(async () => {
  installation = await makeInstallation();
  const { kube, namespace, env } = installation;
  await kube.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'argocd-secret', namespace, labels: part },
    stringData: { 'server.secretkey': key },
  });
  await kube.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', namespace, labels: part }, data: { 'accounts.ann': 'login' } });
  const port = await freePort();
  service = await startService(api, { ...env, PLUMBLINE_GRPC_PORT: String(port) });
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
  client = createClient(EventService, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
  token = await tokenFor('admin:login');
  await say('policy-rbac', 'PolicyChanged', { csv: 'p, ann, applications, get, team/*, allow', defaultRole: '', scopes: [], matchMode: 'glob' });
  const spec = { project: 'team', destination: {} };
  const declared = { namespace: 'argocd', uid: 'u', spec, specHash: '', sealedSpec: '' };
  await say('application-argocd/web/u', 'ApplicationDeclared', { ...declared, name: 'web', project: 'team' });
  await say('application-argocd/db/u', 'ApplicationDeclared', { ...declared, name: 'db', project: 'other' });
});
afterAll(async () => {
  await service?.stop();
  await installation?.remove();
});

const as = (bearer: string) => ({ headers: { authorization: `Bearer ${bearer}` } });
const get = (path: string, bearer = token, headers: Record<string, string> = {}) =>
  fetch(`${service.url}${path}`, { headers: { authorization: `Bearer ${bearer}`, ...headers } });

describe('gRPC', () => {
  /** Follows until stopped. */
  function follow(request: Partial<{ after: bigint; generation: string; filter: { types?: string[] } }>, bearer = token) {
    const stop = new AbortController();
    const heard: SubscribeResponse[] = [];
    const reading = (async () => {
      for await (const response of client.subscribe(create(SubscribeRequestSchema, request as object), { ...as(bearer), signal: stop.signal }))
        heard.push(response);
    })();
    const positions = () => heard.flatMap(({ kind }) => (kind.case === 'event' ? [Number(kind.value.position)] : []));
    return { heard, positions, stop: () => (stop.abort(), reading.catch(() => undefined)), reading };
  }

  it('lists a page', async () => {
    const page = await client.list({ after: 0n, limit: 2 }, as(token));
    expect(page.events.map((event) => event.position)).toEqual([1n, 2n]);
    expect(page).toMatchObject({ next: 2n, generation: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    const { type, data } = (await client.list({ filter: { applications: ['argocd/db'] } }, as(token))).events[0]!;
    expect([type, JSON.parse(data)]).toMatchObject(['ApplicationDeclared', { name: 'db' }]);
  });

  it('follows from a position, and resumes where it was cut', async () => {
    const first = follow({ filter: { types: ['CommandDone'] } });
    await vi.waitFor(() => expect(first.heard.some(({ kind }) => kind.case === 'progress')).toBe(true), soon);
    const one = await say('command-1', 'CommandDone');
    await vi.waitFor(() => expect(first.positions()).toEqual([one]), soon);
    await first.stop();
    const two = await say('command-1', 'CommandDone');
    const second = follow({ after: BigInt(one), filter: { types: ['CommandDone'] } });
    const three = await say('command-1', 'CommandDone');
    await vi.waitFor(() => expect(second.positions()).toEqual([two, three]), soon);
    await second.stop();
  });

  it('shows what the caller may see', async () => {
    const ann = follow({}, await tokenFor('ann:login'));
    await vi.waitFor(() => expect(ann.heard.at(-1)?.kind.case).toBe('progress'), soon);
    expect(ann.heard.flatMap(({ kind }) => (kind.case === 'event' ? [kind.value.stream] : []))).toEqual(['application-argocd/web/u']);
    await ann.stop();
  });

  it.each([
    ['nobody', () => client.list({}, {}), Code.Unauthenticated],
    ['a wrong token', () => client.list({}, as('x.y.z')), Code.Unauthenticated],
    ['a negative position', () => client.list({ after: -1n }, as(token)), Code.InvalidArgument],
    ['an unknown type', () => client.list({ filter: { types: ['Nonsense'] } }, as(token)), Code.InvalidArgument],
    ['too long a page', () => client.list({ limit: 1001 }, as(token)), Code.InvalidArgument],
  ])('refuses %s', async (_, call, code) => {
    const error = await call().catch((failure: unknown) => failure);
    expect(ConnectError.from(error).code).toBe(code);
  });

  it('refuses a stream the same way', async () => {
    await expect(follow({}, 'x.y.z').reading).rejects.toMatchObject({ code: Code.Unauthenticated });
    await expect(follow({ filter: { types: ['Nonsense'] } }).reading).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  it('tells a client of another generation', async () => {
    const follower = follow({ after: 2n, generation: randomUUID() });
    await vi.waitFor(() => expect(follower.positions().length).toBeGreaterThan(2), soon);
    expect(follower.heard[0]?.kind).toMatchObject({ case: 'generationChanged', value: { resumeAfter: 0n } });
    expect(follower.positions()[0]).toBe(1);
    await follower.stop();
  });
});

describe('the port of REST', () => {
  const calls = (transport: typeof createGrpcWebTransport) => createClient(EventService, transport({ baseUrl: service.url, httpVersion: '1.1' }));

  it.each([
    ['gRPC-Web', createGrpcWebTransport],
    ['Connect', createConnectTransport],
  ])('speaks %s', async (_, transport) => {
    const caller = calls(transport);
    expect((await caller.list({ limit: 2 }, as(token))).events.map(({ position }) => position)).toEqual([1n, 2n]);
    const stop = new AbortController();
    const kinds: (string | undefined)[] = [];
    const reading = (async () => {
      for await (const { kind } of caller.subscribe({ filter: { types: ['ApplicationDeclared'] } }, { ...as(token), signal: stop.signal }))
        kinds.push(kind.case);
    })();
    await vi.waitFor(() => expect(kinds).toEqual(['event', 'event', 'progress']), soon);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: Code.Canceled });
  });

  it('refuses calls in the words of the protocol', async () => {
    await expect(calls(createGrpcWebTransport).list({}, {})).rejects.toMatchObject({ code: Code.Unauthenticated });
    await expect(calls(createConnectTransport).list({ limit: 5_000 }, as(token))).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'takes no call as %s, which a foreign page can send',
    async (type) => {
      const headers = { 'content-type': type, cookie: `argocd.token=${token}` };
      const response = await fetch(`${service.url}/plumbline.v1.EventService/List`, { method: 'POST', headers, body: '{}' });
      expect(response.status).toBe(415);
    },
  );

  it('knows who is logged in by cookie', async () => {
    const headers = { 'content-type': 'application/json', cookie: `argocd.token=${token}` };
    const response = await fetch(`${service.url}/plumbline.v1.EventService/List`, { method: 'POST', headers, body: '{"limit":1}' });
    expect(await response.json()).toMatchObject({ events: [{ position: '1' }] });
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });
});

describe('server-sent events', () => {
  it('have ids to resume from, and heads', async () => {
    const stop = new AbortController();
    const response = await fetch(`${service.url}/api/v1/events?type=ApplicationDeclared`, {
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
      signal: stop.signal,
    });
    let text = '';
    const reading = (async () => {
      for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
    })().catch(() => undefined);
    await vi.waitFor(() => expect(text).toContain('event: head'), soon);
    const ids = [...text.matchAll(/^id: (\d+)$/gm)];
    expect(ids.length).toBe(3);
    expect([...text.matchAll(/^data: (\{"position":\d+,"id".*)$/gm)].map(([, data]) => JSON.parse(data!).data.name)).toEqual(['web', 'db']);
    stop.abort();
    await reading;
  });

  it('are refused with a status while that can be said', async () => {
    const accept = { accept: 'text/event-stream' };
    expect((await get('/api/v1/events?after=-1', token, accept)).status).toBe(400);
    expect((await get('/api/v1/events', token, { ...accept, 'last-event-id': 'x' })).status).toBe(400);
    expect((await get('/api/v1/events?application=a/b/c', token, accept)).status).toBe(400);
  });
});

describe('a page', () => {
  it('read in a generation that is over says where to go on', async () => {
    const response = await get(`/api/v1/events?after=2&generation=${randomUUID()}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ message: expect.stringMatching(/position 0/) });
  });
});

describe('an export', () => {
  const lines = async (path: string, bearer = token) => {
    const response = await get(path, bearer);
    expect(response.headers.get('content-type')).toContain('application/x-ndjson');
    return (await response.text()).trim().split('\n');
  };

  it('is the whole log, with a chain that can be followed without us', async () => {
    const all = await lines('/api/v1/events/export');
    const end = JSON.parse(all.pop()!);
    expect(end).toMatchObject({ end: true, events: all.length, next: all.length });
    let hash: Buffer = Buffer.alloc(32);
    all.forEach((line, index) => {
      const { position, id, stream, version, type, at, hash: own } = JSON.parse(line);
      const { metadata, data } = /"metadata":(?<metadata>\{.*\}),"data":(?<data>.*)\}$/.exec(line)!.groups!;
      expect(position).toBe(index + 1);
      hash = createHash('sha256').update(hash).update([position, id, stream, version, type, at, metadata, data].join('\n')).digest();
      expect(own).toBe(hash.toString('hex'));
    });
  });

  it('is noted in the log before it is given', async () => {
    const all = await lines('/api/v1/events/export?category=command');
    const noted = all.map((line) => JSON.parse(line)).findLast((event) => event.type === 'CommandAccepted');
    expect(noted).toMatchObject({
      data: { command: 'export-events', parameters: { after: 0, to: 'head', categories: ['command'] } },
      metadata: { actor: 'admin' },
    });
  });

  it('is of what the caller may see, and between positions', async () => {
    const own = (await lines('/api/v1/events/export', await tokenFor('ann:login'))).map((line) => JSON.parse(line));
    expect(own).toMatchObject([{ stream: 'application-argocd/web/u' }, { end: true, events: 1 }]);
    const some = (await lines('/api/v1/events/export?after=1&to=3')).map((line) => JSON.parse(line));
    expect(some).toMatchObject([{ position: 2 }, { position: 3 }, { end: true, next: 3 }]);
  });

  it.each(['?to=1&after=2', '?limit=3', '?type=Nonsense', '?after=x'])('refuses %s', async (query) =>
    expect((await get(`/api/v1/events/export${query}`)).status).toBe(400),
  );
});
