import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SyncedApplication } from '../../test/synced-application.ts';
import { syncedApplication } from '../../test/synced-application.ts';

let cluster: SyncedApplication;
beforeAll(async () => void (cluster = await syncedApplication()));
afterAll(() => cluster?.remove());

const configMap = (name: string, wave: number, more: object = { data: { a: '1' } }, annotations: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, annotations: { 'argocd.argoproj.io/sync-wave': String(wave), ...annotations } },
  ...more,
});
const broken = { data: { a: 1 } };
const options = (...syncOptions: string[]) => ({ spec: { syncPolicy: { syncOptions } } });
const job = (name: string, hook: string, command: string, metadata: object = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, annotations: { 'argocd.argoproj.io/hook': hook }, ...metadata },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox', command: [command] }] } } },
});
const written = (sent: readonly string[]): string[] => sent.filter((line) => !line.endsWith('(dry run)'));

describe('a sync of several waves', () => {
  it('writes nothing when the last wave would fail, and tells what', async () => {
    const outcome = await cluster.sync({ manifests: [configMap('r1', 0), configMap('r2', 1, broken)] });
    expect(outcome.refusal).toBe('one or more objects failed to apply (dry run)');
    expect(outcome.shown).toEqual([expect.stringMatching(/^ConfigMap\/r2: SyncFailed /)]);
    expect(written(outcome.sent)).toEqual([]);
    expect(await cluster.get('ConfigMap', 'r1')).toBeUndefined();
  });

  it('asks about each object once, and about none that is as it should be', async () => {
    const manifests = [configMap('s1', 0), configMap('s2', 1)];
    const first = await cluster.sync({ manifests });
    expect(first.sent).toEqual(['apply ConfigMap/s1 (dry run)', 'apply ConfigMap/s2 (dry run)', 'apply ConfigMap/s1', 'apply ConfigMap/s2']);
    expect((await cluster.sync({ manifests })).sent).toEqual([]);
  });

  it('is applied without, where somebody says never', async () => {
    const outcome = await cluster.sync({ manifests: [configMap('n1', 0), configMap('n2', 1, broken)], ...options('DryRunFirst=never') });
    expect(outcome.shown).toEqual(['ConfigMap/n1: Synced configmap/n1 created', expect.stringMatching(/^ConfigMap\/n2: SyncFailed/)]);
  });
});

describe('a sync of one wave', () => {
  it('is applied directly: what fails does not stop the rest', async () => {
    const outcome = await cluster.sync({ manifests: [configMap('o1', 0), configMap('o2', 0, broken), configMap('o3', 0)] });
    expect(outcome.results.map(({ name, status }) => `${name} ${status}`)).toEqual(['o1 Synced', 'o2 SyncFailed', 'o3 Synced']);
    expect(outcome.sent.some((line) => line.includes('dry run'))).toBe(false);
  });

  it('is tried first where somebody says always', async () => {
    const outcome = await cluster.sync({ manifests: [configMap('a1', 0), configMap('a2', 0, broken)], ...options('DryRunFirst=always') });
    expect(outcome.refusal).toMatch(/dry run/);
    expect(written(outcome.sent)).toEqual([]);
  });
});

describe('what the plan itself brings', () => {
  const named = () => `t${randomUUID().slice(0, 8)}`;
  const brought = (kind: string) => {
    const plural = `${kind}s`;
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } } } };
    const names = { kind: kind.toUpperCase(), plural };
    const versions = [{ name: 'v1', served: true, storage: true, schema }];
    return {
      definition: {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `${plural}.sync.example.org` },
        spec: { group: 'sync.example.org', scope: 'Namespaced', names, versions },
      },
      object: (size: unknown) => ({ apiVersion: 'sync.example.org/v1', kind: names.kind, metadata: { name: 'one' }, spec: { size } }),
      remove: () => cluster.kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `${plural}.sync.example.org` }),
    };
  };

  it('is tried at its wave: a namespace and its objects, a definition and its kind, all in one sync with a hook', async () => {
    const { definition, object, remove } = brought(named());
    const home = `${cluster.namespace}-brought`;
    const inside = { ...configMap('inside', 0), metadata: { name: 'inside', namespace: home } };
    const outcome = await cluster.sync({
      manifests: [object(1), definition, inside, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: home } }, job('hook', 'PostSync', 'true')],
    });
    expect(outcome.results.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
      'Namespace Synced',
      'CustomResourceDefinition Synced',
      'ConfigMap Synced',
      `${object(1).kind} Synced`,
      'Job Synced',
    ]);
    await cluster.kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: home });
    await remove();
  });

  it('fails at its wave, and the rest of the wave goes on', async () => {
    const { definition, object, remove } = brought(named());
    const outcome = await cluster.sync({ manifests: [object('big'), definition, configMap('beside', 0)] });
    expect(outcome.results.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
      'CustomResourceDefinition Synced',
      'ConfigMap Synced',
      `${object(1).kind} SyncFailed`,
    ]);
    await remove();
  });

  it('may be missing in a dry run by hand', async () => {
    const { definition, object } = brought(named());
    const outcome = await cluster.sync({ manifests: [object(1), definition], operation: { dryRun: true } });
    expect(outcome.refusal).toBeUndefined();
    expect(outcome.shown[1]).toMatch(/created \(dry run; it can't be tried before/);
    expect(written(outcome.sent)).toEqual([]);
  });

  it('may be missing for longer with SkipDryRunOnMissingResource=true, and fails at its wave otherwise', async () => {
    const { object } = brought(named());
    const manifests = [configMap('first', 0), { ...object(1), metadata: { name: 'one', annotations: { 'argocd.argoproj.io/sync-wave': '1' } } }];
    expect((await cluster.sync({ manifests })).refusal).toBe('one or more synchronization tasks are not valid');
    const outcome = await cluster.sync({ manifests, ...options('SkipDryRunOnMissingResource=true') });
    expect(outcome.shown).toEqual([
      'ConfigMap/first: Synced configmap/first created',
      expect.stringMatching(/SyncFailed .*not served.*CustomResourceDefinition/),
    ]);
  });
});

describe('a dry run by hand', () => {
  it('writes nothing and tells of every object', async () => {
    const outcome = await cluster.sync({ manifests: [configMap('d1', 0), configMap('d2', 1), job('d3', 'PreSync', 'true')], operation: { dryRun: true } });
    expect(outcome.shown).toEqual([
      'Job/d3: Synced job.batch/d3 created (dry run)',
      'ConfigMap/d1: Synced configmap/d1 created (dry run)',
      'ConfigMap/d2: Synced configmap/d2 created (dry run)',
    ]);
    expect(written(outcome.sent)).toEqual([]);
  });

  it('tells all that is wrong, not only what is wrong in the first wave', async () => {
    const outcome = await cluster.sync({ manifests: [configMap('w1', 0, broken), configMap('w2', 1, broken)], operation: { dryRun: true } });
    expect(outcome.results.map(({ name, status }) => `${name} ${status}`)).toEqual(['w1 SyncFailed', 'w2 SyncFailed']);
  });
});

describe('hooks', () => {
  it('that ran before are no obstacle to another version of themselves', async () => {
    await cluster.sync({ manifests: [job('again', 'PreSync', 'true')] });
    const outcome = await cluster.sync({ manifests: [job('again', 'PreSync', 'false')] });
    expect(outcome.shown).toEqual(['Job/again: Synced job.batch/again created']);
    expect((await cluster.sync({ manifests: [job('again', 'PreSync', 'env')], operation: { dryRun: true } })).shown).toEqual([
      'Job/again: Synced job.batch/again created (dry run)',
    ]);
  });

  it('carry the finalizer from the beginning, and the run before gives it up (B011)', async () => {
    const finalizers = async () => (await cluster.get('Job', 'held'))?.metadata.finalizers;
    await cluster.sync({ manifests: [job('held', 'Sync', 'true', { finalizers: ['example.org/mine'] })] });
    expect(await finalizers()).toEqual(expect.arrayContaining(['argocd.argoproj.io/hook-finalizer', 'example.org/mine']));
    await cluster.kube.mergePatch(
      { group: 'batch', version: 'v1', kind: 'Job', namespace: cluster.namespace, name: 'held' },
      { metadata: { finalizers: ['argocd.argoproj.io/hook-finalizer'] } },
      { fieldManager: 'test' },
    );
    const before = (await cluster.get('Job', 'held'))?.metadata.uid;
    await cluster.sync({ manifests: [job('held', 'Sync', 'true')] });
    expect((await cluster.get('Job', 'held'))?.metadata.uid).not.toBe(before);
  });

  it('of a broken manifest keep the whole sync from beginning', async () => {
    const outcome = await cluster.sync({ manifests: [configMap('h1', 0), job('h2', 'PostSync', 'true', { labels: { a: 'not a label!' } })] });
    expect(outcome.shown).toEqual([expect.stringMatching(/^Job\/h2: SyncFailed/)]);
    expect(written(outcome.sent)).toEqual([]);
  });
});

// T9: the project's word counts for every object, hooks and prunes included, before any of them is written.
it.each(['PreSync hook', 'last wave', 'prune'])('writes nothing when the project forbids one object: %s', async (which) => {
  const name = which.replaceAll(' ', '').toLowerCase();
  await cluster.sync({ manifests: [configMap('oldprune', 0)] });
  const ref = { group: '', version: 'v1', kind: 'ConfigMap', namespace: cluster.namespace, name: 'oldprune' };
  const outcome = await cluster.sync({
    manifests: [configMap('t1', 0), configMap('lastwave', 3), job('presynchook', 'PreSync', 'true')],
    prune: [ref],
    forbidden: ({ metadata }) => (metadata.name === name || metadata.name === `old${name}` ? 'resource not permitted in project p' : undefined),
  });
  expect(outcome).toMatchObject({ refusal: 'one or more synchronization tasks are not valid', sent: [] });
  expect(outcome.results).toMatchObject([{ status: 'SyncFailed', message: 'resource not permitted in project p' }]);
});
