import type { Discovery } from '@plumbline/kube';
import { expect, test } from 'vitest';
import type { KindState } from '../live/cluster-state.ts';
import type { LiveRow } from '../live/row.ts';
import { schemaGeneration } from './schemas.ts';

const discovery = {
  findKind: (group: string, kind: string) => (kind === 'Unserved' ? undefined : { group, resource: `${kind.toLowerCase()}s` }),
} as unknown as Discovery;
const stateOf = (definitions: KindState) => ({
  kindState: () => definitions,
  row: (key: string) =>
    key === 'apiextensions.k8s.io/CustomResourceDefinition//gateways.gateway.networking.k8s.io' ? ({ generation: 7 } as LiveRow) : undefined,
});
const object = (apiVersion: string, kind: string) => ({ apiVersion, kind, metadata: { name: 'a' } });
const gateway = object('gateway.networking.k8s.io/v1', 'Gateway');

test('the generation of the definition behind a kind, where there is one', () => {
  expect(schemaGeneration(gateway, discovery, stateOf('synced'))).toBe(7);
  for (const other of [
    object('v1', 'Pod'),
    object('apps/v1', 'Gateway'),
    object('networking.k8s.io/v1', 'Ingress'),
    object('gateway.networking.k8s.io/v1', 'Unserved'),
  ])
    expect(schemaGeneration(other, discovery, stateOf('synced'))).toBeUndefined();
});

test.each<KindState>(['pending', 'interrupted', 'unserved', 'forbidden'])('unknown while the watch of definitions is %s', (state) => {
  expect(schemaGeneration(gateway, discovery, stateOf(state))).toBeUndefined();
});
