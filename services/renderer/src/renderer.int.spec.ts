import { AppError, blobScope, recallManifests, renderManifests } from '@plumbline/contracts';
import type { ApplicationSource, ManifestSet, RecordedEvent } from '@plumbline/contracts';
import { startService } from '@plumbline/platform';
import type { StartedService } from '@plumbline/platform';
import { buildGoPrograms, makeRepository } from '@plumbline/testing';
import type { GitWorkspace } from '@plumbline/testing';
import { spawn } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RendererConfig } from './config.ts';
import { limits } from './limits.ts';
import type { RenderRequest } from './render-task.ts';
import type { RenderReply } from './renderer.ts';
import { makeRenderings } from './renderings.ts';
import { renderer } from './service.ts';

/** The service as it runs: real engine, real PostgreSQL and NATS, objects of a real Git repository. */
const postgresUrl = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const databaseName = `renderer_${randomUUID().replaceAll('-', '')}`;
const scope = blobScope.git('r1');

let admin: DataSource;
let repository: GitWorkspace;
let service: StartedService<RendererConfig>;

/** Commits files and puts every object of the repository into the blob store, as repo-watcher does. */
async function commit(files: Record<string, string | null>): Promise<{ commit: string; tree: string }> {
  const id = await repository.commit(files);
  const git = spawn('git', ['cat-file', '--batch', '--batch-all-objects'], { cwd: repository.dir, stdio: ['ignore', 'pipe', 'inherit'] });
  const bytes = await buffer(git.stdout);
  for (let at = 0; at < bytes.length;) {
    const line = bytes.indexOf(10, at);
    const [object, , size] = bytes.toString('latin1', at, line).split(' ');
    await service.context.blobs.put(scope, [{ id: object!, bytes: bytes.subarray(line + 1, line + 1 + Number(size)) }]);
    at = line + 2 + Number(size);
  }
  return { commit: id, tree: await repository.git('rev-parse', `${id}^{tree}`) };
}

interface Asked {
  at: { commit: string; tree: string };
  source: Partial<ApplicationSource>;
  name?: string;
  request?: Partial<RenderRequest>;
}

/** Puts a sealed application into the blob store, as syncer does; answers its id. */
async function sealed(source: Partial<ApplicationSource>, name = 'shop'): Promise<string> {
  const spec = { project: 'default', source: { repoURL: 'https://example.org/r.git', ...source }, destination: { namespace: 'store' } };
  const { blobs, sealer } = service.context;
  const text = sealer.seal('application-spec', JSON.stringify({ namespace: 'argocd', name, spec }));
  const id = createHash('sha256').update(text).digest('hex');
  await blobs.put(blobScope.sealedSpecs, [{ id, bytes: Buffer.from(text) }]);
  return id;
}

async function render({ at, source, name = 'shop', request = {} }: Asked): Promise<RenderReply> {
  const sealedSpec = await sealed(source, name);
  return service.context.bus.call(renderManifests, {
    application: `application-argocd/${name}/u`,
    repository: 'r1',
    ...at,
    sealedSpec,
    kubeVersion: 'v1.34.1',
    apiVersions: ['v1'],
    ...request,
  });
}

const refusal = (asked: Asked): Promise<AppError> =>
  render(asked).then(
    () => expect.unreachable('it rendered'),
    (error: unknown) => AppError.from(error),
  );

async function manifests(reply: RenderReply): Promise<ManifestSet> {
  const bytes = (await service.context.blobs.get(blobScope.manifests, [reply.manifestSet])).get(reply.manifestSet)!;
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(reply.manifestSet);
  return JSON.parse(bytes.toString()) as ManifestSet;
}

const configMap = (name: string, data = 'a: b'): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  ${data}\n`;

const events = async (): Promise<RecordedEvent[]> => (await service.context.eventLog.readFeed({ after: 0, limit: 1000 })).events;

/** Events come beside the answer, soon after it. */
const recorded = (commit: string, type: string): Promise<RecordedEvent[]> =>
  vi.waitFor(
    async () => {
      const found = (await events()).filter((event) => event.type === type && (event.data as { commit: string }).commit === commit);
      expect(found).not.toEqual([]);
      return found;
    },
    { timeout: 10_000, interval: 10 },
  );

beforeAll(async () => {
  const engineDir = await buildGoPrograms({
    name: 'engine',
    version: '1',
    moduleDir: join(import.meta.dirname, '../engine'),
    programs: { engine: '.' },
    label: "the renderer's engine",
  });
  admin = await new DataSource({ type: 'postgres', url: postgresUrl }).initialize();
  await admin.query(`create database ${databaseName}`);
  repository = await makeRepository({ files: {} });
  service = await startService(renderer, {
    PLUMBLINE_DATABASE_URL: Object.assign(new URL(postgresUrl), { pathname: `/${databaseName}` }).toString(),
    PLUMBLINE_NATS_URL: process.env['TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222',
    PLUMBLINE_PREFIX: `test-${randomUUID().slice(0, 8)}`,
    PLUMBLINE_KEY: randomBytes(32).toString('base64'),
    PLUMBLINE_LOG_LEVEL: 'error',
    PLUMBLINE_ENGINE: join(engineDir, 'engine'),
  });
});

afterAll(async () => {
  await service?.stop();
  await admin?.query(`drop database if exists ${databaseName} with (force)`);
  await admin?.destroy();
  await repository?.remove();
});

describe('a directory', () => {
  test('is rendered once; another commit that it did not look at is a hit', async () => {
    const source = { path: 'dir' };
    const start = await commit({ 'dir/a.yaml': configMap('a'), 'other/x.yaml': 'x' });
    const first = await render({ at: start, source });
    expect(first).toMatchObject({ sourceType: 'Directory', objects: 1, hit: false });
    expect((await manifests(first)).objects).toEqual([
      { manifest: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { a: 'b' } }, file: 'dir/a.yaml' },
    ]);
    expect(await recorded(start.commit, 'ManifestsRendered')).toMatchObject([
      { data: { application: 'application-argocd/shop/u', path: 'dir', manifestSet: first.manifestSet, objects: 1 } },
    ]);

    const at = await commit({ 'other/x.yaml': 'y', 'README.md': 'hello' });
    expect(await render({ at, source })).toEqual({ ...first, hit: true });
    expect(await render({ at, source, name: 'another', request: { kubeVersion: 'v1.99.0' } })).toEqual({ ...first, hit: true });
    expect((await events()).filter((event) => (event.data as { commit?: string }).commit === at.commit)).toEqual([]);
    expect(await render({ at, source, request: { hard: true } })).toEqual(first);
  });

  test('is rendered again when a file, or a name in it, changed; going back is a hit', async () => {
    const source = { path: 'back' };
    const before = await commit({ 'back/a.yaml': configMap('a') });
    const first = await render({ at: before, source });
    const second = await render({ at: await commit({ 'back/b.yaml': configMap('b') }), source });
    expect(second).toMatchObject({ objects: 2, hit: false });
    expect(await render({ at: before, source })).toEqual({ ...first, hit: true });
  });

  test('follows links inside the repository, and refuses those that lead out', async () => {
    await mkdir(join(repository.dir, 'links'), { recursive: true });
    await symlink('../real/a.yaml', join(repository.dir, 'links/a.yaml'));
    const good = await commit({ 'real/a.yaml': configMap('linked') });
    expect(await render({ at: good, source: { path: 'links' } })).toMatchObject({ objects: 1 });
    await symlink('/etc/hostname', join(repository.dir, 'links/b.yaml'));
    const error = await refusal({ at: await commit({}), source: { path: 'links' } });
    expect(error).toMatchObject({ code: 'manifest-invalid', details: { file: 'links/b.yaml' } });
    expect(error.message).toContain('leads out of the repository');
  });
});

test('Secrets are stored sealed', async () => {
  const at = await commit({ 'secret/s.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: YQ==}\nstringData: {b: hunter2}\n' });
  const [object] = (await manifests(await render({ at, source: { path: 'secret' } }))).objects;
  const data = object!.manifest['data'] as Record<string, string>;
  const { sealer } = service.context;
  expect(Object.values(data).every((value) => sealer.isSealed(value))).toBe(true);
  expect(sealer.open('manifest-secret', data['b']!).toString()).toBe(Buffer.from('hunter2').toString('base64'));
  expect(object!.manifest).not.toHaveProperty('stringData');
});

test('an overlay depends on its base, not on its neighbours', async () => {
  const source = { path: 'kust/prod', kustomize: { images: ['nginx:$ARGOCD_APP_REVISION_SHORT'] } };
  const deployment = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: c, image: nginx}]}}}\n';
  const at = await commit({
    'kust/base/kustomization.yaml': 'resources: [web.yaml]\n',
    'kust/base/web.yaml': deployment,
    'kust/prod/kustomization.yaml': 'bases: [../base]\nnamePrefix: prod-\n',
    'kust/dev/kustomization.yaml': 'resources: [../base]\n',
  });
  const first = await render({ at, source });
  expect((await manifests(first)).objects[0]!.manifest).toMatchObject({
    metadata: { name: 'prod-web' },
    spec: { template: { spec: { containers: [{ image: `nginx:${at.commit.slice(0, 7)}` }] } } },
  });
  expect((await render({ at, source })).hit).toBe(true);
  const plain = { path: 'kust/prod' };
  await render({ at, source: plain });
  const neighbour = await commit({ 'kust/dev/kustomization.yaml': 'resources: [../base]\nnamePrefix: dev-\n' });
  expect((await render({ at: neighbour, source })).hit, 'the commit is part of this one').toBe(false);
  expect((await render({ at: neighbour, source: plain })).hit).toBe(true);
  const base = await commit({ 'kust/base/web.yaml': deployment.replace('web', 'app') });
  expect((await render({ at: base, source: plain })).hit).toBe(false);
});

test('a chart depends on the release, the namespace, and on the cluster if it asks', async () => {
  const chart = 'apiVersion: v2\nname: c\nversion: 1.0.0\n';
  const at = await commit({
    'chart/Chart.yaml': chart,
    'chart/templates/a.yaml': configMap('{{ .Release.Name }}'),
    'caps/Chart.yaml': chart,
    'caps/templates/a.yaml': configMap('caps', 'v: {{ .Capabilities.KubeVersion.Version }}'),
  });
  const first = await render({ at, source: { path: 'chart' } });
  expect(await render({ at, source: { path: 'chart' }, request: { kubeVersion: 'v1.30.0' } })).toEqual({ ...first, hit: true });
  const other = await render({ at, source: { path: 'chart' }, name: 'other' });
  expect((await manifests(other)).objects[0]!.manifest).toMatchObject({ metadata: { name: 'other' } });
  expect(await render({ at, source: { path: 'chart' } })).toEqual({ ...first, hit: true });
  await render({ at, source: { path: 'caps' } });
  expect((await render({ at, source: { path: 'caps' }, request: { apiVersions: ['v1', 'x/v1'] } })).hit).toBe(false);
});

describe('failures', () => {
  test('name file and line, and are recorded', async () => {
    const at = await commit({ 'bad/a.yaml': `${configMap('a')}---\nkind: Secret\n\tx: hunter2\n` });
    const error = await refusal({ at, source: { path: 'bad' } });
    expect(error).toMatchObject({ code: 'manifest-invalid', retry: 'never', details: { file: 'bad/a.yaml', line: 9 } });
    expect(await refusal({ at, source: { path: 'bad' } })).toMatchObject({ message: error.message });
    expect(await recorded(at.commit, 'RenderFailed'), 'once per address and commit').toMatchObject([
      { data: { code: 'manifest-invalid', file: 'bad/a.yaml', line: 9 } },
    ]);
    expect(JSON.stringify(await events())).not.toContain('hunter2');
  });

  test('a path that is not there, or not in the repository', async () => {
    const at = await commit({ 'x/a.yaml': 'x' });
    expect(await refusal({ at, source: { path: 'nowhere' } })).toMatchObject({ code: 'path-not-found' });
    expect(await refusal({ at, source: { path: '../x' } })).toMatchObject({ code: 'path-not-found' });
  });

  test('an object that is not stored yet: try later, and nothing is recorded', async () => {
    const error = await refusal({ at: { commit: 'c'.repeat(40), tree: 'd'.repeat(40) }, source: { path: 'x' } });
    expect(error).toMatchObject({ code: 'unavailable', retry: 'later', details: { object: 'd'.repeat(40) } });
    expect((await events()).filter((event) => (event.data as { commit?: string }).commit === 'c'.repeat(40))).toEqual([]);
  });

  test('an input that kills the engine is set aside; others go on', async () => {
    const at = await commit({
      'bomb/Chart.yaml': 'apiVersion: v2\nname: c\nversion: 1.0.0\n',
      'bomb/templates/a.yaml': '{{ range until 2000000000 }}x{{ end }}',
      'fine/a.yaml': configMap('fine'),
    });
    for (let i = 0; i < limits.deathsMax; i++)
      expect((await refusal({ at, source: { path: 'bomb' } })).message).toMatch(/the engine died while rendering: fatal error: .*memory/);
    expect((await refusal({ at, source: { path: 'bomb' } })).message).toContain('set aside until');
    expect(await render({ at, source: { path: 'fine' } })).toMatchObject({ objects: 1 });
  });
});

test('of many applications of a repository it is remembered which render the same at another commit; nothing is rendered', async () => {
  const first = await commit({ 'apps/one/a.yaml': configMap('one'), 'apps/two/a.yaml': configMap('two'), 'apps/three/a.yaml': configMap('three') });
  const paths = ['apps/one', 'apps/two', 'apps/three'];
  const sets = await Promise.all(paths.slice(0, 2).map(async (path) => (await render({ at: first, source: { path } })).manifestSet));
  const second = await commit({ 'apps/two/a.yaml': configMap('two', 'changed: yes'), 'apps/one/README': 'no manifest' });
  const third = await commit({ 'apps/two/a.yaml': configMap('two'), 'apps/one/README': null });
  const sealedSpecs = await Promise.all(paths.map((path) => sealed({ path })));
  const recall = async (at: { commit: string; tree: string }): Promise<(string | null)[]> =>
    (
      await service.context.bus.call(recallManifests, {
        repository: 'r1',
        ...at,
        sealedSpecs: [...sealedSpecs, 'unknown'],
        kubeVersion: 'v1.34.1',
        apiVersions: ['v1'],
      })
    ).manifestSets;
  // A directory's names are part of what was looked at: one with a new file is rendered anew.
  expect(await recall(second)).toEqual([null, null, null, null]);
  expect(await recall(first)).toEqual([...sets, null, null]);
  expect(await recall(third)).toEqual([...sets, null, null]);
  const rendered = (await events()).filter(({ data }) => (data as { commit?: string }).commit === third.commit);
  expect(rendered).toEqual([]);
});

test('an address keeps its last renders only', async () => {
  const renderings = makeRenderings((sql, parameters) => service.context.database.query(sql, parameters));
  const rendering = { trace: { reads: {}, lists: {}, environment: {} }, manifestSet: 'm', sourceType: 'Helm' as const, objects: 1 };
  for (let i = 0; i < limits.tracesPerAddressMax + 3; i++) await renderings.save('full', { ...rendering, traceId: `t${i}`, usedAt: i });
  const kept = await renderings.find('full');
  expect(kept.map(({ traceId }) => traceId)).toEqual(Array.from({ length: limits.tracesPerAddressMax }, (_, i) => `t${limits.tracesPerAddressMax + 2 - i}`));
  await renderings.touch([{ address: 'full', traceId: 't10' }], 1_000_000);
  await renderings.sweep(1_000_000);
  expect((await renderings.find('full')).map(({ traceId }) => traceId)).toEqual(['t10']);
});
