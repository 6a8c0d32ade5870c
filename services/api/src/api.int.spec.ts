import { createHmac, randomUUID } from 'node:crypto';
import { makeNatsBus } from '@plumbline/bus';
import type { Bus } from '@plumbline/bus';
import { applicationStream, blobScope, describeResourceTree, noMetrics, refreshRepository, silentLogger } from '@plumbline/contracts';
import type { RequestOf } from '@plumbline/contracts';
import { startService, verifyCallerToken } from '@plumbline/platform';
import type { StartedService } from '@plumbline/platform';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeInstallation } from '@plumbline/testing/installation';
import type { Installation } from '@plumbline/testing/installation';
import { api } from './service.ts';
import { sqlOf } from '@plumbline/platform';

const soon = { timeout: 20_000, interval: 20 };
const key = 'the-signing-key-of-this-test';
let installation: Installation;
let service: StartedService;
let repoWatcher: Bus;
const hints: RequestOf<typeof refreshRepository>[] = [];

const part = { 'app.kubernetes.io/part-of': 'argocd' };
const configure = (secret: Record<string, string>) =>
  installation.kube.apply(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'argocd-secret', namespace: installation.namespace, labels: part },
      stringData: { 'server.secretkey': key, ...secret },
    },
    { fieldManager: 'test' },
  );

beforeAll(async () => {
  installation = await makeInstallation();
  const { kube, namespace, env } = installation;
  await configure({});
  await kube.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'argocd-cm', namespace, labels: part },
    data: { 'accounts.ann': 'login', 'accounts.eve': 'login' },
  });
  service = await startService(api, env);
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
  const project = { namespace, name: 'default', uid: 'p1', spec: { sourceRepos: ['https://git.example/**'], destinations: [{ server: '*', namespace: '*' }] } };
  await say('project-default/p1', 'ProjectDeclared', project);
  await say('project-team/p2', 'ProjectDeclared', { ...project, name: 'team', uid: 'p2' });
  await say('policy-rbac', 'PolicyChanged', { csv: 'p, ann, applications, get, team/*, allow', defaultRole: '', scopes: [], matchMode: 'glob' });
});
afterAll(async () => {
  await repoWatcher?.close();
  await service?.stop();
  await installation?.remove();
});

const say = async (stream: string, type: string, data: unknown): Promise<number> => {
  const { context } = service;
  const recorded = await context.eventLog.append([{ stream, events: [context.event(type, data, { cause: randomUUID() })] }]);
  return recorded.at(-1)!.position;
};
const tokenFor = (sub: string, jti: string = randomUUID()) =>
  new SignJWT({ sub, jti }).setProtectedHeader({ alg: 'HS256' }).setIssuer('argocd').setIssuedAt().setExpirationTime('1h').sign(new TextEncoder().encode(key));

// oxlint-disable-next-line typescript/no-explicit-any -- what an answer is, the expectations say
type Json = any;

interface Answer {
  status: number;
  body: Json;
  headers: Headers;
}
async function call(
  method: string,
  path: string,
  options: { as?: string | undefined; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { as = 'admin:login', body } = options;
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: {
      ...(as === 'nobody' ? {} : { authorization: `Bearer ${await tokenFor(as)}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

const application = (name: string, project = 'default', spec: Record<string, unknown> = {}) => ({
  metadata: { name },
  spec: {
    project,
    source: { repoURL: 'https://git.example/org/repo', path: 'manifests' },
    destination: { server: 'https://kubernetes.default.svc', namespace: 'default' },
    ...spec,
  },
});
const commandEvents = async () =>
  (await service.context.eventLog.readFeed({ after: 0, limit: 1000 })).events.filter((event) => event.stream.startsWith('command-'));

describe('the door', () => {
  it.each([
    ['GET', '/api/v1/applications'],
    ['GET', '/api/v1/applications/web/manifests'],
    ['POST', '/api/v1/applications/web/sync'],
    ['DELETE', '/api/v1/session'],
    ['GET', '/api/v1/session/userinfo'],
    ['GET', '/api/v1/events'],
    ['GET', '/api/v1/projects'],
    ['GET', '/api/v1/settings'],
    ['GET', '/metrics'],
  ])('asks who it is: %s %s', async (method, path) => {
    expect(await call(method, path, { as: 'nobody' })).toMatchObject({
      status: 401,
      body: { code: 16, error: expect.any(String), message: expect.any(String) },
    });
  });

  it('stays open for health and version', async () => {
    for (const path of ['/healthz', '/readyz', '/api/version']) expect((await call('GET', path, { as: 'nobody' })).status).toBe(200);
    expect((await call('GET', '/api/version', { as: 'nobody' })).body).toHaveProperty('Version');
  });

  it('answers an unknown address in JSON', async () => {
    expect(await call('GET', '/api/v1/nothing')).toMatchObject({ status: 404, body: { message: expect.any(String) } });
    expect(await call('GET', '/nothing', { as: 'nobody' })).toMatchObject({ status: 404, body: { message: expect.any(String) } });
  });

  it('reads JSON only', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      expect((await call('POST', '/api/v1/applications', { body: '{}', headers: { 'content-type': type } })).status).toBe(415);
    }
    expect((await call('POST', '/api/v1/applications', { body: '{"metadata"' })).status).toBe(400);
    expect((await call('POST', '/api/v1/applications', { body: { spec: 7 } })).status).toBe(400);
    expect((await call('POST', '/api/v1/applications', { body: JSON.stringify('x'.repeat(5 * 1024 * 1024)) })).status).toBe(413);
  });

  it('says who the caller is', async () => {
    expect((await call('GET', '/api/v1/session/userinfo')).body).toEqual({ loggedIn: true, username: 'admin', iss: 'argocd', groups: [] });
    expect(
      (await call('GET', '/api/v1/session/userinfo', { as: 'nobody', headers: { cookie: `argocd.token=${await tokenFor('ann:login')}` } })).body,
    ).toMatchObject({ username: 'ann' });
  });

  it('forgets a token that was revoked', async () => {
    const token = await tokenFor('admin:login', 'to-be-revoked');
    const ask = () => fetch(`${service.url}/api/v1/settings`, { headers: { authorization: `Bearer ${token}` } });
    expect((await ask()).status).toBe(200);
    await say('account-admin', 'TokenRevoked', { subject: 'admin', tokenId: 'to-be-revoked' });
    await vi.waitFor(async () => expect((await ask()).status).toBe(401), soon);
  });

  it('answers 503, not 401, to a log-in while rbac is away', async () => {
    expect((await call('POST', '/api/v1/session', { as: 'nobody', body: { username: 'admin', password: 'x' } })).status).toBe(503);
  });
});

describe('applications', () => {
  it('are created, read, listed, changed and deleted, each recorded before and after', async () => {
    const created = await call('POST', '/api/v1/applications', { body: application('web', 'team') });
    expect(created).toMatchObject({ status: 200, body: { metadata: { name: 'web', uid: expect.any(String) }, spec: { project: 'team' } } });
    expect((await call('GET', '/api/v1/applications/web')).body).toMatchObject({
      metadata: { uid: created.body.metadata.uid },
      status: { sync: { status: 'Unknown' } },
    });
    await call('POST', '/api/v1/applications', { body: application('other') });
    expect((await call('GET', '/api/v1/applications?fields=items.metadata.name')).body).toEqual({
      items: [{ metadata: { name: 'other' } }, { metadata: { name: 'web' } }],
    });
    expect((await call('GET', '/api/v1/applications', { as: 'ann:login' })).body.items.map((item: Json) => item.metadata.name)).toEqual(['web']);

    expect((await call('POST', '/api/v1/applications', { body: application('web', 'team') })).status).toBe(200);
    expect(await call('POST', '/api/v1/applications', { body: application('web') })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('use upsert flag') },
    });
    expect(
      (await call('PUT', '/api/v1/applications/web', { body: application('web', 'team', { revisionHistoryLimit: 3 }) })).body.spec.revisionHistoryLimit,
    ).toBe(3);

    expect((await call('DELETE', '/api/v1/applications/other?cascade=false')).status).toBe(200);
    expect((await call('GET', '/api/v1/applications/other')).status).toBe(404);
    const events = await commandEvents();
    expect(events.filter((event) => (event.data as { command: string }).command === 'delete-application')).toMatchObject([
      {
        type: 'CommandAccepted',
        metadata: { actor: 'admin' },
        data: { target: `application ${installation.namespace}/other`, from: '127.0.0.1', parameters: { cascade: false } },
      },
      { type: 'CommandDone', data: { outcome: 'done' } },
    ]);
  });

  it('of a project that forbids the source or is not there are refused', async () => {
    expect(
      await call('POST', '/api/v1/applications', {
        body: application('bad', 'default', { source: { repoURL: 'https://u:canary@evil.example/x', path: '.' } }),
      }),
    ).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/application repo https:\/\/evil.example\/x is not permitted in project 'default'/) },
    });
    expect(await call('POST', '/api/v1/applications', { body: application('bad', 'none') })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('does not exist') },
    });
  });

  it('look the same when they are forbidden and when they are not there', async () => {
    const answers = await Promise.all(['/api/v1/applications/web', '/api/v1/applications/none'].map((path) => call('GET', path, { as: 'eve:login' })));
    expect(answers[0]).toMatchObject({ status: 403, body: { message: 'permission denied' } });
    expect(answers[1]!.body).toEqual(answers[0]!.body);
    expect((await call('GET', '/api/v1/applications/web', { as: 'ann:login' })).status).toBe(200);
    for (const [method, path, body] of [
      ['POST', '/web/sync', {}],
      ['DELETE', '/web', undefined],
      ['PUT', '/web', application('web', 'team')],
    ] as const) {
      expect((await call(method, `/api/v1/applications${path}`, { as: 'ann:login', body })).status).toBe(403);
    }
    expect((await call('POST', '/api/v1/applications', { as: 'ann:login', body: application('x', 'team') })).status).toBe(403);
  });

  it('carry the status that the log tells', async () => {
    const { body } = await call('GET', '/api/v1/applications/web');
    const stream = applicationStream({ namespace: installation.namespace, name: 'web', uid: body.metadata.uid });
    await say(stream, 'ApplicationDeclared', {
      namespace: installation.namespace,
      name: 'web',
      uid: body.metadata.uid,
      project: 'team',
      spec: body.spec,
      specHash: 'h',
      sealedSpec: 's',
    });
    await say(stream, 'ApplicationCompared', {
      revision: 'r1',
      manifestSet: 'm1',
      sourceType: 'Directory',
      status: 'Synced',
      resources: [],
      images: [],
      conditions: [],
    });
    await vi.waitFor(
      async () =>
        expect((await call('GET', '/api/v1/applications/web')).body.status).toMatchObject({
          sync: { status: 'Synced', revision: 'r1' },
          sourceType: 'Directory',
        }),
      soon,
    );
    expect((await call('GET', '/api/v1/applications/web')).body.status).not.toHaveProperty('historyLimit');
  });

  it('show their manifests, with what is secret covered', async () => {
    const { blobs, sealer } = service.context;
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { a: sealer.seal('manifests', 'canary') } };
    const set = {
      version: 1,
      sourceType: 'Directory',
      objects: [{ manifest: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } } }, { manifest: secret }],
    };
    await blobs.put(blobScope.manifests, [{ id: 'm1', bytes: Buffer.from(JSON.stringify(set)) }]);
    const { status, body } = await call('GET', '/api/v1/applications/web/manifests');
    expect(status).toBe(200);
    expect(body).toMatchObject({ revision: 'r1', sourceType: 'Directory', namespace: 'default', server: 'https://kubernetes.default.svc' });
    expect(body.manifests.map((text: string) => JSON.parse(text))).toMatchObject([{ kind: 'ConfigMap' }, { kind: 'Secret', data: { a: '++++++++' } }]);
    expect((await call('GET', '/api/v1/applications/web/manifests?revision=r0')).status).toBe(501);
    expect((await call('GET', '/api/v1/applications/web/manifests', { as: 'eve:login' })).status).toBe(403);
  });

  it('show their tree, which syncer is asked for in the name of the caller', async () => {
    const { env, namespace } = installation;
    const tree = { nodes: [{ kind: 'Deployment', name: 'web' }], orphanedNodes: [] };
    await service.context.blobs.put(blobScope.answers, [{ id: 't1', bytes: Buffer.from(JSON.stringify(tree)) }]);
    const syncer = makeNatsBus({ url: env['PLUMBLINE_NATS_URL']!, prefix: env['PLUMBLINE_PREFIX']!, service: 'syncer', log: silentLogger, metrics: noMetrics });
    const asked: unknown[] = [];
    syncer.serve(describeResourceTree, async (request, { token }) => {
      asked.push(request, await verifyCallerToken(token, { key: Buffer.from(env['PLUMBLINE_KEY']!, 'base64'), audience: 'syncer', clock: Date.now }));
      return { blob: 't1' };
    });
    await vi.waitFor(async () => expect((await call('GET', '/api/v1/applications/web/resource-tree', { as: 'ann:login' })).body).toEqual(tree), soon);
    expect(asked.slice(-2)).toEqual([
      { namespace, name: 'web' },
      { subject: 'ann', groups: [] },
    ]);
    await syncer.close();
  });

  it('are synced by one operation at a time', async () => {
    const answers = await Promise.all(
      [1, 2, 3].map(() => call('POST', '/api/v1/applications/web/sync', { body: { prune: true, infos: [{ name: 'why', value: 'canary' }] } })),
    );
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([200, 400, 400]);
    expect(answers.find((answer) => answer.status === 200)!.body.operation).toMatchObject({ sync: { prune: true }, initiatedBy: { username: 'admin' } });
    expect(answers.find((answer) => answer.status === 400)!.body.message).toBe('another operation is already in progress');
    expect((await call('GET', '/api/v1/applications/web')).body.operation).toBeDefined();
    const events = await commandEvents();
    expect(
      events
        .filter((event) => event.type === 'CommandDone' && (event.data as Json).command === 'sync')
        .map((event) => (event.data as Json).outcome)
        .toSorted((a: string, b: string) => a.localeCompare(b)),
    ).toEqual(['done', 'failed', 'failed']);
    expect(JSON.stringify(events)).not.toContain('canary');
  });

  it('are refreshed by an annotation', async () => {
    const { body } = await call('GET', '/api/v1/applications/web?refresh=hard');
    expect(body.metadata.annotations['argocd.argoproj.io/refresh']).toBe('hard');
    expect((await call('GET', '/api/v1/applications/web?refresh=soon')).status).toBe(400);
  });

  it('that cascade wait for their objects', async () => {
    expect((await call('DELETE', '/api/v1/applications/web')).status).toBe(200);
    const { body } = await call('GET', '/api/v1/applications/web');
    expect(body.metadata).toMatchObject({ deletionTimestamp: expect.any(String), finalizers: ['resources-finalizer.argocd.argoproj.io'] });
    expect(await call('POST', '/api/v1/applications/web/sync', { body: {} })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('being deleted') },
    });
    await installation.kube.mergePatch(
      { group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: installation.namespace, name: 'web' },
      { metadata: { finalizers: [] } },
      { fieldManager: 'test' },
    );
    await vi.waitFor(async () => expect((await call('GET', '/api/v1/applications/web')).status).toBe(404), soon);
  });

  it('belong to projects, which are shown without their tokens', async () => {
    await say('project-tokens/p3', 'ProjectDeclared', {
      namespace: installation.namespace,
      name: 'tokens',
      uid: 'p3',
      spec: { roles: [{ name: 'ci', jwtTokens: [{ id: 'canary', iat: 1 }] }] },
    });
    await vi.waitFor(
      async () => expect((await call('GET', '/api/v1/projects')).body.items.map((item: Json) => item.metadata.name)).toEqual(['default', 'team', 'tokens']),
      soon,
    );
    expect(JSON.stringify((await call('GET', '/api/v1/projects/tokens')).body)).not.toContain('canary');
    expect((await call('GET', '/api/v1/projects', { as: 'eve:login' })).body.items).toEqual([]);
    expect((await call('GET', '/api/v1/projects/team', { as: 'eve:login' })).status).toBe(403);
  });
});

describe('the log', () => {
  it('is read in pages', async () => {
    const first = (await call('GET', '/api/v1/events?limit=2')).body;
    expect(first.events.map((event: Json) => event.position)).toEqual([1, 2]);
    expect(Object.keys(first.events[0]).sort()).toEqual(['actor', 'data', 'id', 'position', 'stream', 'time', 'type', 'version']);
    expect(first).toMatchObject({ head: expect.any(Number), generation: expect.any(String), next: 2 });
    const second = (await call('GET', '/api/v1/events?after=2&limit=2')).body;
    expect(second.events.map((event: Json) => event.position)).toEqual([3, 4]);
    expect((await call('GET', `/api/v1/events?after=${first.head}`)).body).toMatchObject({ events: [], head: first.head });
    for (const query of ['after=-1', 'after=x', 'limit=0', 'limit=1001', 'wait=61', 'until=3'])
      expect((await call('GET', `/api/v1/events?${query}`)).status).toBe(400);
    expect((await call('GET', '/api/v1/events', { as: 'eve:login' })).body).toMatchObject({ events: [], next: expect.any(Number) });
  });

  it('is waited for', async () => {
    const { head } = (await call('GET', '/api/v1/events?limit=1')).body;
    const waiting = call('GET', `/api/v1/events?after=${head}&wait=30`);
    const position = await say('command-waited', 'CommandAccepted', {});
    expect((await waiting).body.events.map((event: Json) => event.position)).toEqual([position]);
  });

  it('is followed as server-sent events, and resumed', async () => {
    const { head } = (await call('GET', '/api/v1/events?limit=1')).body;
    const follow = async (headers: Record<string, string>, query = '') => {
      const stop = new AbortController();
      const response = await fetch(`${service.url}/api/v1/events${query}`, {
        headers: { authorization: `Bearer ${await tokenFor('admin:login')}`, accept: 'text/event-stream', ...headers },
        signal: stop.signal,
      });
      expect(response.headers.get('content-type')).toMatch('text/event-stream');
      let text = '';
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      return {
        until: async (wanted: RegExp) => {
          while (!wanted.test(text)) {
            const { value, done } = await reader.read();
            if (done) throw new Error(`the stream ended after: ${text}`);
            text += value;
          }
          return text;
        },
        stop: () => stop.abort(),
      };
    };
    const stream = await follow({}, `?after=${head}`);
    await stream.until(/event: head/);
    const position = await say('command-followed', 'CommandAccepted', { n: 1 });
    expect(await stream.until(new RegExp(`id: ${position}\\ndata: .*command-followed.*\\n\\n`))).toContain(`"head":${head}`);
    stream.stop();
    const later = await say('command-followed', 'CommandDone', { n: 2 });
    const resumed = await follow({ 'last-event-id': String(position) });
    const text = await resumed.until(new RegExp(`id: ${later}\\ndata: `));
    expect(text).not.toContain(`id: ${position}\ndata: {"position"`);
    resumed.stop();
  });
});

describe('a webhook', () => {
  const push = { ref: 'refs/heads/main', after: 'a'.repeat(40), repository: { clone_url: 'https://git.example/org/repo.git' } };
  const send = (body: unknown, headers: Record<string, string>) => call('POST', '/api/webhook', { as: 'nobody', body, headers });

  it('is answered 503 while nobody can act on it', async () => {
    const answer = await send(push, { 'x-github-event': 'push' });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('5');
  });

  it('is passed on as a hint', async () => {
    const { env } = installation;
    repoWatcher = makeNatsBus({
      url: env['PLUMBLINE_NATS_URL']!,
      prefix: env['PLUMBLINE_PREFIX']!,
      service: 'repo-watcher',
      log: silentLogger,
      metrics: noMetrics,
    });
    repoWatcher.serve(refreshRepository, async (hint) => {
      hints.push(hint);
      return { repositories: ['r1'] };
    });
    await vi.waitFor(async () => expect((await send(push, { 'x-github-event': 'push' })).status).toBe(200), soon);
    expect(hints.at(-1)).toEqual({ urls: ['https://git.example/org/repo.git'], ref: 'refs/heads/main', commit: 'a'.repeat(40) });
    expect((await send({ zen: 'x' }, { 'x-github-event': 'ping' })).status).toBe(200);
  });

  it('that makes no sense is refused, counted, and kept out of the log', async () => {
    const { position } = await service.context.eventLog.head();
    expect(await send(push, {})).toMatchObject({ status: 400, body: { message: 'Unknown webhook event' } });
    for (const body of ['', 'null', '[]', '{"repository":null}', '{"a":', '"x"']) expect((await send(body, { 'x-github-event': 'push' })).status).toBe(400);
    expect((await service.context.eventLog.head()).position).toBe(position);
    const rows = await sqlOf(service.context.database).query<{ reason: string }>('select distinct reason from refused_webhook order by reason');
    expect(rows.map((row) => row.reason)).toEqual(['malformed', 'unknown-event']);
  });

  it('needs a signature once there is a secret', async () => {
    await configure({ 'webhook.github.secret': 'hook', 'webhook.gitlab.secret': 'lab' });
    const text = JSON.stringify(push);
    const signature = `sha256=${createHmac('sha256', 'hook').update(text).digest('hex')}`;
    await vi.waitFor(async () => expect((await send(text, { 'x-github-event': 'push' })).status).toBe(401), soon);
    expect((await send(`${text} `, { 'x-github-event': 'push', 'x-hub-signature-256': signature })).status).toBe(401);
    expect((await send(text, { 'x-github-event': 'push', 'x-hub-signature-256': signature })).status).toBe(200);
    const gitlab = { project: { git_http_url: 'https://git.example/org/repo.git' }, ref: 'refs/heads/main' };
    expect((await send(gitlab, { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': 'no' })).status).toBe(401);
    expect((await send(gitlab, { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': 'lab' })).status).toBe(200);
  });
});
