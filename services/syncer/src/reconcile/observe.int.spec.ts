import { randomBytes } from 'node:crypto';
import { silentLogger } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { resourceIdOf, resourceKey } from '@plumbline/manifests';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { DesiredObject, DesiredState } from '../desired/desired-object.ts';
import type { Declared } from '../domain/state.ts';
import type { Cluster } from '../live/cluster.ts';
import { makeCluster } from '../live/cluster.ts';
import type { Entry } from './entry.ts';
import { extraObjects, watchEverythingOf } from './observe.ts';

let kube: KubeClient;
const suffix = randomBytes(4).toString('hex');
const namespace = `observe-${suffix}`;
const group = `observe-${suffix}.example.org`;
const instance = `web-${suffix}`;
const poll = { timeout: 20_000, interval: 20 };

beforeAll(async () => {
  kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: process.env['TEST_KUBECONFIG']!, env: {} }), log: silentLogger });
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});
afterAll(async () => {
  await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: namespace });
  await kube.close();
});

const definition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `widgets.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
  },
};

function managed(apiVersion: string, kind: string): KubeObject {
  const id = `${instance}:${apiVersion.includes('/') ? group : ''}/${kind}:${namespace}/extra`;
  return { apiVersion, kind, metadata: { name: 'extra', namespace, annotations: { 'argocd.argoproj.io/tracking-id': id } } };
}

/** A cluster of which one group's API can be said to be unreachable, as discovery says it of an aggregated one. */
function clusterWithDoubts(failingAfterMs?: number): { cluster: Cluster; doubt(isAway: boolean): Promise<void> } {
  let isAway = false;
  const doubted: KubeClient = {
    ...kube,
    async discover(options) {
      const found = await kube.discover(options);
      return isAway ? { ...found, unavailableGroups: [...found.unavailableGroups, group] } : found;
    },
  };
  const isExcluded = (ofGroup: string, kind: string): boolean => ofGroup !== group && !['ConfigMap', 'Namespace', 'CustomResourceDefinition'].includes(kind);
  const cluster = makeCluster({
    kube: doubted,
    log: silentLogger,
    listener: { changed: () => undefined },
    isExcluded,
    ...(failingAfterMs === undefined ? {} : { failingAfterMs }),
  });
  onTestFinished(() => cluster.stop());
  return {
    cluster,
    async doubt(is) {
      isAway = is;
      await cluster.refreshKinds();
    },
  };
}

function desiredOf(...objects: KubeObject[]): DesiredState {
  const desired = objects.map(
    (object) => ({ key: resourceKey(resourceIdOf(object)), object, options: { skipDryRunOnMissingResource: false } }) as DesiredObject,
  );
  return { manifestSet: 'm', sourceType: 'Directory', objects: desired, byKey: new Map(desired.map((one) => [one.key, one])), images: [], warnings: [] };
}

const newEntry = (): Entry => ({ key: `argocd/${instance}`, instance, wanted: new Set<string>() }) as unknown as Entry;
const state = {} as Declared;
const kindsOf = (objects: readonly KubeObject[]): string[] => objects.map(({ kind }) => kind);

it('prunes nothing of a group whose API can’t be reached, says so of its manifests, and goes on when it is back', async () => {
  await kube.create(definition);
  onTestFinished(async () => void (await kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: definition.kind, name: definition.metadata.name })));
  const { cluster, doubt } = clusterWithDoubts();
  await expect.poll(() => cluster.state.kindState(group, 'Widget'), poll).toBe('synced');
  await kube.create(managed('v1', 'ConfigMap'));
  await kube.create(managed(`${group}/v1`, 'Widget'));
  await expect.poll(() => [...cluster.managedBy(instance)], poll).toHaveLength(2);
  const entry = newEntry();
  const nothing = desiredOf();
  const watch = (desired: DesiredState): Promise<void> => watchEverythingOf(entry, desired, state, { cluster, namespaces: undefined });

  await watch(nothing);
  expect(kindsOf(extraObjects(entry, nothing, cluster))).toEqual(['ConfigMap', 'Widget']);
  expect(entry.doubtedKinds).toEqual(new Set());

  await doubt(true);
  await watch(nothing);
  expect(kindsOf(extraObjects(entry, nothing, cluster))).toEqual(['ConfigMap']);
  expect(entry.doubtedKinds).toEqual(new Set([`${group}/Widget`]));
  await expect(watch(desiredOf(managed(`${group}/v1`, 'Widget')))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(`the API of the group ${group} can't be reached now`),
  });

  await doubt(false);
  await watch(nothing);
  expect(kindsOf(extraObjects(entry, nothing, cluster))).toEqual(['ConfigMap', 'Widget']);
  expect(entry.doubtedKinds).toEqual(new Set());
});

it('tells of a kind whose list goes on failing, prunes nothing of it, and goes on when it works', async () => {
  const ref = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `gadgets.${group}` };
  const versioned = (v2: boolean, port: number): KubeObject => {
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const versions = [{ name: 'v1', served: true, storage: true, schema }, ...(v2 ? [{ name: 'v2', served: true, storage: false, schema }] : [])];
    const webhook = { conversionReviewVersions: ['v1'], clientConfig: { url: `https://127.0.0.1:${port}/` } };
    const conversion = v2 ? { strategy: 'Webhook', webhook } : { strategy: 'None' };
    return {
      ...definition,
      metadata: { name: ref.name },
      spec: { group, scope: 'Namespaced', names: { kind: 'Gadget', plural: 'gadgets' }, versions, conversion },
    };
  };
  await kube.create(versioned(false, 1));
  onTestFinished(async () => void (await kube.delete(ref)));
  const { cluster, doubt } = clusterWithDoubts(500);
  await expect.poll(() => cluster.state.kindState(group, 'Gadget'), poll).toBe('synced');
  await kube.create(managed(`${group}/v1`, 'Gadget'));
  await expect.poll(() => kindsOf(extraObjects(newEntry(), desiredOf(), cluster)), poll).toContain('Gadget');
  const entry = newEntry();
  const watch = (desired: DesiredState): Promise<void> => watchEverythingOf(entry, desired, state, { cluster, namespaces: undefined });

  // The version that is preferred now has to be converted, and nobody answers on that port.
  await kube.apply(versioned(true, 1), { fieldManager: 'test', force: true });
  await expect.poll(() => cluster.state.kindState(group, 'Gadget'), { ...poll, timeout: 60_000 }).toBe('failing');
  await watch(desiredOf());
  expect([...(entry.doubtedKinds ?? [])].join()).toMatch(new RegExp(`^${group}/Gadget \\(its list fails since \\d{4}-.*conversion webhook`));
  expect(kindsOf(extraObjects(entry, desiredOf(), cluster))).not.toContain('Gadget');
  await expect(watch(desiredOf(managed(`${group}/v1`, 'Gadget')))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/Gadget objects fails since \d{4}-.*conversion webhook/),
  });

  // Where the whole API is away, that is what there is to say.
  await doubt(true);
  await watch(desiredOf());
  expect(entry.doubtedKinds).toEqual(new Set([`${group}/Gadget`]));
  await expect(watch(desiredOf(managed(`${group}/v1`, 'Gadget')))).rejects.toMatchObject({ message: expect.stringContaining("can't be reached now") });
  await doubt(false);

  await kube.mergePatch(ref, { spec: { conversion: { strategy: 'None', webhook: null } } }, { fieldManager: 'test' });
  await expect.poll(() => cluster.state.kindState(group, 'Gadget'), { ...poll, timeout: 60_000 }).toBe('synced');
  await watch(desiredOf());
  expect(entry.doubtedKinds).toEqual(new Set());
  expect(kindsOf(extraObjects(entry, desiredOf(), cluster))).toContain('Gadget');
}, 120_000);

it('refuses a manifest outside of the namespaces that are managed', async () => {
  const { cluster } = clusterWithDoubts();
  const elsewhere = desiredOf(managed('v1', 'ConfigMap'));
  await expect(watchEverythingOf(newEntry(), elsewhere, state, { cluster, namespaces: ['other'] })).rejects.toMatchObject({
    code: 'permission-denied',
    message: expect.stringContaining(`namespace ${namespace}, which is not among those that are managed here: other`),
  });
});

it('notes a kind that the cluster does not have, and forgets it when something brought it', async () => {
  const { cluster } = clusterWithDoubts();
  const entry = newEntry();
  const desired = desiredOf(managed('v1', 'ConfigMap'), managed(`${group}/v1`, 'Widget'));
  const unknown = async (): Promise<unknown> => {
    await watchEverythingOf(entry, desired, state, { cluster, namespaces: undefined });
    return entry.unknownKinds;
  };
  expect(await unknown()).toEqual(new Set([`${group}/v1 Widget`]));
  await kube.create(definition);
  onTestFinished(async () => void (await kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: definition.kind, name: definition.metadata.name })));
  await expect.poll(() => cluster.state.kindState(group, 'Widget'), poll).toBe('synced');
  expect(await unknown()).toEqual(new Set());
  const otherVersion = desiredOf(managed(`${group}/v2`, 'Widget'));
  await watchEverythingOf(entry, otherVersion, state, { cluster, namespaces: undefined });
  expect(entry.unknownKinds).toEqual(new Set([`${group}/v2 Widget`]));
});
