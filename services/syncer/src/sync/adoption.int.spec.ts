import { randomBytes } from 'node:crypto';
import type { KubeObject } from '@plumbline/manifests';
import { annotation, ownEntry } from '@plumbline/manifests';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { instance, realCluster } from '../../test/real-cluster.ts';
import type { RealCluster } from '../../test/real-cluster.ts';

/** Objects that other tools made become ours, so that what the manifest no longer has really goes. */
let cluster: RealCluster;
beforeAll(async () => void (cluster = await realCluster()));
afterAll(async () => await cluster?.drop());
afterEach(() => void (cluster.spec = {}));

const newName = (): string => `web-${randomBytes(3).toString('hex')}`;
const labels = { app: 'web' };
const deployment = (name: string, fields: object, env: string[]): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { from: 'git' } },
  spec: {
    ...fields,
    paused: true,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1', env: env.map((variable) => ({ name: variable, value: '1' })) }] } },
  },
});
const before = (name: string): KubeObject => deployment(name, { minReadySeconds: 5 }, ['A', 'B']);
const after = (name: string): KubeObject => deployment(name, {}, ['A']);
const inNamespace = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, namespace: cluster.namespace } });
const live = async (name: string): Promise<KubeObject> => (await cluster.live(after(name)))!;
const managersOf = (object: KubeObject): string[] =>
  (object.metadata.managedFields ?? []).filter(({ subresource }) => subresource === undefined).map(({ manager = '' }) => manager);
const envOf = (object: KubeObject): string[] =>
  (object['spec'] as { template: { spec: { containers: { env: { name: string }[] }[] } } }).template.spec.containers[0]!.env.map(({ name }) => name);

/** What a client-side apply leaves: the object, and a note of what was applied. */
const noted = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [annotation.lastApplied]: JSON.stringify(object) } },
});
const tracked = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: {
    ...object.metadata,
    annotations: { [annotation.trackingId]: `${instance}:apps/Deployment:${cluster.namespace}/${object.metadata.name}` },
  },
});

const makers: [string, string, (object: KubeObject) => Promise<KubeObject>][] = [
  ['kubectl apply', 'kubectl-client-side-apply', (object) => cluster.kube.create(noted(inNamespace(object)), { fieldManager: 'kubectl-client-side-apply' })],
  ['Helm', 'helm', (object) => cluster.kube.create(inNamespace(object), { fieldManager: 'helm' })],
  ['Argo CD', 'argocd-controller', (object) => cluster.kube.create(noted(tracked(inNamespace(object))), { fieldManager: 'argocd-controller' })],
  ['Argo CD, server-side', 'argocd-controller', (object) => cluster.kube.apply(tracked(inNamespace(object)), { fieldManager: 'argocd-controller' })],
];

describe.each(makers)('made by %s', (_, manager, make) => {
  test('the first write takes over: removed fields go, and it is said from whom', async () => {
    const name = newName();
    await make(before(name));
    const { results } = await cluster.sync(after(name));
    expect(results[0]).toMatchObject({ status: 'Synced', message: expect.stringContaining(`taken over from ${manager}`), takenOverFrom: [manager] });
    const object = await live(name);
    expect([managersOf(object), envOf(object)]).toEqual([['plumbline'], ['A']]);
    expect(object['spec']).not.toHaveProperty('minReadySeconds');
    // kubectl's note would say what no longer is.
    expect(object.metadata.annotations).not.toHaveProperty(annotation.lastApplied);
    expect(await cluster.verdict(after(name))).toEqual({ status: 'Synced', fields: [] });
    expect(await cluster.verdict(after(name), cluster.freshJudge())).toEqual({ status: 'Synced', fields: [] });
  });

  test('what the tool does afterwards is a change like any other', async () => {
    const name = newName();
    await make(before(name));
    await cluster.sync(after(name));
    const ref = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: cluster.namespace, name };
    await cluster.kube.mergePatch(ref, { metadata: { labels: { beside: 'us', from: manager } } }, { fieldManager: manager });
    expect(await cluster.verdict(after(name))).toMatchObject({ status: 'OutOfSync', fields: ['/metadata/labels/from'], owners: [[{ manager }]] });
    await cluster.sync(after(name));
    expect((await live(name)).metadata.labels).toEqual({ beside: 'us', from: 'git' });
  });

  test('not with ClientSideApplyMigration=false', async () => {
    const name = newName();
    await make(before(name));
    cluster.spec = { syncPolicy: { syncOptions: ['ClientSideApplyMigration=false'] } };
    await cluster.sync(after(name));
    const object = await live(name);
    expect(managersOf(object)).toContain(manager);
    expect(object['spec']).toMatchObject({ minReadySeconds: 5 });
  });
});

test.each(makers.filter(([name]) => name.startsWith('Argo CD')))(
  'an object that %s left is in sync as long as the manifest is the same',
  async (_, __, make) => {
    const name = newName();
    await make(before(name));
    expect(await cluster.verdict(before(name))).toMatchObject({ status: 'Synced' });
    // What leaves the manifest is missed, although an apply alone would not take it away.
    expect(await cluster.verdict(after(name))).toMatchObject({ status: 'OutOfSync', fields: expect.arrayContaining(['/spec/minReadySeconds']) });
  },
);

test('what was made in an older version than the manifest’s', async () => {
  const name = newName();
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'nobody' };
  const older = {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name, labels: { gone: 'x' } },
    spec: { scaleTargetRef: target, maxReplicas: 3, targetCPUUtilizationPercentage: 70 },
  };
  const newer = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name }, spec: { scaleTargetRef: target, maxReplicas: 4 } };
  await cluster.kube.create(noted(inNamespace(older)), { fieldManager: 'kubectl-client-side-apply' });
  await cluster.sync(newer);
  const object = (await cluster.live(newer))!;
  // The server itself keeps the metrics that the older version calls otherwise, also of two applies of one manager.
  expect([managersOf(object), object.metadata.labels, object['spec']]).toEqual([['plumbline'], undefined, expect.objectContaining({ maxReplicas: 4 })]);
  expect(await cluster.verdict(newer, cluster.freshJudge())).toEqual({ status: 'Synced', fields: [] });
});

test('a tool that the Application names is taken over from as well', async () => {
  const name = newName();
  await cluster.kube.create(inNamespace(before(name)), { fieldManager: 'our-deployer' });
  cluster.annotations = { 'argocd.argoproj.io/client-side-apply-migration-manager': 'our-deployer' };
  const { results } = await cluster.sync(after(name));
  cluster.annotations = {};
  expect(results[0]).toMatchObject({ takenOverFrom: ['our-deployer'] });
  expect((await live(name))['spec']).not.toHaveProperty('minReadySeconds');
});

test('another manager’s fields stay its own', async () => {
  const name = newName();
  await cluster.kube.create(noted(inNamespace(before(name))), { fieldManager: 'kubectl-client-side-apply' });
  const ref = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: cluster.namespace, name };
  await cluster.kube.mergePatch(ref, { metadata: { annotations: { note: 'x' } } }, { fieldManager: 'somebody' });
  await cluster.sync(after(name));
  const object = await live(name);
  expect(object.metadata.annotations).toMatchObject({ note: 'x' });
  expect(ownEntry(object, 'somebody', 'Update')?.fieldsV1).toEqual({ 'f:metadata': { 'f:annotations': { 'f:note': {} } } });
});

test('nothing is rewritten in a dry run', async () => {
  const name = newName();
  await cluster.kube.create(noted(inNamespace(before(name))), { fieldManager: 'kubectl-client-side-apply' });
  cluster.isDryRun = true;
  const { results } = await cluster.sync(after(name));
  cluster.isDryRun = false;
  expect(results[0]?.message).toContain('(dry run)');
  const object = await live(name);
  expect([managersOf(object).includes('plumbline'), envOf(object)]).toEqual([false, ['A', 'B']]);
});

test('an object that somebody changes between the look and the write is looked at again', async () => {
  const name = newName();
  await cluster.kube.create(noted(inNamespace(before(name))), { fieldManager: 'kubectl-client-side-apply' });
  const ref = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: cluster.namespace, name };
  const change = async (): Promise<void> =>
    void (await cluster.kube.mergePatch(ref, { metadata: { annotations: { note: 'x' } } }, { fieldManager: 'somebody' }));
  const { results } = await cluster.sync(after(name), [], change);
  expect(results[0]).toMatchObject({ takenOverFrom: ['kubectl-client-side-apply'] });
  const object = await live(name);
  expect([managersOf(object), object.metadata.annotations?.['note'], envOf(object)]).toEqual([expect.arrayContaining(['plumbline', 'somebody']), 'x', ['A']]);
});

// argocd-compat B046: what was written with client-side semantics is ours; no option keeps its fields from going.
test.each([[[]], [['ClientSideApplyMigration=false']]])(
  'an object that we wrote client-side ourselves is ours when it is applied server-side, with %j',
  async (syncOptions) => {
    const name = newName();
    cluster.spec = { syncPolicy: { syncOptions: ['ServerSideApply=false'] } };
    await cluster.sync(before(name));
    expect(managersOf(await live(name))).toEqual(['plumbline']);
    cluster.spec = { syncPolicy: { syncOptions } };
    await cluster.sync(after(name));
    const object = await live(name);
    expect([managersOf(object), envOf(object)]).toEqual([['plumbline'], ['A']]);
    expect(object['spec']).not.toHaveProperty('minReadySeconds');
    expect(object.metadata.annotations).not.toHaveProperty(annotation.lastApplied);
    expect(await cluster.verdict(after(name), cluster.freshJudge())).toEqual({ status: 'Synced', fields: [] });
  },
);

test('an object that we applied server-side goes on client-side, and loses what leaves the manifest', async () => {
  const name = newName();
  await cluster.sync(before(name));
  cluster.spec = { syncPolicy: { syncOptions: ['ServerSideApply=false'] } };
  expect(await cluster.verdict(after(name), cluster.freshJudge())).toMatchObject({ status: 'OutOfSync' });
  await cluster.sync(after(name));
  const object = await live(name);
  expect(envOf(object)).toEqual(['A']);
  expect(object['spec']).not.toHaveProperty('minReadySeconds');
  expect(await cluster.verdict(after(name), cluster.freshJudge())).toEqual({ status: 'Synced', fields: [] });
});
