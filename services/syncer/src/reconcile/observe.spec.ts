import type { KubeObject } from '@plumbline/manifests';
import { resourceIdOf, resourceKey, track } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import type { DesiredState } from '../desired/desired-object.ts';
import type { Cluster } from '../live/cluster.ts';
import type { Entry } from './entry.ts';
import { extraObjects, prunable } from './observe.ts';

const configMap = (name: string, deletionTimestamp?: string): KubeObject =>
  track(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'ns', ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) } },
    'web',
    'ns',
  );
const keyOf = (object: KubeObject): string => resourceKey(resourceIdOf(object));

// Found by `kill-awaiting-deletion`: after a restart a sync no longer waited for what it had pruned before (argocd-compat B021).
test('what is on its way out since the sync began belongs to its plan, what an earlier one left behind does not', () => {
  const wanted = configMap('wanted', '2030-01-01T00:00:09Z');
  const live = [
    wanted,
    configMap('extra'),
    configMap('left-behind', '2029-12-31T23:59:59Z'),
    configMap('pruned-at-once', '2030-01-01T00:00:00Z'),
    configMap('pruned', '2030-01-01T00:00:05Z'),
  ];
  const byKey = new Map(live.map((object) => [keyOf(object), object]));
  const cluster = {
    managedBy: () => byKey.keys(),
    state: { row: (key: string) => ({ object: byKey.get(key) }), kindState: () => 'synced' },
  } as unknown as Cluster;
  const desired = { objects: [{ key: keyOf(wanted) }], byKey: new Map([[keyOf(wanted), {}]]) } as unknown as DesiredState;
  const entry = { instance: 'web' } as Entry;
  const names = (objects: readonly KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name);
  expect(names(prunable(entry, desired, '2030-01-01T00:00:00.700Z', cluster))).toEqual(['extra', 'pruned-at-once', 'pruned']);
  expect(names(extraObjects(entry, desired, cluster))).toEqual(['extra']);
});
