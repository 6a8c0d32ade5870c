import type { KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SyncedApplication, SyncInput } from '../../test/synced-application.ts';
import { syncedApplication } from '../../test/synced-application.ts';

let cluster: SyncedApplication;
beforeAll(async () => void (cluster = await syncedApplication()));
afterAll(() => cluster?.remove());

const configMap = (name: string, data: Record<string, unknown> = { a: '1' }, annotations: Record<string, string> = {}, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, annotations },
  data,
  ...more,
});
const options = (...syncOptions: string[]): Pick<SyncInput, 'spec'> => ({ spec: { syncPolicy: { syncOptions } } });
const on = (value: string): Record<string, string> => ({ 'argocd.argoproj.io/sync-options': value });
const ref = (name: string, kind = 'ConfigMap') => ({ group: '', version: 'v1', kind, namespace: cluster.namespace, name });
const uidOf = async (name: string): Promise<string> => (await cluster.get('ConfigMap', name))!.metadata.uid!;
const deployment = (name: string, containers: object[], more: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { replicas: 0, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers, ...more } } },
});

interface PodSpec {
  containers: { name: string; env?: { name: string }[] }[];
  volumes: object[];
}

describe('Validate=false', () => {
  const manifests = [configMap('typo', {}, {}, { dota: {} })];
  it('lets the server drop what it does not know', async () => {
    expect((await cluster.sync({ manifests })).shown).toEqual([expect.stringMatching(/^ConfigMap\/typo: SyncFailed .*dota.*Validate=false/s)]);
    expect((await cluster.sync({ manifests, ...options('Validate=false') })).shown).toEqual(['ConfigMap/typo: Synced configmap/typo created']);
    expect((await cluster.sync({ manifests: [configMap('typo2', {}, on('Validate=false'), { dota: {} })] })).shown).toEqual([
      'ConfigMap/typo2: Synced configmap/typo2 created',
    ]);
  });

  it('in another case is another option (B050)', async () => {
    expect((await cluster.sync({ manifests: [configMap('typo3', {}, on('validate=false'), { dota: {} })] })).results[0]?.status).toBe('SyncFailed');
  });
});

describe('CreateNamespace=true', () => {
  it('makes the namespace, keeps its labels at every sync, tells so, and never prunes it', async () => {
    const home = `${cluster.namespace}-made`;
    const spec = (labels: Record<string, string>): Pick<SyncInput, 'spec'> => ({
      spec: {
        destination: { namespace: home },
        syncPolicy: { syncOptions: ['CreateNamespace=true'], managedNamespaceMetadata: { labels, annotations: { note: 'n' } } },
      },
    });
    const first = await cluster.sync({ manifests: [configMap('in')], ...spec({ team: 'a', old: 'x' }) });
    expect(first.shown).toEqual([`Namespace/${home}: Synced namespace/${home} created`, 'ConfigMap/in: Synced configmap/in created']);
    await cluster.kube.mergePatch(
      { group: '', version: 'v1', kind: 'Namespace', name: home },
      { metadata: { labels: { team: 'edited', own: 'o' } } },
      { fieldManager: 'kubectl' },
    );
    const second = await cluster.sync({ manifests: [configMap('in')], ...spec({ team: 'a' }) });
    expect(second.shown[0]).toBe(`Namespace/${home}: Synced namespace/${home} kept as it should be`);
    const made = await cluster.kube.get({ group: '', version: 'v1', kind: 'Namespace', name: home });
    expect(made?.metadata.labels).toMatchObject({ team: 'a', own: 'o' });
    expect(made?.metadata.labels).not.toHaveProperty('old');
    expect(made?.metadata.annotations).toEqual({ note: 'n' });
    await cluster.kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: home });
  });

  it('is subject to the project like everything else (T9)', async () => {
    const outcome = await cluster.sync({
      manifests: [configMap('in')],
      spec: { destination: { namespace: `${cluster.namespace}-never` }, syncPolicy: { syncOptions: ['CreateNamespace=true'] } },
      forbidden: (object) => (object.kind === 'Namespace' ? 'resource :Namespace is not permitted in project p' : undefined),
    });
    expect(outcome).toMatchObject({ refusal: 'one or more synchronization tasks are not valid', sent: [] });
  });

  it('without it, a missing namespace says what to do', async () => {
    const outcome = await cluster.sync({ manifests: [configMap('in')], spec: { destination: { namespace: `${cluster.namespace}-never` } } });
    expect(outcome.shown).toEqual([expect.stringMatching(/SyncFailed .*not found.*CreateNamespace=true/)]);
  });
});

describe('ApplyOutOfSyncOnly=true', () => {
  it('tells of what was out of sync only', async () => {
    await cluster.sync({ manifests: [configMap('same'), configMap('changes')] });
    const manifests = [configMap('same'), configMap('changes', { a: '2' })];
    expect((await cluster.sync({ manifests, ...options('ApplyOutOfSyncOnly=true') })).shown).toEqual([
      'ConfigMap/changes: Synced configmap/changes configured',
    ]);
    expect((await cluster.sync({ manifests })).shown).toEqual([
      'ConfigMap/changes: Synced configmap/changes unchanged',
      'ConfigMap/same: Synced configmap/same unchanged',
    ]);
  });
});

describe('pruning', () => {
  it('by policy, confirmed, or not at all', async () => {
    const old = [
      configMap('kept', {}, on('Prune=false')),
      configMap('asks', {}, on('Prune=confirm')),
      configMap('last', {}, on('PruneLast=true')),
      configMap('goes'),
    ];
    await cluster.sync({ manifests: old });
    const prune = old.map(({ metadata }) => ref(metadata.name));
    const manifests = [configMap('new')];
    const waiting = await cluster.sync({ manifests, prune });
    expect(waiting).toMatchObject({ results: [], waiting: `waiting for pruning confirmation of ConfigMap/${cluster.namespace}/asks` });
    const early = new Date(Date.now() - 3_600_000).toISOString();
    expect((await cluster.sync({ manifests, prune, deletionApprovedAt: early })).waiting).toBe(waiting.waiting);
    const deletionApprovedAt = new Date(Date.now() + 60_000).toISOString();
    const done = await cluster.sync({ manifests, prune, deletionApprovedAt, ...options('PrunePropagationPolicy=background') });
    expect(done.shown).toEqual([
      'ConfigMap/kept: PruneSkipped ignored (no prune)',
      'ConfigMap/goes: Pruned pruned',
      'ConfigMap/asks: Pruned pruned',
      'ConfigMap/new: Synced configmap/new created',
      'ConfigMap/last: Pruned pruned',
    ]);
    expect(done.sent.filter((line) => line.startsWith('delete'))).toEqual([
      'delete Background ConfigMap/goes',
      'delete Background ConfigMap/asks',
      'delete Background ConfigMap/last',
    ]);
  });

  it('takes dependants along first, unless the policy says otherwise (B022)', async () => {
    const pruned = async (name: string, ...policy: string[]): Promise<string[]> => {
      await cluster.sync({ manifests: [configMap(name)] });
      const { sent } = await cluster.sync({ manifests: [], prune: [ref(name)], ...options(...policy) });
      return sent.filter((line) => line.startsWith('delete'));
    };
    expect(await pruned('by-default')).toEqual(['delete Foreground ConfigMap/by-default']);
    expect(await pruned('leaves-orphans', 'PrunePropagationPolicy=orphan')).toEqual(['delete Orphan ConfigMap/leaves-orphans']);
    expect(await pruned('misspelt', 'PrunePropagationPolicy=Background')).toEqual(['delete Foreground ConfigMap/misspelt']);
  });

  it('has to be asked for, and in a dry run deletes nothing', async () => {
    await cluster.sync({ manifests: [configMap('stays', {}, on('Prune=confirm'))] });
    const prune = [ref('stays')];
    expect((await cluster.sync({ manifests: [], prune, operation: { prune: false } })).shown).toEqual([
      'ConfigMap/stays: PruneSkipped ignored (requires pruning)',
    ]);
    expect((await cluster.sync({ manifests: [], prune, operation: { dryRun: true } })).shown).toEqual(['ConfigMap/stays: Pruned pruned (dry run)']);
    expect(await cluster.get('ConfigMap', 'stays')).toBeDefined();
  });
});

describe('Replace=true', () => {
  it('leaves nothing of what others added, and makes what is missing', async () => {
    const wanted = configMap('replaced', { a: '1' });
    expect((await cluster.sync({ manifests: [wanted], ...options('Replace=true') })).sent).toEqual(['create ConfigMap/replaced']);
    await cluster.kube.mergePatch(ref('replaced'), { data: { other: 'x' } }, { fieldManager: 'kubectl' });
    const again = await cluster.sync({ manifests: [configMap('replaced', { a: '2' })], ...options('Replace=true') });
    expect(again.sent.filter((line) => !line.endsWith('(dry run)'))).toEqual(['replace ConfigMap/replaced']);
    expect((await cluster.get('ConfigMap', 'replaced'))?.['data']).toEqual({ a: '2' });
  });

  // What left the manifest was seen by nobody, and stayed.
  it('takes away what left the manifest, and writes nothing when nothing changed', async () => {
    const both = configMap('narrowed', { a: '1', b: '2' });
    const narrow = configMap('narrowed', { a: '1' });
    await cluster.sync({ manifests: [both], ...options('Replace=true') });
    const sent = async (manifest: object): Promise<string[]> =>
      (await cluster.sync({ manifests: [manifest], ...options('Replace=true') })).sent.filter((line) => !line.endsWith('(dry run)'));
    expect(await sent(both)).toEqual([]);
    expect(await sent(narrow)).toEqual(['replace ConfigMap/narrowed']);
    expect((await cluster.get('ConfigMap', 'narrowed'))?.['data']).toEqual({ a: '1' });
    expect(await sent(narrow)).toEqual([]);
  });

  it('updates a Namespace, also with Force=true (B044)', async () => {
    const home = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: `${cluster.namespace}-kept`, labels: { v: '1' } as Record<string, string> } };
    await cluster.sync({ manifests: [home] });
    const namespaceRef = { group: '', version: 'v1', kind: 'Namespace', name: home.metadata.name };
    const before = await cluster.kube.get(namespaceRef);
    const changed = { ...home, metadata: { ...home.metadata, labels: { v: '2' } } };
    const outcome = await cluster.sync({ manifests: [changed], ...options('Replace=true', 'Force=true') });
    expect(outcome.sent.some((line) => line.startsWith('delete'))).toBe(false);
    const after = await cluster.kube.get(namespaceRef);
    expect([after?.metadata.uid, after?.metadata.labels?.['v']]).toEqual([before?.metadata.uid, '2']);
    await cluster.kube.delete(namespaceRef);
  });
});

describe('Force=true', () => {
  const frozen = (name: string, a: string, annotations = {}) => configMap(name, { a }, annotations, { immutable: true });

  it('makes what can not be changed anew: by annotation, or for the whole sync', async () => {
    await cluster.sync({ manifests: [frozen('f1', '1'), frozen('f2', '1'), frozen('f3', '1')] });
    const before = await Promise.all(['f1', 'f2', 'f3'].map(uidOf));
    const refused = await cluster.sync({ manifests: [frozen('f1', '2')] });
    expect(refused.shown).toEqual([expect.stringMatching(/^ConfigMap\/f1: SyncFailed .*immutable.*Force=true/s)]);
    await cluster.sync({ manifests: [frozen('f1', '2', on('Force=true'))] });
    await cluster.sync({ manifests: [frozen('f2', '2')], operation: { syncStrategy: { apply: { force: true } } } });
    await cluster.sync({ manifests: [frozen('f3', '2', on('Force=true,Replace=true'))] });
    const after = await Promise.all(['f1', 'f2', 'f3'].map(uidOf));
    expect(after.every((uid, index) => uid !== before[index])).toBe(true);
    expect((await cluster.get('ConfigMap', 'f3'))?.['data']).toEqual({ a: '2' });
  });

  it('deletes nothing that can be changed', async () => {
    await cluster.sync({ manifests: [configMap('soft')] });
    const before = await uidOf('soft');
    await cluster.sync({ manifests: [configMap('soft', { a: '2' }, on('Force=true'))] });
    expect(await uidOf('soft')).toBe(before);
  });
});

describe('ServerSideApply=false', () => {
  const clientSide = options('ServerSideApply=false');
  const last = (object: KubeObject | undefined): unknown => {
    const text = object?.metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration'];
    return text === undefined ? undefined : JSON.parse(text);
  };

  it("keeps kubectl's record true, drops what left the manifest, and leaves what others added", async () => {
    await cluster.sync({ manifests: [configMap('cs', { a: '1', b: '1' })], ...clientSide });
    expect(last(await cluster.get('ConfigMap', 'cs'))).toMatchObject({ data: { a: '1', b: '1' } });
    await cluster.kube.mergePatch(ref('cs'), { data: { other: 'x' } }, { fieldManager: 'somebody' });
    const again = await cluster.sync({ manifests: [configMap('cs', { a: '2' })], ...clientSide });
    expect(again.shown).toEqual(['ConfigMap/cs: Synced configmap/cs configured']);
    const live = await cluster.get('ConfigMap', 'cs');
    expect(live?.['data']).toEqual({ a: '2', other: 'x' });
    expect(last(live)).toMatchObject({ data: { a: '2' } });
    expect(await again.judged()).toEqual({ cs: [] });
    expect((await cluster.sync({ manifests: [configMap('cs', { a: '2' })], ...clientSide })).shown).toEqual(['ConfigMap/cs: Synced configmap/cs unchanged']);
  });

  it('adopts what kubectl applied: what left the manifest since goes', async () => {
    const manifest = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kubectls', namespace: cluster.namespace, annotations: {} },
      data: { a: '1', gone: '1' },
    };
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(manifest) };
    await cluster.kube.create({ ...manifest, metadata: { ...manifest.metadata, annotations } }, { fieldManager: 'kubectl-client-side-apply' });
    await cluster.sync({ manifests: [configMap('kubectls', { a: '1' })], ...clientSide });
    expect((await cluster.get('ConfigMap', 'kubectls'))?.['data']).toEqual({ a: '1' });
  });

  it('merges lists of built-in kinds by their keys: a sidecar that somebody injected stays, one that left the manifest goes', async () => {
    const container = (name: string, more: object = {}) => ({ name, image: 'busybox', ...more });
    const env = (...names: string[]) => ({ env: names.map((name) => ({ name, value: 'v' })) });
    const volumes = (type: object) => ({ volumes: [{ name: 'data', ...type }] });
    const before = deployment('merged', [container('app', env('A', 'B')), container('old')], volumes({ emptyDir: {} }));
    await cluster.sync({ manifests: [before], ...clientSide });
    const target = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: cluster.namespace, name: 'merged' };
    const sidecar = { spec: { template: { spec: { containers: [container('injected')] } } } };
    await cluster.kube.mergePatch(target, sidecar, { fieldManager: 'injector', isStrategic: true });
    const after = deployment('merged', [container('app', env('A'))], volumes({ configMap: { name: 'x' } }));
    const outcome = await cluster.sync({ manifests: [after], ...clientSide });
    expect(outcome.shown).toEqual(['Deployment/merged: Synced deployment.apps/merged configured']);
    const live = (await cluster.kube.get(target)) as unknown as { spec: { template: { spec: PodSpec } } };
    const { containers, volumes: kept } = live.spec.template.spec;
    expect(containers.map(({ name }) => name).sort()).toEqual(['app', 'injected']);
    expect(containers.find(({ name }) => name === 'app')?.env?.map(({ name }) => name)).toEqual(['A']);
    expect(kept).toEqual([{ name: 'data', configMap: { name: 'x', defaultMode: 420 } }]);
    // Defaults, quantities and what others added are no difference.
    expect(await outcome.judged()).toEqual({ merged: [] });
  });

  it('by annotation wins over the application, and the other way round', async () => {
    const manifests = [configMap('own', {}, on('ServerSideApply=false')), configMap('app', {}, on('ServerSideApply=true'))];
    await cluster.sync({ manifests, ...options('ServerSideApply=true') });
    expect(last(await cluster.get('ConfigMap', 'own'))).toBeDefined();
    await cluster.sync({ manifests, ...clientSide });
    expect(last(await cluster.get('ConfigMap', 'app'))).toBeUndefined();
  });
});

describe('FailOnSharedResource=true', () => {
  it('refuses the whole sync when another application has one of the objects', async () => {
    const trackingId = `other:/ConfigMap:${cluster.namespace}/theirs`;
    const theirs = configMap('theirs', {}, { 'argocd.argoproj.io/tracking-id': trackingId });
    await cluster.kube.create({ ...theirs, metadata: { ...theirs.metadata, namespace: cluster.namespace } });
    const manifests = [configMap('theirs'), configMap('ours')];
    const strict = await cluster.sync({ manifests, ...options('FailOnSharedResource=true') });
    expect(strict).toMatchObject({
      refusal: 'Shared resource found',
      shown: ['ConfigMap/theirs: SyncFailed ConfigMap/theirs is part of applications web and other'],
      sent: [],
    });
    const lax = await cluster.sync({ manifests });
    expect(lax.shown).toEqual([
      'ConfigMap/ours: Synced configmap/ours created',
      expect.stringMatching(/^ConfigMap\/theirs: SyncFailed it belongs to application other/),
    ]);
  });
});
