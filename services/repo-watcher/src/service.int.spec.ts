import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobScope, ensureRevision, refreshRepository, type ApplicationSource, type RecordedEvent } from '@plumbline/contracts';
import { repositoryId } from '@plumbline/git';
import { loadConnection, makeKubeClient, type KubeClient } from '@plumbline/kube';
import { startService, type StartedService } from '@plumbline/platform';
import { startControlPlane, startGitServer, makeRepository, type ControlPlane, type GitServer, type GitWorkspace } from '@plumbline/testing';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RepoWatcherConfig } from './config.ts';
import { repoWatcher } from './service.ts';
import { repositoryStream } from './tables/repository-streams.ts';

const postgresUrl = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const database = `test_${randomUUID().slice(0, 8)}`;
const soon = { timeout: 20_000, interval: 10 };
/** No poll within a test, unless the test starts the service with another interval. */
const never = '86400';

let dir: string;
let cluster: ControlPlane;
let kube: KubeClient;
let git: GitServer;
let service: StartedService<RepoWatcherConfig>;
let env: Record<string, string>;

const start = (more: Record<string, string> = {}): Promise<StartedService<RepoWatcherConfig>> => startService(repoWatcher, { ...env, ...more });

async function administer(sql: string): Promise<void> {
  const admin = await new DataSource({ type: 'postgres', url: postgresUrl }).initialize();
  await admin.query(sql);
  await admin.destroy();
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumbline-repo-watcher-'));
  await administer(`CREATE DATABASE ${database}`);
  cluster = await startControlPlane({ stateDir: join(dir, 'cluster'), nodes: 0 });
  kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: cluster.kubeconfig, env: {} }), log: silent });
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'argocd' } });
  git = await startGitServer({ dir: join(dir, 'git') });
  env = {
    PLUMBLINE_DATABASE_URL: Object.assign(new URL(postgresUrl), { pathname: `/${database}` }).toString(),
    PLUMBLINE_NATS_URL: process.env['TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222',
    PLUMBLINE_PREFIX: `test-${randomUUID().slice(0, 8)}`,
    PLUMBLINE_KEY: randomBytes(32).toString('base64'),
    PLUMBLINE_KUBECONFIG: cluster.kubeconfig,
    PLUMBLINE_DATA_DIR: join(dir, 'data'),
    PLUMBLINE_POLL_INTERVAL_SECONDS: never,
    PLUMBLINE_LOG_LEVEL: 'error',
  };
  service = await start();
});

afterAll(async () => {
  await service.stop();
  await kube.close();
  await git.close();
  await cluster.stop();
  await administer(`DROP DATABASE ${database} WITH (FORCE)`);
  await rm(dir, { recursive: true, force: true });
});

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent };

/** What syncer says when somebody applies an Application with these sources. */
async function declare(name: string, ...sources: ApplicationSource[]): Promise<void> {
  const { eventLog, event } = service.context;
  const id = { namespace: 'argocd', name, uid: `uid-${name}` };
  const data = { ...id, project: 'default', spec: { project: 'default', sources, destination: {} }, specHash: randomUUID(), sealedSpec: 'sealed' };
  await eventLog.append([{ stream: `application-argocd/${name}/uid-${name}`, events: [event('ApplicationDeclared', data, { cause: randomUUID() })] }]);
}

async function forgetApplication(name: string): Promise<void> {
  const { eventLog, event } = service.context;
  await eventLog.append([
    { stream: `application-argocd/${name}/uid-${name}`, events: [event('ApplicationDeleted', { cascaded: false }, { cause: randomUUID() })] },
  ]);
}

const events = (url: string): Promise<RecordedEvent[]> => service.context.eventLog.readStream(repositoryStream(repositoryId(url)));

/** Type of each event and, where it is about a ref, which and what. */
const story = async (url: string): Promise<string[]> =>
  (await events(url)).map(({ type, data }) => {
    const { ref, commit } = data as { ref?: string; commit?: string };
    return [type, ref, commit].filter((part) => part !== undefined).join(' ');
  });

const blobs = async (url: string, ids: string[]): Promise<Map<string, Buffer>> => service.context.blobs.get(blobScope.git(repositoryId(url)), ids);

async function repository(name: string, files: Record<string, string>): Promise<{ url: string; workspace: GitWorkspace; head: string }> {
  const url = `${git.url}/${name}.git`;
  const workspace = await makeRepository({ files, url });
  return { url, workspace, head: await workspace.head() };
}

interface Gate {
  url: string;
  /** Only with this `user:password`. */
  login: string | undefined;
  isShut: boolean;
  requests: number;
  close(): Promise<void>;
}

/** The Git server behind a door that can be shut. */
async function startGate(): Promise<Gate> {
  const server = createServer((request, response) => {
    gate.requests++;
    const isWelcome = gate.login === undefined || request.headers.authorization === `Basic ${Buffer.from(gate.login).toString('base64')}`;
    if (gate.isShut) return void response.writeHead(503).end();
    if (!isWelcome) return void response.writeHead(401, { 'www-authenticate': 'Basic' }).end();
    const { method, headers } = request;
    request.pipe(
      forward(`${git.url}${request.url}`, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const gate: Gate = {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    login: undefined,
    isShut: false,
    requests: 0,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  };
  return gate;
}

/** Every object of a commit's tree is stored, byte for byte. */
async function expectStored(url: string, workspace: GitWorkspace, commit: string): Promise<void> {
  const listed = (await workspace.git('ls-tree', '-r', '-t', '--format=%(objecttype) %(objectname)', commit))
    .split('\n')
    .map((line) => line.split(' ') as [string, string]);
  const all: [string, string][] = [['tree', await workspace.git('rev-parse', `${commit}^{tree}`)], ...listed];
  const stored = await blobs(
    url,
    all.map(([, id]) => id),
  );
  for (const [type, id] of all) {
    const bytes = stored.get(id);
    expect(bytes, `${type} ${id}`).toBeDefined();
    const file = join(dir, 'object');
    await writeFile(file, bytes ?? '');
    expect(await workspace.git('hash-object', '-t', type, file)).toBe(id);
  }
}

describe('a repository that an application follows', () => {
  it('is registered and observed at once, with every object readable', async () => {
    const { url, workspace, head } = await repository('first', { 'app/deployment.yaml': 'kind: Deployment', 'app/empty': '', 'README.md': 'Hello' });
    await declare('first', { repoURL: url, path: 'app' });
    await expect.poll(() => story(url), soon).toEqual(['RepositoryRegistered', `RevisionObserved HEAD ${head}`]);
    await expectStored(url, workspace, head);
    expect((await events(url))[1]?.data).toMatchObject({
      url,
      tree: await workspace.git('rev-parse', 'HEAD^{tree}'),
      author: 'Dev <dev@example.org>',
      message: 'First commit',
    });
  });

  it('is observed again when a webhook says so, by any of its addresses, and says nothing when nothing changed', async () => {
    const { url, workspace, head } = await repository('hooked', { 'a.yaml': 'a', 'keep/b.yaml': 'b' });
    await declare('hooked', { repoURL: url, path: '.' });
    await expect.poll(() => story(url), soon).toHaveLength(2);
    const second = await workspace.commit({ 'a.yaml': 'changed', 'new/c.yaml': 'c' }, `${'A long title. '.repeat(30)}\n\nand more`);
    await workspace.push();
    const { hostname } = new URL(url);
    const answer = await service.context.bus.call(refreshRepository, {
      urls: [`https://${hostname}/hooked`, `git@${hostname}:hooked.git`],
      ref: 'refs/heads/main',
      commit: second,
    });
    expect(answer).toEqual({ repositories: [repositoryId(url)] });
    await expect.poll(() => story(url), soon).toEqual(['RepositoryRegistered', `RevisionObserved HEAD ${head}`, `RevisionObserved HEAD ${second}`]);
    await expectStored(url, workspace, second);
    expect((await events(url))[2]?.data).toMatchObject({ message: 'A long title. '.repeat(30).slice(0, 200) });

    // A branch that nobody follows, and a hook that lies about one that somebody does: the remote's answer counts.
    await workspace.push({ refspec: 'HEAD:refs/heads/elsewhere' });
    await service.context.bus.call(refreshRepository, { urls: [url], ref: 'refs/heads/elsewhere' });
    await service.context.bus.call(refreshRepository, { urls: [url], ref: 'refs/heads/main', commit: head });
    const third = await workspace.commit({ 'a.yaml': 'again' });
    await workspace.push();
    await service.context.bus.call(refreshRepository, { urls: [url], ref: 'refs/heads/main' });
    await expect.poll(() => story(url), soon).toEqual(expect.arrayContaining([`RevisionObserved HEAD ${third}`]));
    expect(await story(url)).toHaveLength(4);
    expect(await service.context.bus.call(refreshRepository, { urls: ['https://nobody.example/x'] })).toEqual({ repositories: [] });
  });

  it('tells of each ref, of tags that fit a constraint, and of refs that lead nowhere', async () => {
    const { url, workspace, head } = await repository('refs', { 'a.yaml': '1' });
    await workspace.git('tag', '-a', 'v1.0.0', '-m', 'One');
    await workspace.git('push', '-q', 'origin', 'v1.0.0');
    const chart = 'https://charts.example/stable';
    await declare('refs', ...['main', '1.x', 'v9', head].map((targetRevision) => ({ repoURL: url, targetRevision })), {
      repoURL: chart,
      chart: 'nginx',
      targetRevision: '1.x',
    });
    await expect.poll(() => story(url), soon).toHaveLength(5);
    expect(new Set(await story(url))).toEqual(
      new Set(['RepositoryRegistered', 'RefUnresolved v9', ...['1.x', 'main', head].map((ref) => `RevisionObserved ${ref} ${head}`)]),
    );
    await expect.poll(() => story(chart), soon).toEqual(['RepositoryRegistered', 'RefUnresolved 1.x']);

    const next = await workspace.commit({ 'a.yaml': '2' });
    await workspace.git('tag', 'v1.1.0');
    await workspace.git('tag', 'v9');
    await workspace.git('push', '-q', 'origin', 'v1.1.0', 'v9');
    await service.context.bus.call(refreshRepository, { urls: [url], ref: 'refs/tags/v1.1.0' });
    await expect.poll(() => story(url), soon).toContain(`RevisionObserved 1.x ${next}`);
    await service.context.bus.call(refreshRepository, { urls: [url], ref: 'refs/tags/v9' });
    await expect.poll(() => story(url), soon).toContain(`RevisionObserved v9 ${next}`);
    expect(await story(url)).not.toContain(`RevisionObserved main ${next}`);
  });

  it('makes any commit available on demand, and says when there is none', async () => {
    const { url, workspace, head } = await repository('demand', { 'a.yaml': '1' });
    await declare('demand', { repoURL: url });
    await expect.poll(() => story(url), soon).toHaveLength(2);
    const other = await workspace.commit({ 'a.yaml': '2', 'd/e': '3' });
    await workspace.push({ refspec: 'HEAD:refs/heads/other' });
    const tree = await workspace.git('rev-parse', 'HEAD^{tree}');
    const { bus } = service.context;
    expect(await bus.call(ensureRevision, { url, ref: other })).toEqual({ repository: repositoryId(url), commit: other, tree });
    expect(await bus.call(ensureRevision, { url, ref: 'other' })).toMatchObject({ commit: other });
    expect(await bus.call(ensureRevision, { url, ref: head })).toMatchObject({ commit: head });
    await expectStored(url, workspace, other);
    await expect(bus.call(ensureRevision, { url, ref: 'absent' })).rejects.toMatchObject({
      code: 'revision-not-found',
      message: "unable to resolve 'absent' to a commit SHA",
    });
    await expect(bus.call(ensureRevision, { url, ref: '0'.repeat(40) })).rejects.toMatchObject({ code: 'revision-not-found' });
    await expect(bus.call(ensureRevision, { url: 'https://nobody.example/x', ref: 'HEAD' })).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('is forgotten with its objects and its mirror when the last application is gone', async () => {
    const { url, workspace, head } = await repository('forgotten', { 'a.yaml': '1' });
    const mirror = join(dir, 'data', 'mirrors', repositoryId(url));
    await declare('forgotten-1', { repoURL: url });
    await declare('forgotten-2', { repoURL: url });
    await expect.poll(() => story(url), soon).toHaveLength(2);
    await forgetApplication('forgotten-1');
    await service.context.bus.call(ensureRevision, { url, ref: head });
    expect(await story(url)).toHaveLength(2);
    await forgetApplication('forgotten-2');
    await expect.poll(() => story(url), soon).toContain('RepositoryForgotten');
    await expect.poll(() => existsSync(mirror), soon).toBe(false);
    expect((await blobs(url, [await workspace.git('rev-parse', 'HEAD^{tree}')])).size).toBe(0);

    await declare('forgotten-1', { repoURL: url });
    await expect.poll(async () => (await story(url)).slice(3), soon).toEqual(['RepositoryRegistered', `RevisionObserved HEAD ${head}`]);
    await expectStored(url, workspace, head);
  });

  it('shows what is wrong with an address that is none', async () => {
    await declare('nonsense', { repoURL: 'ext::sh -c id' });
    await expect.poll(() => story('ext::sh -c id'), soon).toEqual(['RepositoryRegistered', 'RefUnresolved HEAD']);
  });
});

describe('a repository that needs a login', () => {
  it('is unreachable until a Secret lets us in', async () => {
    const { workspace, head } = await repository('private', { 'a.yaml': 'a' });
    const gate = await startGate();
    gate.login = 'ada:hunter2';
    const url = `${gate.url}/private.git`;
    await declare('private', { repoURL: url });
    await expect.poll(() => story(url), soon).toEqual(['RepositoryRegistered', 'RepositoryUnreachable']);
    await kube.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'creds', namespace: 'argocd', labels: { 'argocd.argoproj.io/secret-type': 'repo-creds' } },
      stringData: { url: gate.url, username: 'ada', password: 'hunter2' },
    });
    await expect
      .poll(() => story(url), soon)
      .toEqual(['RepositoryRegistered', 'RepositoryUnreachable', 'RepositoryRecovered', `RevisionObserved HEAD ${head}`]);
    await expectStored(url, workspace, head);
    expect(JSON.stringify(await events(url))).not.toContain('hunter2');
    await forgetApplication('private');
    await expect.poll(() => story(url), soon).toContain('RepositoryForgotten');
    await gate.close();
  });
});

describe('across a restart', () => {
  it('finds by polling what was pushed meanwhile, says an outage once, and its end', async () => {
    const { workspace, head } = await repository('restarted', { 'a.yaml': '1' });
    const gate = await startGate();
    const url = `${gate.url}/restarted.git`;
    await declare('restarted', { repoURL: url });
    await expect.poll(() => story(url), soon).toHaveLength(2);
    await service.stop();
    await rm(join(dir, 'data'), { recursive: true });
    const second = await workspace.commit({ 'a.yaml': '2' });
    await workspace.push();
    service = await start({ PLUMBLINE_POLL_INTERVAL_SECONDS: '1' });
    await expect.poll(() => story(url), soon).toContain(`RevisionObserved HEAD ${second}`);
    await expectStored(url, workspace, second);

    gate.isShut = true;
    await expect.poll(() => story(url), soon).toContain('RepositoryUnreachable');
    const asked = gate.requests;
    await expect.poll(() => gate.requests, soon).toBeGreaterThan(asked + 2);
    gate.isShut = false;
    await expect.poll(() => story(url), soon).toContain('RepositoryRecovered');
    const third = await workspace.commit({ 'a.yaml': '3' });
    await workspace.push();
    await expect.poll(() => story(url), soon).toContain(`RevisionObserved HEAD ${third}`);
    expect(await story(url)).toEqual([
      'RepositoryRegistered',
      `RevisionObserved HEAD ${head}`,
      `RevisionObserved HEAD ${second}`,
      'RepositoryUnreachable',
      'RepositoryRecovered',
      `RevisionObserved HEAD ${third}`,
    ]);
    await gate.close();
  });
});
