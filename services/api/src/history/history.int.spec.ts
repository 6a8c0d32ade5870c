import { randomUUID } from 'node:crypto';
import { applicationStream } from '@plumbline/contracts';
import type { Application, KnownEvent } from '@plumbline/contracts';
import { sqlOf, startService } from '@plumbline/platform';
import type { StartedService } from '@plumbline/platform';
import { makeInstallation } from '@plumbline/testing/installation';
import type { Installation } from '@plumbline/testing/installation';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { limits } from '../limits.ts';
import { api } from '../service.ts';

const soon = { timeout: 20_000, interval: 20 };
const key = 'the-signing-key-of-this-test';
let installation: Installation;
let service: StartedService;
const part = { 'app.kubernetes.io/part-of': 'argocd' };

beforeAll(async () => {
  installation = await makeInstallation();
  const { kube, namespace, env } = installation;
  await kube.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'argocd-secret', namespace, labels: part },
    stringData: { 'server.secretkey': key },
  });
  const data = { 'accounts.ann': 'login', 'accounts.bob': 'login', 'accounts.eve': 'login' };
  await kube.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', namespace, labels: part }, data });
  service = await startService(api, env);
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
  for (const name of ['default', 'team', 'old'])
    await say(`project-${name}/p`, {
      type: 'ProjectDeclared',
      data: { namespace, name, uid: 'p', spec: { sourceRepos: ['*'], destinations: [{ server: '*', namespace: '*' }] } },
    });
  const csv = 'p, ann, applications, get, team/*, allow\np, bob, applications, get, team/*, allow\np, bob, applications, get, old/*, allow';
  await say('policy-rbac', { type: 'PolicyChanged', data: { csv, defaultRole: '', scopes: [], matchMode: 'glob' } });
  await vi.waitFor(async () => expect((await call('/api/v1/projects')).body.items).toHaveLength(3), soon);
});
afterAll(async () => {
  await service?.stop();
  await installation?.remove();
});

interface Answer {
  status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- what an answer is, the expectations say
  body: any;
  headers: Headers;
}

async function call(path: string, as = 'admin', options: { method?: string; body?: unknown } = {}): Promise<Answer> {
  const token = await new SignJWT({ sub: `${as}:login`, jti: randomUUID() })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('argocd')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(key));
  const response = await fetch(`${service.url}${path}`, {
    method: options.method ?? 'GET',
    headers: { authorization: `Bearer ${token}`, ...(options.body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

const sayAll = async (stream: string, events: readonly KnownEvent[], actor?: string): Promise<number> => {
  const { context } = service;
  const why = () => ({ cause: randomUUID(), ...(actor === undefined ? {} : { actor }) });
  const recorded = await context.eventLog.append([{ stream, events: events.map(({ type, data }) => context.event(type, data, why())) }]);
  return recorded.at(-1)!.position;
};
const say = (stream: string, event: KnownEvent, actor?: string): Promise<number> => sayAll(stream, [event], actor);

/** Creates the Application and answers its stream. */
async function create(name: string, project = 'team'): Promise<{ stream: string; id: { namespace: string; name: string; uid: string } }> {
  const spec = {
    project,
    source: { repoURL: 'https://git.example/org/repo', path: 'manifests' },
    destination: { server: 'https://kubernetes.default.svc', namespace: 'default' },
  };
  const { status, body } = await call('/api/v1/applications', 'admin', { method: 'POST', body: { metadata: { name }, spec } });
  expect(status).toBe(200);
  const id = { namespace: installation.namespace, name, uid: (body as Application).metadata.uid! };
  return { id, stream: applicationStream(id) };
}

type Id = Awaited<ReturnType<typeof create>>['id'];
const declared = (id: Id, project = 'team', more: Record<string, unknown> = {}): KnownEvent => ({
  type: 'ApplicationDeclared',
  data: {
    ...id,
    project,
    spec: { project, destination: { namespace: 'default' }, source: { repoURL: 'https://git.example/org/repo', path: 'manifests' }, ...more },
    specHash: 'h',
    sealedSpec: 's',
  },
});
const commit = (n: number): string => String(n).padStart(40, 'a');
const web = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'default', name: 'web' };
const compared = (n: number, status: 'Synced' | 'OutOfSync'): KnownEvent => ({
  type: 'ApplicationCompared',
  data: { revision: commit(n), manifestSet: `set-${n}`, sourceType: 'Directory', status, resources: [{ ...web, status }], images: [], conditions: [] },
});
const sync = (
  n: number,
  username: string,
  outcome: 'Succeeded' | 'Failed' | 'AppliedThenFailed' = 'Succeeded',
  more: { resources?: []; localManifests?: number } = {},
): KnownEvent[] =>
  [
    {
      type: 'SyncRequested',
      data: {
        operationId: `op-${n}-${randomUUID()}`,
        trigger: 'manual',
        initiatedBy: { username },
        revision: commit(n),
        manifestSet: `set-${n}`,
        operation: { revision: commit(n), ...more },
        retryLimit: 0,
        backoff: { durationMs: 1, factor: 1, maxDurationMs: 1 },
      },
    },
  ].flatMap((request): KnownEvent[] => {
    const { operationId } = request.data;
    const end: KnownEvent =
      outcome === 'Succeeded'
        ? { type: 'SyncSucceeded', data: { operationId, revision: commit(n), message: 'done' } }
        : { type: 'SyncFailed', data: { operationId, phase: 'Failed', message: 'no' } };
    const applied: KnownEvent[] = outcome === 'Failed' ? [] : [{ type: 'SyncApplied', data: { operationId } }];
    return [
      { type: 'SyncRequested', data: request.data } as KnownEvent,
      { type: 'SyncStarted', data: { operationId, attempt: 0, steps: [] } },
      ...applied,
      end,
    ];
  });

describe('an application as it was', () => {
  let before: number;
  let first: number;
  let second: number;
  let id: Id;
  let stream: string;

  beforeAll(async () => {
    before = (await service.context.eventLog.head()).position;
    ({ id, stream } = await create('web'));
    first = await sayAll(stream, [declared(id), compared(1, 'OutOfSync')]);
    second = await say(stream, compared(2, 'Synced'));
  });

  it('is told by position: object, redacted spec and status, with the place in headers', async () => {
    const { status, body, headers } = await call(`/api/v1/applications/web?at=${first}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name: 'web', namespace: installation.namespace, uid: id.uid },
      spec: { project: 'team' },
      status: { sync: { status: 'OutOfSync', revision: commit(1) }, resources: [{ kind: 'Deployment', status: 'OutOfSync' }] },
    });
    expect(body.status).not.toHaveProperty('historyLimit');
    expect(headers.get('x-plumbline-position')).toBe(String(first));
    expect(headers.get('x-plumbline-time')).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect((await call(`/api/v1/applications/web?at=${second}`)).body.status.sync).toMatchObject({ status: 'Synced', revision: commit(2) });
    expect((await call(`/api/v1/applications/web?at=${second}&fields=status.sync.status`)).body).toEqual({ status: { sync: { status: 'Synced' } } });
  });

  it('is told by time', async () => {
    const [event] = (await service.context.eventLog.readFeed({ after: second - 1, limit: 1 })).events;
    const { body, headers } = await call(`/api/v1/applications/web?at=${event!.at}`);
    expect(body.status.sync).toMatchObject({ revision: commit(2) });
    expect(Number(headers.get('x-plumbline-position'))).toBeGreaterThanOrEqual(second);
  });

  it('is 404 before it existed, also by time', async () => {
    expect(await call(`/api/v1/applications/web?at=${before}`)).toMatchObject({ status: 404, body: { message: expect.stringContaining('did not exist yet') } });
    expect((await call('/api/v1/applications/web?at=2001-01-01T00:00:00Z')).status).toBe(404);
    expect((await call(`/api/v1/applications/nowhere?at=${first}`)).status).toBe(404);
  });

  it.each(['-1', '0', 'x', '1.5', '', '999999999', '2999-01-01T00:00:00Z', '2026-01-01', '1&at=2'])('is 400 at %j, with what is allowed', async (at) => {
    const { status, body } = await call(`/api/v1/applications/web?at=${at}`);
    expect(status).toBe(400);
    expect(body.message).toMatch(/a position from 1 to \d+, or a time like|given once/);
  });

  it('is not refreshed', async () => expect((await call(`/api/v1/applications/web?at=${first}&refresh=hard`)).status).toBe(400));

  it('covers what is secret, even if it was recorded by mistake', async () => {
    const secret = {
      repoURL: 'https://user:canary@git.example/org/repo',
      helm: {
        values: 'password: canary',
        valuesObject: { password: 'canary' },
        parameters: [
          { name: 'p', value: 'canary' },
          { name: 'q', value: 'redacted:0123456789abcdef' },
        ],
      },
      plugin: { name: 'x', env: [{ name: 'TOKEN', value: 'canary' }] },
    };
    const position = await say(stream, declared(id, 'team', { source: secret, sources: [secret] }));
    for (const path of [`?at=${position}`, `/explain?at=${position}`, '/explain', '/history']) {
      const { status, body } = await call(`/api/v1/applications/web${path}`);
      expect(status).toBe(200);
      expect(JSON.stringify(body), path).not.toContain('canary');
    }
    const { spec } = (await call(`/api/v1/applications/web?at=${position}`)).body as Application;
    expect(spec.source?.helm?.parameters).toEqual([
      { name: 'p', value: expect.stringMatching(/^redacted:[0-9a-f]{16}$/) },
      { name: 'q', value: 'redacted:0123456789abcdef' },
    ]);
    await say(stream, declared(id));
  });

  it('is for who may get it in the project that it had then and in the one that it has now', async () => {
    const moved = await create('moved');
    const then = await say(moved.stream, declared(moved.id, 'old'));
    const now = await say(moved.stream, declared(moved.id, 'team'));
    const statusFor = async (who: string, position: number): Promise<number> => (await call(`/api/v1/applications/moved?at=${position}`, who)).status;
    expect([await statusFor('ann', then), await statusFor('ann', now)]).toEqual([403, 200]);
    expect([await statusFor('bob', then), await statusFor('bob', now)]).toEqual([200, 200]);
    expect([await statusFor('eve', then), await statusFor('eve', now)]).toEqual([403, 403]);
    expect((await call(`/api/v1/applications/nowhere?at=${then}`, 'eve')).body).toEqual((await call(`/api/v1/applications/moved?at=${then}`, 'eve')).body);
    expect((await call('/api/v1/applications/moved/explain', 'eve')).status).toBe(403);
    expect((await call('/api/v1/applications/moved/history', 'eve')).status).toBe(403);
  });

  it('is the one that was alive then, when the name was used again', async () => {
    const one = await create('again');
    const early = await say(one.stream, declared(one.id));
    expect((await call('/api/v1/applications/again?cascade=false', 'admin', { method: 'DELETE' })).status).toBe(200);
    const between = await say(one.stream, { type: 'ApplicationDeleted', data: { cascaded: false } });
    expect((await call(`/api/v1/applications/again?at=${early}`)).body.metadata.uid).toBe(one.id.uid);
    expect(await call(`/api/v1/applications/again?at=${between}`)).toMatchObject({ status: 404, body: { message: expect.stringContaining('did not exist') } });
    expect((await call('/api/v1/applications/again/explain')).status).toBe(404);
    const two = await create('again');
    const late = await say(two.stream, declared(two.id));
    const uidAt = async (position: number): Promise<string> => (await call(`/api/v1/applications/again?at=${position}`)).body.metadata.uid;
    expect([await uidAt(early), await uidAt(late)]).toEqual([one.id.uid, two.id.uid]);
    expect((await call(`/api/v1/applications/again?at=${early}`, 'eve')).status).toBe(403);
  });

  it('is folded from a snapshot when its stream is long', async () => {
    const long = await create('long');
    const changes = Array.from({ length: 2 * limits.storySnapshotEvents + 50 }, (_, n) => compared(n, n % 2 === 0 ? 'Synced' : 'OutOfSync'));
    await say(long.stream, declared(long.id));
    const positions: number[] = [];
    for (let n = 0; n < changes.length; n += 500) positions.push(await sayAll(long.stream, changes.slice(n, n + 500)));
    const revisionAt = async (position: number): Promise<string> => (await call(`/api/v1/applications/long?at=${position}`)).body.status.sync.revision;
    const told = await Promise.all(positions.map(revisionAt));
    expect(told).toEqual([499, 999, 1049].map(commit));
    const database = sqlOf(service.context.database);
    expect(await database.query('select version from application_snapshot where stream = $1 order by version', [long.stream])).toEqual([
      { version: 500 },
      { version: 1000 },
    ]);
    // From the snapshots it is the same, and the last one is really used.
    expect(await Promise.all(positions.map(revisionAt))).toEqual(told);
    const marked = `update application_snapshot set story = jsonb_set(story, '{declared,what,project}', '"default"') where stream = $1 and version = 1000`;
    await database.query(marked, [long.stream]);
    expect((await call(`/api/v1/applications/long?at=${positions.at(-1)}`, 'ann')).status).toBe(403);
  });
});

describe('why an application is as it is', () => {
  it('is explained from the commit to the object, now and then', async () => {
    const { id, stream } = await create('shop');
    expect((await call('/api/v1/applications/shop/explain')).body).toMatchObject({ sentence: expect.stringMatching(/^Unknown yet/), chain: [] });
    const repository = { repository: 'r1', url: 'https://git.example/org/repo' };
    await say('repository-r1', {
      type: 'RevisionObserved',
      data: {
        ...repository,
        ref: 'main',
        commit: commit(7),
        tree: commit(8),
        author: 'Alice <alice@example.org>',
        date: '2026-01-01T00:00:00Z',
        message: 'Five replicas',
      },
    });
    const rendering = { application: `${installation.namespace}/shop`, repository: 'r1', commit: commit(7), path: 'manifests', address: 'a1' };
    await say('manifests-a1', { type: 'ManifestsRendered', data: { ...rendering, manifestSet: 'set-7', sourceType: 'Directory', objects: 3, durationMs: 2 } });
    const outOfSync = await sayAll(stream, [declared(id), compared(7, 'OutOfSync')]);
    const target = `application ${installation.namespace}/shop`;
    await say('command-1', { type: 'CommandAccepted', data: { command: 'sync', target, from: '10.0.0.1', parameters: {} } }, 'bob');
    await sayAll(stream, sync(7, 'bob'), 'bob');
    await sayAll(stream, [compared(7, 'Synced'), { type: 'HealthChanged', data: { status: 'Healthy', resources: [{ ...web, health: 'Healthy' }], gone: [] } }]);

    const now = await call('/api/v1/applications/shop/explain', 'ann');
    expect(now.body.sentence).toMatch(/^Synced to aaaaaaa \("Five replicas" by Alice\) and healthy since .* UTC\.$/);
    expect(now.body.chain.map((link: { what: string }) => link.what)).toEqual([
      'commit aaaaaaa seen at main of https://git.example/org/repo: Five replicas',
      '3 objects rendered from manifests (Directory)',
      'declared in project team',
      'asked for sync through the API',
      'sync to aaaaaaa requested (manual)',
      'sync started with 0 steps',
      'sync succeeded: done',
      'compared with the cluster at aaaaaaa',
      'health became Healthy',
    ]);
    expect(now.body.chain[3]).toEqual({ position: expect.any(Number), time: expect.any(String), actor: 'bob', what: expect.any(String) });
    expect(now.headers.get('x-plumbline-position')).toMatch(/^\d+$/);

    const then = await call(`/api/v1/applications/shop/explain?at=${outOfSync}`);
    expect(then.body).toMatchObject({
      sentence: expect.stringMatching(/^Out of sync since .* automated sync is off\.$/),
      next: expect.stringMatching(/^Sync it/),
    });
    expect(then.headers.get('x-plumbline-position')).toBe(String(outOfSync));
    expect((await call('/api/v1/applications/shop/explain?at=-1')).status).toBe(400);
  });

  it('names the place where rendering failed, and the outage of a repository', async () => {
    const { id, stream } = await create('broken');
    const failure = {
      revision: commit(9),
      condition: 'ComparisonError',
      code: 'manifest-invalid',
      message: 'not a number (web.yaml:12)',
      file: 'web.yaml',
      line: 12,
    } as const;
    const rendering = { application: `${installation.namespace}/broken`, repository: 'r1', commit: commit(9), path: 'manifests', address: 'a2' };
    await say('manifests-a2', { type: 'RenderFailed', data: { ...rendering, code: 'manifest-invalid', message: 'not a number', file: 'web.yaml', line: 12 } });
    await sayAll(stream, [declared(id), { type: 'ComparisonFailed', data: failure }]);
    const { body } = await call('/api/v1/applications/broken/explain');
    expect(body.sentence).toMatch(/^Can't be compared at aaaaaaa since .*: not a number \(web.yaml:12\)\.$/);
    expect(body.chain[0].what).toBe('rendering failed in web.yaml:12: not a number');
    await say('repository-r1', { type: 'RepositoryUnreachable', data: { repository: 'r1', url: 'https://git.example/org/repo', message: 'no route to host' } });
    await say(stream, { type: 'ComparisonFailed', data: { condition: 'ComparisonError', code: 'repository-unreachable', message: 'no route to host' } });
    const away = (await call('/api/v1/applications/broken/explain')).body;
    expect(away.sentence).toMatch(/^Unknown since .* because the repository can't be reached: no route to host\.$/);
    expect(away.chain.map((link: { what: string }) => link.what)).toContain('repository https://git.example/org/repo could not be reached: no route to host');
  });
});

describe('the operations of an application', () => {
  it('are all there, newest first, by pages; status.history stays short', async () => {
    const { id, stream } = await create('busy');
    await say(stream, declared(id));
    for (let n = 0; n < 24; n++) await sayAll(stream, sync(n, 'bob'));
    await sayAll(stream, sync(24, 'bob', 'AppliedThenFailed'));
    await sayAll(stream, sync(97, 'ann', 'Succeeded', { localManifests: 1 }));
    await sayAll(stream, sync(98, 'ann', 'Succeeded', { resources: [] }));
    const last = await sayAll(stream, sync(99, 'ann', 'Failed'));
    const page = (await call('/api/v1/applications/busy/history?limit=20')).body;
    expect(page.items).toHaveLength(20);
    expect(page.items[0]).toMatchObject({
      uid: id.uid,
      revision: commit(99),
      trigger: 'manual',
      initiatedBy: { username: 'ann' },
      phase: 'Failed',
      message: 'no',
      attempts: 1,
      source: { path: 'manifests' },
    });
    expect(Object.keys(page.items[0])).not.toContain('id');
    expect(page.items[1]).not.toHaveProperty('id');
    expect(page.items[2]).not.toHaveProperty('id');
    expect(page.items[3]).toMatchObject({ id: 24, phase: 'Failed', startedAt: expect.any(String), finishedAt: expect.any(String) });
    expect(page.items[4]).toMatchObject({ id: 23, phase: 'Succeeded' });
    const rest = (await call(`/api/v1/applications/busy/history?limit=20&before=${page.next}`)).body;
    expect(rest.items.map((item: { id: number }) => item.id)).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
    expect(rest).not.toHaveProperty('next');
    const then = (await call(`/api/v1/applications/busy?at=${last}`)).body as { status: { history: { id: number }[] } };
    expect(then.status.history.map((entry) => entry.id)).toEqual(
      page.items
        .slice(3, 13)
        .map((item: { id: number }) => item.id)
        .toReversed(),
    );
  });

  it.each(['before=0', 'before=x', 'limit=0', 'limit=101', 'limit=1&limit=2', 'colour=red'])('refuse %s', async (query) =>
    expect((await call(`/api/v1/applications/busy/history?${query}`)).status).toBe(400),
  );

  it('outlive the application, for who may see its project', async () => {
    const { id, stream } = await create('brief', 'old');
    await sayAll(stream, [declared(id, 'old'), ...sync(1, 'bob')]);
    await call('/api/v1/applications/brief?cascade=false', 'admin', { method: 'DELETE' });
    await say(stream, { type: 'ApplicationDeleted', data: { cascaded: false } });
    expect((await call('/api/v1/applications/brief/history', 'bob')).body.items).toHaveLength(1);
    expect((await call('/api/v1/applications/brief/history', 'ann')).status).toBe(403);
    expect((await call('/api/v1/applications/none/history')).status).toBe(404);
  });
});

/** Last: it takes away the beginning of the log. */
describe('a position that was exported and dropped', () => {
  it('is gone, with the oldest one that is left', async () => {
    const { id, stream } = await create('late');
    const { position } = await service.context.eventLog.head();
    // What dropping a partition comes to; the triggers that refuse deletion are out of the way for this transaction only.
    await service.context.transaction(async (tx) => {
      await tx.query('set local session_replication_role = replica');
      await tx.query('delete from log.event where position < $1', [position]);
      await tx.query('update log.head set oldest = $1', [position]);
    });
    const at = await say(stream, declared(id));
    expect(await call(`/api/v1/applications/late?at=${position - 1}`)).toMatchObject({
      status: 410,
      body: { message: expect.stringContaining(`oldest position is ${position}`) },
    });
    expect((await call('/api/v1/applications/late?at=2001-01-01T00:00:00Z')).status).toBe(410);
    expect((await call(`/api/v1/applications/late?at=${at}`)).status).toBe(200);
    expect((await call('/api/v1/applications/late?at=0')).body.message).toContain(`a position from ${position} to `);
    // An application whose beginning is no longer there can't be told.
    expect((await call(`/api/v1/applications/web?at=${at}`)).status).toBe(410);
  });
});
