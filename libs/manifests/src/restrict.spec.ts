import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from './object.ts';
import { restrictToManifest } from './restrict.ts';

const deployment = (containers: unknown[], more: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'ns' },
  spec: { template: { spec: { containers, ...more } } },
});

test('only what the manifest sets is answered, keyed items in its order', () => {
  const manifest = deployment(
    [
      { name: 'b', image: '1' },
      { name: 'a', ports: [{ containerPort: 80 }] },
    ],
    { volumes: [{ name: 'v', emptyDir: {} }] },
  );
  const live = deployment(
    [
      {
        name: 'a',
        imagePullPolicy: 'Always',
        ports: [
          { containerPort: 80, protocol: 'UDP' },
          { containerPort: 80, protocol: 'TCP' },
        ],
      },
      { name: 'injected', image: 'x' },
      { name: 'b', image: '2', env: [] },
    ],
    { dnsPolicy: 'ClusterFirst', volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }, { name: 'token' }] },
  );
  expect(restrictToManifest({ ...live, status: {} }, manifest)).toEqual(
    deployment(
      [
        { name: 'b', image: '2' },
        { name: 'a', ports: [{ containerPort: 80 }] },
      ],
      { volumes: [{ name: 'v', emptyDir: {} }] },
    ),
  );
});

describe('lists', () => {
  const object = (kind: string, fields: Record<string, unknown>): KubeObject => ({ apiVersion: 'v1', kind, metadata: { name: 'x' }, ...fields });
  test.each<[string, KubeObject, KubeObject, unknown]>([
    [
      'a list that is not merged by key is whole',
      object('Thing', { spec: { containers: [{ name: 'a', more: 1 }] } }),
      object('Thing', { spec: { containers: [{ name: 'a' }] } }),
      [{ name: 'a', more: 1 }],
    ],
    ['a removed item is absent', object('Pod', { spec: { containers: [] } }), object('Pod', { spec: { containers: [{ name: 'a' }] } }), []],
    [
      'keys that repeat make it whole',
      object('Pod', { spec: { containers: [{ name: 'a', x: 1 }, { name: 'a' }] } }),
      object('Pod', { spec: { containers: [{ name: 'a' }] } }),
      [{ name: 'a', x: 1 }, { name: 'a' }],
    ],
    ['another type is answered as it is', object('Pod', { spec: { containers: 'none' } }), object('Pod', { spec: { containers: [] } }), 'none'],
  ])('%s', (_name, live, manifest, expected) => {
    expect((restrictToManifest(live, manifest)['spec'] as { containers: unknown }).containers).toEqual(expected);
  });

  test('ports of a Service are merged by key, those of a NetworkPolicy are not', () => {
    const live = {
      spec: {
        ports: [
          { port: 443, protocol: 'TCP' },
          { port: 80, protocol: 'TCP', nodePort: 30000 },
        ],
      },
    };
    const wanted = { spec: { ports: [{ port: 80 }] } };
    expect(restrictToManifest(object('Service', live), object('Service', wanted))['spec']).toEqual({ ports: [{ port: 80 }] });
    const policy = (fields: Record<string, unknown>): KubeObject => ({ ...object('NetworkPolicy', fields), apiVersion: 'networking.k8s.io/v1' });
    expect(restrictToManifest(policy(live), policy(wanted))['spec']).toEqual(live.spec);
  });

  test('finalizers are a set', () => {
    const withFinalizers = (...finalizers: string[]): KubeObject => ({ ...object('ConfigMap', {}), metadata: { name: 'x', finalizers } });
    expect(restrictToManifest(withFinalizers('b', 'a'), withFinalizers('a', 'c')).metadata).toEqual({ name: 'x', finalizers: ['a'] });
  });
});

test('null in the manifest means absent', () => {
  const object = (spec: unknown): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec });
  expect(restrictToManifest(object({}), object({ a: null }))['spec']).toEqual({ a: null });
  expect(restrictToManifest(object({ a: 1 }), object({ a: null }))['spec']).toEqual({ a: 1 });
});

describe('for any manifest', () => {
  const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<unknown>;
  const kinds = fc.constantFrom(['v1', 'Pod'], ['apps/v1', 'Deployment'], ['x.io/v1', 'Thing'], ['v1', 'Service']);
  const container = fc.record({
    name: fc.constantFrom('a', 'b'),
    image: fc.string(),
    env: fc.array(fc.record({ name: fc.constantFrom('A', 'B'), value: fc.string() })),
  });
  const spec = fc.oneof(fc.dictionary(fc.string(), json), fc.record({ containers: fc.array(container, { maxLength: 2 }), x: json }));
  const anyObject = fc
    .tuple(kinds, spec)
    .map(([[apiVersion, kind], value]): KubeObject => ({ apiVersion: apiVersion, kind: kind, metadata: { name: 'x' }, spec: value }));

  test('an object that is as wanted is answered as the manifest', () => {
    fc.assert(fc.property(anyObject, (manifest) => void expect(restrictToManifest(manifest, manifest)).toEqual(manifest)));
  });

  test('what was added beside it does not show', () => {
    fc.assert(
      fc.property(anyObject, json, (manifest, foreign) => {
        const live = { ...manifest, spec: { ...(manifest['spec'] as object), 'added by the server': foreign }, status: foreign };
        expect(restrictToManifest(live, manifest)).toEqual(manifest);
      }),
    );
  });
});
