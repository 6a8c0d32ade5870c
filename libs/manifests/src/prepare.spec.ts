import { describe, expect, test } from 'vitest';
import { foldStringData, prepare } from './prepare.ts';
import { resourceIdOf, resourceKey, type KubeObject } from './object.ts';

const scopes: Record<string, boolean> = { '/ConfigMap': true, '/Secret': true, '/Namespace': false, 'rbac.authorization.k8s.io/ClusterRole': false };
const isNamespaced = (group: string, kind: string): boolean | undefined => scopes[`${group}/${kind}`];
const hasStatusSubresource = ({ version, kind }: { version: string; kind: string }): boolean | undefined => statusOf[`${version}/${kind}`];
const statusOf: Record<string, boolean> = { 'v1/ConfigMap': false, 'v1/Pod': true, 'v1/Widget': false, 'v2/Widget': true, 'v1alpha1/Application': false };
const desired = (...manifests: Record<string, unknown>[]) =>
  prepare(
    manifests.map((manifest) => ({ manifest })),
    { defaultNamespace: 'app', isNamespaced, hasStatusSubresource },
  );
const keys = (objects: readonly KubeObject[]): string[] => objects.map((object) => resourceKey(resourceIdOf(object)));
const configMap = (name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...more },
});

describe('namespaces', () => {
  test.each([
    ['a namespaced object without one gets the default', configMap('a'), '/ConfigMap/app/a'],
    ['an empty one counts as none', configMap('a', { namespace: '' }), '/ConfigMap/app/a'],
    ['its own stays', configMap('a', { namespace: 'other' }), '/ConfigMap/other/a'],
    [
      'a cluster-scoped object loses it',
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r', namespace: 'x' } },
      'rbac.authorization.k8s.io/ClusterRole//r',
    ],
    ['an unknown kind keeps it', { apiVersion: 'x.io/v1', kind: 'Thing', metadata: { name: 't', namespace: 'x' } }, 'x.io/Thing/x/t'],
    ['an unknown kind keeps having none', { apiVersion: 'x.io/v1', kind: 'Thing', metadata: { name: 't' } }, 'x.io/Thing//t'],
  ])('%s', (_name, manifest, key) => {
    expect(keys(desired(manifest).objects)).toEqual([key]);
  });

  test('the scope of an unknown kind comes from its definition among the objects', () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.x.io' },
      spec: { group: 'x.io', scope: 'Namespaced', names: { kind: 'Thing' } },
    };
    expect(keys(desired({ apiVersion: 'x.io/v1', kind: 'Thing', metadata: { name: 't' } }, definition).objects)[0]).toBe('x.io/Thing/app/t');
  });

  test('without a default namespace nothing is filled in', () => {
    expect(prepare([{ manifest: configMap('a') }], { isNamespaced, hasStatusSubresource }).objects.at(0)!.metadata).not.toHaveProperty('namespace');
  });
});

test('lists are flattened at any depth, typed lists say the kind of their items', () => {
  const list = { apiVersion: 'v1', kind: 'List', items: [configMap('a'), { apiVersion: 'v1', kind: 'ConfigMapList', items: [{ metadata: { name: 'b' } }] }] };
  expect(keys(desired(list).objects)).toEqual(['/ConfigMap/app/a', '/ConfigMap/app/b']);
});

test('what only a server writes is left out, and null labels and annotations', () => {
  const [object] = desired({
    ...configMap('a', {
      uid: 'u',
      resourceVersion: '1',
      generation: 3,
      creationTimestamp: null,
      selfLink: '/x',
      managedFields: [],
      annotations: null,
      labels: { app: 'a' },
    }),
    data: { k: 'v' },
  }).objects;
  expect(object).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'app', labels: { app: 'a' } }, data: { k: 'v' } });
});

describe('a status', () => {
  const widget = (version: string, status: unknown): Record<string, unknown> => ({
    apiVersion: `x.io/${version}`,
    kind: 'Widget',
    metadata: { name: 'w', namespace: 'x' },
    status,
  });
  const definition = (versions: object[]): Record<string, unknown> => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'new.x.io' },
    spec: { group: 'x.io', scope: 'Namespaced', names: { kind: 'New' }, versions },
  });
  const statuses = (...manifests: Record<string, unknown>[]): unknown[] => desired(...manifests).objects.map(({ status }) => status);

  test('is kept where whoever writes the object writes it, in that version', () => {
    expect(statuses(widget('v1', { phase: 'x' }))).toEqual([{ phase: 'x' }]);
    expect(statuses(widget('v2', { phase: 'x' }))).toEqual([undefined]);
    expect(statuses({ ...configMap('a'), kind: 'Pod', status: { phase: 'x' } })).toEqual([undefined]);
  });

  test.each([[{}], [null]])('%j says nothing', (status) => {
    expect(desired(widget('v1', status)).objects[0]).not.toHaveProperty('status');
  });

  test('of an unknown kind: as its definition among the objects says, else not', () => {
    const fresh = (version: string): Record<string, unknown> => ({ ...widget(version, { phase: 'x' }), kind: 'New' });
    expect(statuses(fresh('v1'))).toEqual([undefined]);
    const versions = [{ name: 'v1' }, { name: 'v2', subresources: { status: {} } }, { name: 'v3', subresources: { scale: {} } }];
    expect(['v1', 'v2', 'v3'].map((version) => statuses(fresh(version), definition(versions))[0])).toEqual([{ phase: 'x' }, undefined, { phase: 'x' }]);
  });

  // The definition of Applications has no subresource: a status in Git would have undone ours at each sync.
  test('of an Application is ours', () => {
    expect(statuses({ ...configMap('a'), apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', status: { sync: {} } })).toEqual([undefined]);
  });
});

test('of duplicates the last is taken and reported (B067); generated names are no duplicates', () => {
  const generated = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'g-' } };
  const { objects, duplicates } = desired({ ...configMap('a'), data: { v: '1' } }, generated, generated, {
    ...configMap('a', { namespace: 'app' }),
    data: { v: '2' },
  });
  expect(objects).toHaveLength(3);
  expect(objects.at(2)!['data']).toEqual({ v: '2' });
  expect(duplicates).toEqual([{ group: '', kind: 'ConfigMap', namespace: 'app', name: 'a' }]);
});

test.each([
  ['no kind', { apiVersion: 'v1', metadata: { name: 'a' } }, /no kind/],
  ['no apiVersion', { kind: 'ConfigMap', metadata: { name: 'a' } }, /ConfigMap a .*no apiVersion/],
  ['no name', { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }, /neither metadata.name nor/],
  ['a number as annotation', configMap('a', { annotations: { port: 80 } }), /annotations port .*quotes/],
  ['a list item that is no object', { apiVersion: 'v1', kind: 'List', items: ['x'] }, /no kind/],
])('%s is refused with the file', (_name, manifest, message) => {
  expect(() => prepare([{ manifest, file: 'k8s/x.yaml' }], { isNamespaced, hasStatusSubresource })).toThrow(
    expect.objectContaining({ code: 'manifest-invalid', message: expect.stringMatching(message), details: { file: 'k8s/x.yaml' } }),
  );
});

describe('stringData', () => {
  const secret = (more: Record<string, unknown>): KubeObject => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, ...more });

  test('wins over data and is encoded as UTF-8', () => {
    const folded = foldStringData(secret({ data: { a: 'b2xk', b: 'Yg==' }, stringData: { a: 'neu', c: 'grün €' } }));
    expect(folded).toEqual(secret({ data: { a: 'bmV1', b: 'Yg==', c: Buffer.from('grün €').toString('base64') } }));
  });

  test('a value that is not text is refused without being shown', () => {
    const fold = () => foldStringData(secret({ stringData: { pin: 4711 } }));
    expect(fold).toThrow(/stringData pin/);
    expect(fold).not.toThrow(/4711/);
  });

  test('other kinds called Secret are left alone', () => {
    const other = { ...secret({ stringData: { a: 'b' } }), apiVersion: 'x.io/v1' };
    expect(foldStringData(other)).toBe(other);
  });
});
