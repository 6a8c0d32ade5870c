import { randomBytes } from 'node:crypto';
import { silentLogger } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { watchedResources } from '../settings/watched-resources.ts';
import type { Cluster, ClusterOptions } from './cluster.ts';
import { makeCluster } from './cluster.ts';

let kube: KubeClient;
const suffix = randomBytes(4).toString('hex');
const namespace = `live-${suffix}`;
const group = `live-${suffix}.example.org`;
const poll = { timeout: 20_000, interval: 20 };

beforeAll(async () => {
  kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: process.env['TEST_KUBECONFIG']!, env: {} }), log: silentLogger });
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});
afterAll(async () => {
  await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: namespace });
  await kube.close();
});

/** A cluster's state, and how often each kind was watched. */
function follow(options: Partial<ClusterOptions> = {}): { cluster: Cluster; watched: Map<string, number>; kindsChanged: () => number } {
  const watched = new Map<string, number>();
  let changes = 0;
  const counting: KubeClient = {
    ...kube,
    watch(wanted) {
      watched.set(wanted.kind, (watched.get(wanted.kind) ?? 0) + 1);
      return kube.watch(wanted);
    },
  };
  const { isExcluded } = watchedResources({}, 'https://kubernetes.default.svc');
  const listener = { changed: () => undefined, kindsChanged: () => void changes++ };
  const cluster = makeCluster({ kube: counting, log: silentLogger, listener, isExcluded, ...options });
  onTestFinished(() => cluster.stop());
  return { cluster, watched, kindsChanged: () => changes };
}

const configMap = (name: string, more: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, ...more },
  data: { big: 'x'.repeat(1_000) },
});

const definition = (kind: string, versions: string[]): KubeObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${kind.toLowerCase()}s.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind, plural: `${kind.toLowerCase()}s` },
    versions: versions.map((name, index) => ({
      name,
      served: true,
      storage: index === 0,
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    })),
  },
});

const isListed = async ({ cluster }: { cluster: Cluster }, ofGroup: string, kind: string): Promise<void> => {
  await expect.poll(() => cluster.state.kindState(ofGroup, kind), poll).toBe('synced');
};

describe('live state of a cluster', () => {
  it('has every kind that can be listed and watched, but what is excluded, once each', async () => {
    const followed = follow();
    for (const [ofGroup, kind] of [
      ['', 'ConfigMap'],
      ['apps', 'Deployment'],
      ['rbac.authorization.k8s.io', 'ClusterRole'],
      ['', 'Namespace'],
      ['apiextensions.k8s.io', 'CustomResourceDefinition'],
    ] as const)
      await isListed(followed, ofGroup, kind);
    const { cluster, watched } = followed;
    for (const [ofGroup, kind] of [
      ['', 'Event'],
      ['events.k8s.io', 'Event'],
      ['coordination.k8s.io', 'Lease'],
      ['discovery.k8s.io', 'EndpointSlice'],
    ] as const)
      expect(cluster.state.kindState(ofGroup, kind), kind).toBe('unserved');
    expect([...watched].filter(([, times]) => times !== 1)).toEqual([]);
  });

  it('keeps a row of what nobody manages, and the whole of what is wanted', async () => {
    const followed = follow();
    const { cluster } = followed;
    await isListed(followed, '', 'ConfigMap');
    await kube.create(configMap('nobody'));
    await kube.create(configMap('somebody', { annotations: { 'argocd.argoproj.io/tracking-id': `web:/ConfigMap:${namespace}/somebody` } }));
    await expect.poll(() => cluster.state.row(`/ConfigMap/${namespace}/somebody`)?.object?.metadata.managedFields?.length, poll).toBeGreaterThan(0);
    expect(cluster.state.row(`/ConfigMap/${namespace}/nobody`)).toMatchObject({ uid: expect.any(String), apiVersion: 'v1' });
    expect(cluster.state.row(`/ConfigMap/${namespace}/nobody`)?.object).toBeUndefined();
    expect([...cluster.managedBy('web')]).toContain(`/ConfigMap/${namespace}/somebody`);
  });

  it('follows definitions: a new kind, its other version, its end; no other kind is listed again', async () => {
    const followed = follow();
    const { cluster, watched } = followed;
    await isListed(followed, '', 'ConfigMap');
    await isListed(followed, 'apiextensions.k8s.io', 'CustomResourceDefinition');
    const definitionRef = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `widgets.${group}` };
    await kube.apply(definition('Widget', ['v1']), { fieldManager: 'test' });
    onTestFinished(async () => void (await kube.delete(definitionRef)));
    await isListed(followed, group, 'Widget');
    expect(followed.kindsChanged()).toBeGreaterThan(0);
    await kube.create({ apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name: 'one', namespace } });
    const key = `${group}/Widget/${namespace}/one`;
    await expect.poll(() => cluster.state.row(key)?.apiVersion, poll).toBe(`${group}/v1`);

    await kube.apply(definition('Widget', ['v1', 'v2']), { fieldManager: 'test' });
    await expect.poll(() => cluster.state.row(key)?.apiVersion, poll).toBe(`${group}/v2`);

    await kube.delete(definitionRef);
    await expect.poll(() => cluster.state.row(key), poll).toBeUndefined();
    await expect.poll(() => cluster.state.kindState(group, 'Widget'), poll).toBe('unserved');
    expect([...watched].filter(([kind, times]) => kind !== 'Widget' && times !== 1)).toEqual([]);
  });

  it('knows nothing of a group whose API can’t be reached, and everything of the others', async () => {
    const followed = follow();
    const { cluster } = followed;
    await isListed(followed, 'apiregistration.k8s.io', 'APIService');
    const away = `away-${suffix}.example.org`;
    const ref = { group: 'apiregistration.k8s.io', version: 'v1', kind: 'APIService', name: `v1.${away}` };
    await kube.create({
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `v1.${away}` },
      spec: { group: away, version: 'v1', groupPriorityMinimum: 10, versionPriority: 10, insecureSkipTLSVerify: true, service: { namespace, name: 'nobody' } },
    });
    onTestFinished(async () => void (await kube.delete(ref)));
    await expect.poll(() => cluster.state.kindState(away, 'Thing'), poll).toBe('unavailable');
    expect(cluster.state.kindState('', 'ConfigMap')).toBe('synced');
    await kube.delete(ref);
    await expect.poll(() => cluster.state.kindState(away, 'Thing'), poll).toBe('unserved');
  });

  it('excludes and includes kinds as the settings say, also when they change', async () => {
    let data: Record<string, string> = { 'resource.exclusions': '- { apiGroups: [""], kinds: ["Config*"] }\n' };
    const followed = follow({ isExcluded: (ofGroup, kind) => watchedResources(data, 'https://kubernetes.default.svc').isExcluded(ofGroup, kind) });
    await isListed(followed, '', 'Secret');
    expect(followed.cluster.state.kindState('', 'ConfigMap')).toBe('unserved');
    data = {};
    followed.cluster.exclusionsChanged();
    await isListed(followed, '', 'ConfigMap');
    data = { 'resource.inclusions': '- { apiGroups: [apps] }\n' };
    followed.cluster.exclusionsChanged();
    expect(followed.cluster.state.kindState('', 'ConfigMap')).toBe('unserved');
    expect(followed.cluster.state.kindState('apps', 'Deployment')).toBe('synced');
  });

  it('watches named namespaces only, and kinds without a namespace as a whole', async () => {
    const other = `other-${suffix}`;
    await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: other } });
    onTestFinished(async () => void (await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: other })));
    await kube.create({ ...configMap('elsewhere'), metadata: { name: 'elsewhere', namespace: other } });
    await kube.apply(configMap('here'), { fieldManager: 'test' });
    const followed = follow({ namespaces: [namespace] });
    await isListed(followed, '', 'ConfigMap');
    await isListed(followed, '', 'Namespace');
    const { state } = followed.cluster;
    expect(state.row(`/ConfigMap/${namespace}/here`)).toBeDefined();
    expect(state.row(`/ConfigMap/${other}/elsewhere`)).toBeUndefined();
    expect(state.row(`/Namespace//${other}`)).toBeDefined();
  });
});
