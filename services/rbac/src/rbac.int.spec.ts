import { logIn, logOut } from '@plumbline/contracts';
import type { RecordedEvent } from '@plumbline/contracts';
import { startService } from '@plumbline/platform';
import type { StartedService } from '@plumbline/platform';
import { compare } from 'bcryptjs';
import { jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeInstallation } from '@plumbline/testing/installation';
import type { Installation } from '@plumbline/testing/installation';
import { limits } from './limits.ts';
import { rbac } from './service.ts';
import { sqlOf } from '@plumbline/platform';

const soon = { timeout: 20_000, interval: 20 };
let installation: Installation;
let service: StartedService;

beforeAll(async () => {
  installation = await makeInstallation();
  service = await startService(rbac, installation.env);
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
});
afterAll(async () => {
  await service?.stop();
  await installation?.remove();
});

const ref = (kind: string, name: string, group = '', version = 'v1') => ({ group, version, kind, namespace: installation.namespace, name });
const secretData = async (name: string): Promise<Record<string, string>> => {
  const secret = await installation.kube.get(ref('Secret', name));
  return Object.fromEntries(
    Object.entries((secret?.['data'] ?? {}) as Record<string, string>).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
};
const events = async (): Promise<RecordedEvent[]> => (await service.context.eventLog.readFeed({ after: 0, limit: 1000 })).events;
const ofType = async (type: string) => (await events()).filter((event) => event.type === type);
const ask = (username: string, password: string, from = '192.0.2.1') => service.context.bus.call(logIn, { username, password, from });
const password = async () => (await secretData('argocd-initial-admin-secret'))['password']!;

describe('an installation', () => {
  it('gets what it lacks', async () => {
    const { kube } = installation;
    expect((await kube.get(ref('AppProject', 'default', 'argoproj.io', 'v1alpha1')))?.['spec']).toEqual({
      sourceRepos: ['*'],
      destinations: [{ server: '*', namespace: '*' }],
      clusterResourceWhitelist: [{ group: '*', kind: '*' }],
    });
    for (const [kind, name] of [
      ['ConfigMap', 'argocd-cm'],
      ['ConfigMap', 'argocd-rbac-cm'],
      ['Secret', 'argocd-secret'],
      ['Secret', 'argocd-initial-admin-secret'],
    ] as const) {
      expect((await kube.get(ref(kind, name)))?.metadata.labels).toMatchObject({ 'app.kubernetes.io/part-of': 'argocd' });
    }
    expect((await password()).length).toBeGreaterThanOrEqual(16);
    const secret = await secretData('argocd-secret');
    expect(await compare(await password(), secret['admin.password']!)).toBe(true);
    expect(secret['server.secretkey']!.length).toBeGreaterThanOrEqual(32);
    expect(Date.parse(secret['admin.passwordMtime']!)).not.toBeNaN();
  });

  it('is in the log', async () => {
    await vi.waitFor(async () => expect(await ofType('ProjectDeclared')).toMatchObject([{ data: { name: 'default' } }]), soon);
    await vi.waitFor(async () => expect(await ofType('PolicyChanged')).toMatchObject([{ stream: 'policy-rbac', data: { csv: '', matchMode: 'glob' } }]), soon);
  });

  it('keeps what it has when the service starts again', async () => {
    const before = [await secretData('argocd-secret'), await secretData('argocd-initial-admin-secret')];
    const again = await startService(rbac, { ...installation.env, PLUMBLINE_INSTANCE: 'rbac-1' });
    await vi.waitFor(async () => expect((await fetch(`${again.url}/readyz`)).status).toBe(200), soon);
    await again.stop();
    expect([await secretData('argocd-secret'), await secretData('argocd-initial-admin-secret')]).toEqual(before);
    expect(await ofType('ProjectDeclared')).toHaveLength(1);
  });
});

describe('projects', () => {
  it('are recorded when they change, and when they go', async () => {
    const { kube, namespace } = installation;
    const team = { apiVersion: 'argoproj.io/v1alpha1', kind: 'AppProject', metadata: { name: 'team', namespace }, spec: { sourceRepos: ['a'] } };
    const { metadata } = await kube.create(team);
    const recorded = async () =>
      (await events()).filter((event) => event.stream === `project-team/${metadata.uid}`).map((event) => [event.type, (event.data as { spec?: unknown }).spec]);
    await vi.waitFor(async () => expect(await recorded()).toEqual([['ProjectDeclared', { sourceRepos: ['a'] }]]), soon);
    const reference = ref('AppProject', 'team', 'argoproj.io', 'v1alpha1');
    await kube.mergePatch(reference, { metadata: { labels: { a: 'b' } } }, { fieldManager: 'test' });
    await kube.mergePatch(reference, { spec: { sourceRepos: ['b'] } }, { fieldManager: 'test' });
    await vi.waitFor(async () => expect(await recorded()).toHaveLength(2), soon);
    await kube.mergePatch(reference, { spec: { sourceRepos: ['a'] } }, { fieldManager: 'test' });
    await vi.waitFor(async () => expect(await recorded()).toHaveLength(3), soon);
    await kube.delete(reference);
    await vi.waitFor(
      async () => expect((await recorded()).map(([type]) => type)).toEqual(['ProjectDeclared', 'ProjectDeclared', 'ProjectDeclared', 'ProjectDeleted']),
      soon,
    );
  });

  it('with the finalizer go when no application is in them any more (B114)', async () => {
    const { kube, namespace } = installation;
    const made = (kind: string, name: string, spec: object, finalizers: string[] = []) =>
      kube.create({ apiVersion: 'argoproj.io/v1alpha1', kind, metadata: { name, namespace, finalizers }, spec });
    const project = ref('AppProject', 'used', 'argoproj.io', 'v1alpha1');
    await made('AppProject', 'used', {}, ['example.org/other', 'resources-finalizer.argocd.argoproj.io']);
    for (const [name, its] of [
      ['in-it', 'used'],
      ['elsewhere', ''],
    ] as const)
      await made('Application', name, { project: its, destination: {}, source: { repoURL: 'https://git.example.org/x', path: '.' } });
    await kube.delete(project);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await kube.get(project))?.metadata.finalizers).toHaveLength(2);
    await kube.delete({ ...project, kind: 'Application', name: 'in-it' });
    await vi.waitFor(async () => expect((await kube.get(project))?.metadata.finalizers).toEqual(['example.org/other']), soon);
    await kube.mergePatch(project, { metadata: { finalizers: null } }, { fieldManager: 'test' });
    await kube.delete({ ...project, kind: 'Application', name: 'elsewhere' });
  });

  it('that go while nobody watches are found at the next start', async () => {
    const { kube, namespace, env } = installation;
    const { metadata } = await kube.create({ apiVersion: 'argoproj.io/v1alpha1', kind: 'AppProject', metadata: { name: 'brief', namespace }, spec: {} });
    const types = async () => (await events()).filter((event) => event.stream === `project-brief/${metadata.uid}`).map((event) => event.type);
    await vi.waitFor(async () => expect(await types()).toEqual(['ProjectDeclared']), soon);
    await service.stop();
    await kube.delete(ref('AppProject', 'brief', 'argoproj.io', 'v1alpha1'));
    service = await startService(rbac, env);
    await vi.waitFor(async () => expect(await types()).toEqual(['ProjectDeclared', 'ProjectDeleted']), soon);
  });

  it('and the policy follow the ConfigMap', async () => {
    await installation.kube.mergePatch(
      ref('ConfigMap', 'argocd-rbac-cm'),
      { data: { 'policy.csv': 'g, ann, role:admin', 'policy.default': 'role:readonly' } },
      { fieldManager: 'test' },
    );
    await vi.waitFor(
      async () => expect((await ofType('PolicyChanged')).at(-1)?.data).toMatchObject({ csv: 'g, ann, role:admin', defaultRole: 'role:readonly' }),
      soon,
    );
  });
});

describe('a log-in', () => {
  it("gives a token in Argo CD's shape, and is recorded without it", async () => {
    const { token } = await vi.waitFor(async () => ask('admin', await password()), soon);
    const key = new TextEncoder().encode((await secretData('argocd-secret'))['server.secretkey']);
    const { payload, protectedHeader } = await jwtVerify(token, key);
    expect(protectedHeader.alg).toBe('HS256');
    expect(payload).toMatchObject({ iss: 'argocd', sub: 'admin:login', jti: expect.any(String) });
    expect(payload.exp! - payload.iat!).toBe(limits.sessionSecondsDefault);
    const [issued] = await ofType('TokenIssued');
    expect(issued).toMatchObject({ stream: 'account-admin', data: { subject: 'admin', tokenId: payload.jti } });
    expect(JSON.stringify(await events())).not.toContain(token.split('.')[2]);
    await service.context.bus.call(logOut, { token });
    expect(await ofType('TokenRevoked')).toMatchObject([{ data: { tokenId: payload.jti } }]);
    await expect(service.context.bus.call(logOut, { token: `${token}x` })).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('that fails says the same whatever was wrong, and leaves the log alone', async () => {
    const { position } = await service.context.eventLog.head();
    for (const name of ['admin', 'nobody', 'n'.repeat(200), "admin' or 1=1"])
      await expect(ask(name, 'wrong')).rejects.toMatchObject({ code: 'unauthenticated', message: 'Invalid username or password' });
    expect((await service.context.eventLog.head()).position).toBe(position);
    const [row] = await sqlOf(service.context.database).query<{ attempts: number }>(
      `select sum(attempts)::int as attempts from refused_login where source = '192.0.2.1'`,
    );
    expect(row?.attempts).toBe(4);
  });

  it('is locked after five failures, even for attempts at the same moment, until the window is over', async () => {
    const database = sqlOf(service.context.database);
    await database.query('delete from login_failure');
    const tries = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => ask('admin', 'wrong', `192.0.2.${i}`)));
    expect(tries.every((one) => one.status === 'rejected')).toBe(true);
    const [row] = await database.query<{ failures: number }>(`select failures from login_failure where scope = 'account' and key = 'admin'`);
    expect(row?.failures).toBe(limits.failuresPerAccountMax);
    await expect(ask('admin', await password())).rejects.toMatchObject({ code: 'unauthenticated', message: 'Invalid username or password' });
    await database.query(`update login_failure set last_at = last_at - interval '301 seconds'`);
    await expect(ask('admin', await password())).resolves.toHaveProperty('token');
  });

  it('is locked for a source that tries many names', async () => {
    const database = sqlOf(service.context.database);
    await database.query('delete from login_failure');
    await database.query(`insert into login_failure values ('source', '198.51.100.7', ${limits.failuresPerSourceMax}, now())`);
    await expect(ask('admin', await password(), '198.51.100.7')).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(ask('admin', await password(), '198.51.100.8')).resolves.toHaveProperty('token');
  });
});
