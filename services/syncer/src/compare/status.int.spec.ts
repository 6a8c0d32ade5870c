import { randomBytes } from 'node:crypto';
import type { KubeObject } from '@plumbline/manifests';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RealCluster } from '../../test/real-cluster.ts';
import { eventually, realCluster } from '../../test/real-cluster.ts';

/** A status that a manifest sets, held against a real API server: argocd-compat B064. */
let cluster: RealCluster;
const group = `s${randomBytes(3).toString('hex')}.plumbline.example`;
const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const definition = (kind: string, version: object, fields: object = { spec: anything, status: anything }): KubeObject => {
  const plural = `${kind.toLowerCase()}s`;
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: fields } }, ...version }];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: { group, scope: 'Namespaced', names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` }, versions },
  };
};
const all = [definition('Whole', {}), definition('Split', { subresources: { status: {} } }), definition('Bare', {}, { spec: anything })];

beforeAll(async () => {
  cluster = await realCluster();
  for (const one of all) await cluster.sync(one);
  for (const kind of ['Whole', 'Split', 'Bare'])
    await eventually(
      async () => (await cluster.kube.discover({ refresh: true })).findKind(group, kind),
      (found) => found !== undefined,
    );
});
afterAll(async () => {
  const definitions = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' };
  for (const { metadata } of all) await cluster.kube.delete({ ...definitions, name: metadata.name });
  await cluster?.drop();
});
afterEach(() => {
  cluster.spec = {};
  cluster.settings = {};
});

const setting = (value: string): Record<string, string> => ({ 'resource.compareoptions': `ignoreResourceStatusField: ${value}` });
const rule = 'argocd-cm resource.compareoptions';
const synced = { status: 'Synced', fields: [] };

interface Thing {
  manifest: KubeObject;
  with(fields: object): KubeObject;
  status(): Promise<unknown>;
  change(change: object): Promise<KubeObject>;
}
function thing(kind: string): Thing {
  const name = `a-${randomBytes(3).toString('hex')}`;
  const manifest = { apiVersion: `${group}/v1`, kind, metadata: { name }, spec: { size: 1 }, status: { phase: 'wanted' } };
  return {
    manifest,
    with: (fields) => ({ ...manifest, ...fields }),
    status: async () => (await cluster.live(manifest))?.['status'],
    change: (change) => cluster.kube.mergePatch({ group, version: 'v1', kind, namespace: cluster.namespace, name }, change, { fieldManager: 'somebody' }),
  };
}

test('it is applied, and not compared unless somebody asks for it', async () => {
  const { manifest, change, status, with: having } = thing('Whole');
  await cluster.sync(manifest);
  expect(await status()).toEqual({ phase: 'wanted' });
  expect(await cluster.verdict(manifest)).toEqual(synced);
  await change({ status: { phase: 'other' } });
  const ignored = { ...synced, ignored: [{ field: '/status/phase', rule }] };
  expect([await cluster.verdict(manifest), await cluster.verdict(manifest, cluster.freshJudge())]).toEqual([ignored, ignored]);
  // What it says may go on changing without another question.
  const before = cluster.asked();
  await change({ status: { phase: 'another' } });
  expect([(await cluster.verdict(manifest)).status, cluster.asked()]).toEqual(['Synced', before]);
  // As with Argo CD: what is ignored is written all the same.
  await cluster.sync(having({ spec: { size: 2 } }));
  expect(await status()).toEqual({ phase: 'wanted' });
});

test.each(['crd', 'none', 'off', 'false'])('%s: it is compared like any other field, and the setting changes nothing but that', async (value) => {
  const { manifest, change, status } = thing('Whole');
  cluster.settings = setting(value);
  await cluster.sync(manifest);
  expect(await cluster.verdict(manifest)).toEqual(synced);
  await change({ status: { phase: 'other' } });
  const drifted = { status: 'OutOfSync', fields: ['/status/phase'], owners: [[{ manager: 'somebody', operation: 'Update' }]] };
  expect(await cluster.verdict(manifest)).toMatchObject(drifted);
  cluster.settings = setting('all');
  expect(await cluster.verdict(manifest)).toMatchObject({ ...synced, ignored: [{ field: '/status/phase', rule }] });
  cluster.settings = setting(value);
  expect(await cluster.verdict(manifest)).toMatchObject(drifted);
  await cluster.sync(manifest);
  expect([await status(), await cluster.verdict(manifest)]).toEqual([{ phase: 'wanted' }, synced]);
});

test.each(['ServerSideApply=false', 'Replace=true'])('%s writes and compares it too', async (option) => {
  const { manifest, change, status } = thing('Whole');
  cluster.spec = { syncPolicy: { syncOptions: [option] } };
  cluster.settings = setting('none');
  await cluster.sync(manifest);
  expect([await status(), (await cluster.verdict(manifest)).status]).toEqual([{ phase: 'wanted' }, 'Synced']);
  await change({ status: { phase: 'other' } });
  expect(await cluster.verdict(manifest)).toMatchObject({ status: 'OutOfSync', fields: ['/status/phase'] });
  cluster.settings = {};
  expect(await cluster.verdict(manifest)).toMatchObject({ status: 'Synced' });
});

test('RespectIgnoreDifferences=true leaves it to whoever changed it', async () => {
  const { manifest, change, status, with: having } = thing('Whole');
  cluster.spec = { syncPolicy: { syncOptions: ['RespectIgnoreDifferences=true'] } };
  await cluster.sync(manifest);
  await change({ status: { phase: 'other' } });
  await cluster.sync(having({ spec: { size: 2 } }));
  expect(await status()).toEqual({ phase: 'other' });
});

test('it goes when it leaves the manifest', async () => {
  const { manifest, status, with: having } = thing('Whole');
  await cluster.sync(manifest);
  const without = having({ status: {} });
  expect(await cluster.verdict(without)).toMatchObject({ status: 'OutOfSync' });
  await cluster.sync(without);
  expect([await status(), await cluster.verdict(without)]).toEqual([undefined, synced]);
});

test('where no generation tells that it changed, an answer is not kept beyond that', async () => {
  const { manifest, change } = thing('Whole');
  cluster.settings = setting('none');
  await cluster.sync(manifest);
  // As an aggregated API may serve it.
  const look = async (): Promise<object> => {
    const { generation: _, ...metadata } = (await cluster.live(manifest))!.metadata;
    return cluster.judge.judge(await cluster.desired(manifest), { ...(await cluster.live(manifest))!, metadata }, false);
  };
  await change({ status: { phase: 'other' } });
  expect(await look()).toMatchObject({ status: 'OutOfSync', fields: ['/status/phase'] });
  await change({ status: { phase: 'wanted' } });
  expect(await look()).toMatchObject({ status: 'Synced' });
});

test('where it has a subresource nothing of it is sent, so there is nothing to compare', async () => {
  const { manifest, status } = thing('Split');
  cluster.settings = setting('none');
  await cluster.sync(manifest);
  expect([await status(), await cluster.verdict(manifest), await cluster.verdict(manifest, cluster.freshJudge())]).toEqual([undefined, synced, synced]);
  const definitionWithStatus = { ...all[0]!, status: { acceptedNames: { kind: 'Other', plural: 'others' }, conditions: [], storedVersions: [] } };
  expect(await cluster.verdict(definitionWithStatus)).toEqual(synced);
});

test('a definition that loses the subresource makes it count', async () => {
  const { manifest, status } = thing('Joined');
  const joined = definition('Joined', { subresources: { status: {} } });
  await cluster.sync(joined);
  const served = (hasStatusSubresource: boolean): Promise<unknown> =>
    eventually(
      async () => (await cluster.kube.discover({ refresh: true })).findKind(group, 'Joined'),
      (found) => found?.hasStatusSubresource === hasStatusSubresource,
    );
  await served(true);
  await cluster.sync(manifest);
  cluster.settings = setting('none');
  expect(await cluster.verdict(manifest)).toEqual(synced);
  await cluster.sync(definition('Joined', {}));
  await served(false);
  expect(await cluster.verdict(manifest)).toMatchObject({ status: 'OutOfSync', fields: [expect.stringMatching('^/status')] });
  await cluster.sync(manifest);
  expect([await status(), await cluster.verdict(manifest)]).toEqual([{ phase: 'wanted' }, synced]);
  await cluster.kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: joined.metadata.name });
});

test('a kind that has none refuses it and says so', async () => {
  const { manifest } = thing('Bare');
  expect(await cluster.verdict(manifest)).toMatchObject({ status: 'OutOfSync' });
  await expect(cluster.sync(manifest)).rejects.toThrow(/\.status/);
});
