import { expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { ownersOf } from './owners.ts';

const live: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    managedFields: [
      {
        manager: 'plumbline',
        operation: 'Apply',
        time: '2026-01-01T00:00:00Z',
        fieldsV1: { 'f:spec': { 'f:replicas': {}, 'f:items': { 'k:{"name":"b"}': { '.': {}, 'f:name': {}, 'f:image': {} } } } },
      },
      { manager: 'autoscaler', operation: 'Update', subresource: 'scale', time: '2026-02-01T00:00:00Z', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
      { manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:spec': { 'f:atomic': {} } } },
      { manager: 'nothing', operation: 'Update' },
    ],
  },
  spec: { replicas: 3, items: [{ name: 'a' }, { name: 'b', image: 'x' }], atomic: { deep: [1] } },
};

test.each([
  [
    'latest first, with how and when',
    '/spec/replicas',
    [
      { manager: 'autoscaler', operation: 'Update', subresource: 'scale', at: '2026-02-01T00:00:00Z' },
      { manager: 'plumbline', operation: 'Apply', at: '2026-01-01T00:00:00Z' },
    ],
  ],
  ['of an item of a list', '/spec/items/1/image', [{ manager: 'plumbline', operation: 'Apply', at: '2026-01-01T00:00:00Z' }]],
  ['of what is below', '/spec/items/1', [{ manager: 'plumbline', operation: 'Apply', at: '2026-01-01T00:00:00Z' }]],
  ['as a part of what is owned whole', '/spec/atomic/deep/0', [{ manager: 'kubectl-edit', operation: 'Update' }]],
  ['nobody', '/spec/items/0', []],
  ['who owns an item does not own what others put into it', '/spec/items/1/other', []],
  ['a name that begins alike', '/spec/replicasMax', []],
])('%s', (_, pointer, owners) => expect(ownersOf(live, [pointer])).toEqual([owners]));
