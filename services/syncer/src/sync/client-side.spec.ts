import type { KubeObject } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import { changedByPatch, clientSidePatch, isStrategic, withLastApplied } from './client-side.ts';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const of = (kind: string, spec: unknown, apiVersion = 'apps/v1'): KubeObject => ({ apiVersion, kind, metadata: { name: 'web', annotations: {} }, spec });
/** What the patch says about the spec, when `last` was applied before. */
const specPatch = (last: KubeObject, manifest: KubeObject): unknown => clientSidePatch(manifest, withLastApplied(last))['spec'];
const pod = (spec: object): object => ({ template: { spec } });

test.each<[string, unknown, unknown, unknown]>([
  ['a field that left the manifest goes', { a: 1, b: { c: 1, d: 1 } }, { a: 2, b: { c: 1 } }, { a: 2, b: { c: 1, d: null } }],
  ['a whole part that left goes', { a: 1, b: { c: 1 } }, { a: 1 }, { a: 1, b: null }],
  ['a list without keys is replaced', { list: [1, 2] }, { list: [2] }, { list: [2] }],
  [
    'of a keyed list only what left goes',
    pod({ containers: [{ name: 'a', image: 'x' }, { name: 'b' }] }),
    pod({ containers: [{ name: 'a' }] }),
    pod({
      containers: [
        { name: 'a', image: null },
        { $patch: 'delete', name: 'b' },
      ],
    }),
  ],
  [
    'a keyed list that left goes member by member',
    pod({ containers: [], imagePullSecrets: [{ name: 's' }] }),
    pod({ containers: [] }),
    pod({ containers: [], imagePullSecrets: [{ $patch: 'delete', name: 's' }] }),
  ],
  [
    'ports of a container have another key than those of a Service',
    pod({ containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] }),
    pod({ containers: [{ name: 'a', ports: [{ containerPort: 81 }] }] }),
    pod({ containers: [{ name: 'a', ports: [{ containerPort: 81 }, { $patch: 'delete', containerPort: 80 }] }] }),
  ],
  [
    'another type of volume takes the place of the former',
    pod({ volumes: [{ name: 'v', emptyDir: {} }] }),
    pod({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }),
    pod({ volumes: [{ name: 'v', emptyDir: null, secret: { secretName: 's' }, $retainKeys: ['name', 'secret'] }] }),
  ],
  [
    "so does another strategy of a Deployment's",
    { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
    { strategy: { type: 'Recreate' } },
    { strategy: { type: 'Recreate', rollingUpdate: null, $retainKeys: ['type'] } },
  ],
])('%s', (_, last, now, expected) => {
  expect(specPatch(of('Deployment', last), of('Deployment', now))).toEqual(expected);
});

test('ports of a Service are merged by port', () => {
  const service = (...ports: number[]): KubeObject => of('Service', { ports: ports.map((port) => ({ port })) }, 'v1');
  expect(specPatch(service(80, 81), service(80))).toEqual({ ports: [{ port: 80 }, { $patch: 'delete', port: 81 }] });
});

test('finalizers of others stay, ours go', () => {
  const withFinalizers = (finalizers: string[]): KubeObject => ({ ...of('ConfigMap', {}, 'v1'), metadata: { name: 'web', annotations: {}, finalizers } });
  const patch = clientSidePatch(withFinalizers(['a']), withLastApplied(withFinalizers(['a', 'b'])));
  expect(patch['metadata']).toMatchObject({ finalizers: ['a'], '$deleteFromPrimitiveList/finalizers': ['b'] });
});

test('a custom kind gets a merge patch: its lists are replaced', () => {
  const last = of('Deployment', { containers: [{ name: 'a' }, { name: 'b' }], x: 1 }, 'example.org/v1');
  expect(specPatch(last, of('Deployment', { containers: [{ name: 'a' }] }, 'example.org/v1'))).toEqual({ containers: [{ name: 'a' }], x: null });
  expect(isStrategic(of('Gateway', {}, 'gateway.networking.k8s.io/v1'))).toBe(false);
  expect(isStrategic(of('Ingress', {}, 'networking.k8s.io/v1'))).toBe(true);
});

test('what nobody applied before is not taken for ours, nor what a broken record says', () => {
  const live = of('Deployment', { other: 1 });
  expect(clientSidePatch(of('Deployment', { a: 1 }), live)['spec']).toEqual({ a: 1 });
  const broken = { ...live, metadata: { ...live.metadata, annotations: { [lastApplied]: '{' } } };
  expect(clientSidePatch(of('Deployment', { a: 1 }), broken)['spec']).toEqual({ a: 1 });
});

test('the record does not record itself', () => {
  const once = withLastApplied(of('Deployment', { a: 1 }));
  expect(withLastApplied(once)).toEqual(once);
});

test('the difference is what the server would change of what the patch is about; versions and the record are not', () => {
  const live: KubeObject = { ...of('ConfigMap', { list: [{ a: 1 }] }, 'v1'), metadata: { name: 'web', resourceVersion: '1', annotations: { 'a/b': '1' } } };
  const answer: KubeObject = {
    ...of('ConfigMap', { list: [{ a: 2 }] }, 'v1'),
    metadata: { name: 'web', resourceVersion: '2', annotations: { 'a/b': '2', [lastApplied]: '{}' } },
  };
  const patch = { metadata: { annotations: { 'a/b': '2' } }, spec: { list: [{ a: 2 }] } };
  expect(changedByPatch(live, answer, patch)).toEqual(['/spec/list/0/a', '/metadata/annotations/a~1b']);
  expect(changedByPatch(live, { ...live, metadata: { ...live.metadata, generation: 2 } }, patch)).toEqual([]);
  expect(changedByPatch({ ...live, spec: { gone: 1 } }, { ...live, spec: {} }, { spec: { gone: null } })).toEqual(['/spec/gone']);
});

// Between the watch's last word and the dry run a controller counted revisions and said how it is: OutOfSync for a moment.
test('what a controller wrote meanwhile is no difference', () => {
  const live = of('Deployment', { replicas: 1 });
  const answer: KubeObject = { ...live, metadata: { ...live.metadata, annotations: { 'deployment.kubernetes.io/revision': '2' } }, status: { replicas: 1 } };
  expect(changedByPatch(live, answer, clientSidePatch(of('Deployment', { replicas: 1 }), live))).toEqual([]);
});

test('what is left to others is neither sent nor taken away', () => {
  const manifest = of('Deployment', { replicas: 3, paused: true, template: { a: 1, b: 2 } });
  const sent = of('Deployment', { paused: true, template: { a: 1 } });
  const live = withLastApplied(of('Deployment', { replicas: 1, minReadySeconds: 5, template: { b: 1 } }));
  expect(clientSidePatch(manifest, live, sent)['spec']).toEqual({ paused: true, minReadySeconds: null, template: { a: 1 } });
});
