import { randomBytes } from 'node:crypto';
import type { Logger } from '@plumbline/contracts';
import { silentLogger } from '@plumbline/contracts';
import type { KubeClient, KubeConnection } from '@plumbline/kube';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startAggregatedApi } from '../../test/aggregated-api.ts';
import { watchedResources } from '../settings/watched-resources.ts';
import type { Cluster, ClusterOptions } from './cluster.ts';
import { makeCluster } from './cluster.ts';

let kube: KubeClient;
let connection: KubeConnection;
const suffix = randomBytes(4).toString('hex');
const namespace = `live-${suffix}`;
const group = `live-${suffix}.example.org`;
const poll = { timeout: 20_000, interval: 20 };

beforeAll(async () => {
  connection = await loadConnection({ kubeconfigPath: process.env['TEST_KUBECONFIG']!, env: {} });
  kube = makeKubeClient({ connection, log: silentLogger });
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});
afterAll(async () => {
  await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: namespace });
  await kube.close();
});

interface Followed {
  cluster: Cluster;
  /** Kind → how often a watch of it was begun. */
  watched: Map<string, number>;
  kindsChanged(): number;
}

function follow({ kube: client = kube, ...options }: Partial<ClusterOptions> = {}): Followed {
  const watched = new Map<string, number>();
  let changes = 0;
  const counting: KubeClient = {
    ...client,
    watch(wanted) {
      watched.set(wanted.kind, (watched.get(wanted.kind) ?? 0) + 1);
      return client.watch(wanted);
    },
  };
  const { isExcluded } = watchedResources({}, 'https://kubernetes.default.svc');
  const listener = { changed: () => undefined, kindsChanged: () => void changes++ };
  const cluster = makeCluster({ kube: counting, log: silentLogger, listener, isExcluded, ...options });
  onTestFinished(() => cluster.stop());
  return { cluster, watched, kindsChanged: () => changes };
}

/** What the API server lets this user do, by its own authoriser. */
function clientOf(user: string): KubeClient {
  const headers = async (): Promise<Record<string, string>> => ({ ...(await connection.headers()), 'impersonate-user': user });
  const client = makeKubeClient({ connection: { ...connection, headers }, log: silentLogger, limits: { watch: { refusedBackoffMs: 100 } } });
  onTestFinished(() => client.close());
  return client;
}

/** Lets a user look at these: in one namespace, or everywhere. */
async function permit(user: string, name: string, what: { apiGroups: string[]; resources: string[] }, where?: string): Promise<void> {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { name: `${user}-${name.toLowerCase().replaceAll(' ', '-')}`, ...(where === undefined ? {} : { namespace: where }) };
  const kind = where === undefined ? 'ClusterRole' : 'Role';
  const role = { apiVersion, kind, metadata, rules: [{ ...what, verbs: ['get', 'list', 'watch'] }] };
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }];
  const binding = { apiVersion, kind: `${kind}Binding`, metadata, subjects, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: metadata.name } };
  for (const object of [role, binding]) {
    await kube.apply(object, { fieldManager: 'test' });
    onTestFinished(async () => void (await kube.delete({ group: 'rbac.authorization.k8s.io', version: 'v1', kind: object.kind, ...metadata })));
  }
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
    await isListed(followed, '', 'ConfigMap');
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

  it('lists an aggregated API anew as soon as it is back, and no other', async () => {
    const followed = follow();
    const { cluster, watched } = followed;
    const aggregated = `back-${suffix}.example.org`;
    const api = await startAggregatedApi(kube, aggregated, namespace);
    onTestFinished(() => api.remove());
    api.put('before', {});
    await isListed(followed, aggregated, 'Widget');
    const key = (name: string): string => `${aggregated}/Widget/${namespace}/${name}`;
    expect(cluster.state.row(key('before'))).toBeDefined();

    await api.goAway();
    await expect.poll(() => cluster.state.kindState(aggregated, 'Widget'), poll).toBe('unavailable');
    expect(cluster.state.unavailableGroups()).toContain(aggregated);
    expect(cluster.state.row(key('before'))).toBeDefined();
    api.put('meanwhile', {});

    await api.comeBack();
    await isListed(followed, aggregated, 'Widget');
    expect(cluster.state.row(key('meanwhile'))).toBeDefined();
    expect([...watched].filter(([, times]) => times !== 1)).toEqual([['Widget', 2]]);
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

  it('says once which kinds it may not list, has the others, and begins when it may', async () => {
    const user = `reader-${suffix}`;
    await permit(user, 'ConfigMap readers', { apiGroups: ['', 'apiextensions.k8s.io'], resources: ['configmaps', 'namespaces'] });
    const refused: string[] = [];
    const log: Logger = { ...silentLogger, warn: (_message, details) => void refused.push(String(details?.['kind'])) };
    const followed = follow({ kube: clientOf(user), log });
    const { state } = followed.cluster;
    await isListed(followed, '', 'ConfigMap');
    await expect.poll(() => state.kindState('', 'Secret'), poll).toBe('forbidden');
    expect(await state.whenListed('', 'Secret')).toBe('forbidden');
    await permit(user, 'Secret readers', { apiGroups: [''], resources: ['secrets'] });
    await isListed(followed, '', 'Secret');
    expect(refused.filter((kind) => kind === 'Secret')).toHaveLength(1);
  });

  it('needs a Role in its namespaces only; one without it is in doubt, the others are not', async () => {
    const user = `tenant-${suffix}`;
    await permit(user, 'tenant', { apiGroups: ['*'], resources: ['*'] }, namespace);
    await kube.apply(configMap('here'), { fieldManager: 'test' });
    const { state } = follow({ kube: clientOf(user), namespaces: [namespace, 'default'] }).cluster;
    await expect.poll(() => state.kindState('', 'ConfigMap', namespace), poll).toBe('synced');
    await expect.poll(() => state.kindState('', 'ConfigMap', 'default'), poll).toBe('forbidden');
    expect(state.kindState('', 'ConfigMap', 'kube-system')).toBe('forbidden');
    expect(state.row(`/ConfigMap/${namespace}/here`)).toBeDefined();
    await expect.poll(() => state.kindState('', 'Namespace'), poll).toBe('forbidden');
  });
});
