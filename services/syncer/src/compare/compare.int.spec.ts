import { randomBytes } from 'node:crypto';
import type { KubeObject } from '@plumbline/manifests';
import { applicationSyncOptions, track } from '@plumbline/manifests';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RealCluster } from '../../test/real-cluster.ts';
import { instance, realCluster } from '../../test/real-cluster.ts';
import type { Compared } from './compare.ts';
import { compare } from './compare.ts';

/** What the objects make of the application, on a real API server. */
let cluster: RealCluster;
beforeAll(async () => void (cluster = await realCluster()));
afterAll(async () => await cluster?.drop());

const newName = (): string => `a-${randomBytes(3).toString('hex')}`;
const configMap = (name: string, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, annotations },
  data: { a: '1' },
});
const ref = (name: string) => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace: cluster.namespace, name });

/** What `wanted` are, and what is there besides. */
async function compared(wanted: readonly KubeObject[], extra: readonly KubeObject[] = []): Promise<Compared> {
  const objects = await Promise.all(wanted.map((manifest) => cluster.desired(manifest)));
  const live = new Map<string, KubeObject>();
  for (const { key, object } of objects) {
    const found = await cluster.live(object);
    if (found !== undefined) live.set(key, found);
  }
  const desired = {
    manifestSet: 'set',
    sourceType: 'Directory' as const,
    objects,
    byKey: new Map(objects.map((one) => [one.key, one])),
    images: [],
    warnings: [],
  };
  return compare(
    {
      ...{ revision: 'commit', desired, instance, live: (key) => live.get(key), extra, lingering: [] },
      ...{ forbidden: () => undefined, unknownKind: () => undefined, health: () => undefined, finished: undefined },
      ...{ isHasty: false, isNamespaceChanged: false, syncOptions: applicationSyncOptions(undefined) },
    },
    cluster.judge,
  );
}

const statuses = ({ comparison }: Compared): Record<string, string> => Object.fromEntries(comparison.resources.map(({ name, status }) => [name, status]));

describe('what is no longer wanted', () => {
  const left = async (annotations: Record<string, string> = {}): Promise<KubeObject> => {
    const manifest = configMap(newName(), annotations);
    await cluster.sync(manifest);
    return (await cluster.live(manifest))!;
  };

  test('makes the application OutOfSync', async () => {
    const kept = configMap(newName());
    await cluster.sync(kept);
    const extra = await left();
    const found = await compared([kept], [extra]);
    expect([found.comparison.status, statuses(found)]).toEqual(['OutOfSync', { [kept.metadata.name]: 'Synced', [extra.metadata.name]: 'OutOfSync' }]);
    expect(found.drift).toEqual([expect.objectContaining({ name: extra.metadata.name, drift: 'extra' })]);
  });

  test('with IgnoreExtraneous it is OutOfSync itself, and the application is not (argocd-compat B060)', async () => {
    const kept = configMap(newName());
    await cluster.sync(kept);
    const extra = await left({ 'argocd.argoproj.io/compare-options': 'IgnoreExtraneous' });
    const found = await compared([kept], [extra]);
    expect([found.comparison.status, statuses(found), found.drift]).toEqual([
      'Synced',
      { [kept.metadata.name]: 'Synced', [extra.metadata.name]: 'OutOfSync' },
      [],
    ]);
    expect(found.comparison.resources.find(({ name }) => name === extra.metadata.name)).toMatchObject({ requiresPruning: true });
  });

  test('IgnoreExtraneous hides nothing of an object that is wanted, nor another that is extra', async () => {
    const annotated = configMap(newName(), { 'argocd.argoproj.io/compare-options': 'IgnoreExtraneous' });
    await cluster.sync(annotated);
    await cluster.kube.mergePatch(ref(annotated.metadata.name), { data: { a: '2' } }, { fieldManager: 'somebody' });
    expect((await compared([annotated])).comparison.status).toBe('OutOfSync');
    const ignored = await left({ 'argocd.argoproj.io/compare-options': 'IgnoreExtraneous' });
    expect((await compared([], [ignored, await left()])).comparison.status).toBe('OutOfSync');
  });
});

describe('an object of two applications (argocd-compat B068)', () => {
  const made = async (name: string, annotations: Record<string, string>): Promise<void> => {
    const object = { ...configMap(name, annotations), metadata: { name, namespace: cluster.namespace, annotations } };
    await cluster.kube.create(object, { fieldManager: 'somebody' });
  };
  const trackingOf = (whose: string, name: string): Record<string, string> => {
    const object = configMap(name);
    return track({ ...object, metadata: { ...object.metadata, namespace: cluster.namespace } }, whose).metadata.annotations ?? {};
  };

  test('is said of both, in Argo CD’s words', async () => {
    const name = newName();
    await made(name, trackingOf('team_other', name));
    const { comparison } = await compared([configMap(name)]);
    expect(comparison.status).toBe('OutOfSync');
    expect(comparison.conditions).toEqual([{ type: 'SharedResourceWarning', message: `ConfigMap/${name} is part of applications ${instance} and team_other` }]);
  });

  test.each([
    ['its own', (name: string) => trackingOf(instance, name)],
    ['none', () => ({})],
    ['one that was copied from another object (B083)', () => trackingOf('other', 'copied-from')],
  ])('is not one with %s', async (_, annotations) => {
    const name = newName();
    await made(name, annotations(name));
    expect((await compared([configMap(name)])).comparison.conditions).toEqual([]);
  });
});

test('a tracking label alone says nothing, whatever resourceTrackingMethod says (argocd-compat B080)', async () => {
  const name = newName();
  cluster.settings = { 'application.resourceTrackingMethod': 'label' };
  try {
    const labels = { 'app.kubernetes.io/instance': 'other' };
    await cluster.kube.create({ ...configMap(name), metadata: { name, namespace: cluster.namespace, labels } }, { fieldManager: 'somebody' });
    const { comparison } = await compared([configMap(name)]);
    expect([comparison.status, comparison.conditions]).toEqual(['OutOfSync', []]);
    await cluster.sync(configMap(name));
    expect(await compared([configMap(name)])).toMatchObject({ comparison: { status: 'Synced' } });
    // The label, which charts set for purposes of their own, stays as it is.
    const live = (await cluster.live(configMap(name)))!;
    expect(live.metadata).toMatchObject({ labels, annotations: { 'argocd.argoproj.io/tracking-id': `${instance}:/ConfigMap:${cluster.namespace}/${name}` } });
  } finally {
    cluster.settings = {};
  }
});
