import { canonicalJson } from '@plumbline/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differingPaths, ownEntry, pathsOf, valuesAt, type FieldsV1 } from './fields-v1.ts';
import type { KubeObject } from './object.ts';

/** As a real server wrote it for the manifest below. */
const fields: FieldsV1 = {
  'f:metadata': { 'f:labels': { 'f:app.kubernetes.io/name': {} }, 'f:finalizers': { 'v:"a.io/x"': {} } },
  'f:spec': {
    'f:replicas': {},
    'f:strategy': {},
    'f:template': {
      'f:spec': {
        'f:containers': {
          'k:{"name":"web"}': {
            '.': {},
            'f:name': {},
            'f:image': {},
            'f:command': {},
            'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
          },
        },
        'f:volumes': { 'k:{"name":"tmp"}': { '.': {}, 'f:name': {}, 'f:emptyDir': {} } },
      },
    },
  },
};
const manifest = {
  metadata: { labels: { 'app.kubernetes.io/name': 'web' }, finalizers: ['a.io/x'] },
  spec: {
    replicas: 2,
    strategy: { type: 'Recreate' },
    template: {
      spec: { containers: [{ name: 'web', image: 'nginx:1', command: ['a', 'b'], ports: [{ containerPort: 80 }] }], volumes: [{ name: 'tmp', emptyDir: {} }] },
    },
  },
};
const live = {
  metadata: { uid: 'u', labels: { 'app.kubernetes.io/name': 'web', other: 'x' }, finalizers: ['b.io/y', 'a.io/x'] },
  spec: {
    replicas: 2,
    strategy: { type: 'Recreate' },
    template: {
      spec: {
        dnsPolicy: 'ClusterFirst',
        containers: [
          { name: 'sidecar', image: 'proxy:9' },
          {
            name: 'web',
            image: 'nginx:1',
            command: ['a', 'b'],
            imagePullPolicy: 'Always',
            ports: [
              { containerPort: 80, protocol: 'TCP' },
              { containerPort: 81, protocol: 'TCP' },
            ],
          },
        ],
        volumes: [{ name: 'tmp', emptyDir: {} }],
      },
    },
  },
};
const changed = (change: (copy: typeof live) => void): typeof live => {
  const copy = structuredClone(live);
  change(copy);
  return copy;
};

test('valuesAt answers what is owned, and only that', () => {
  const web = 'f:spec/f:template/f:spec/f:containers/k:{"name":"web"}';
  expect(valuesAt(live, fields, manifest)).toEqual({
    'f:metadata/f:labels/f:app.kubernetes.io~1name': 'web',
    'f:metadata/f:finalizers/v:"a.io~1x"': 'a.io/x',
    'f:spec/f:replicas': 2,
    'f:spec/f:strategy': { type: 'Recreate' },
    [web]: true,
    [`${web}/f:name`]: 'web',
    [`${web}/f:image`]: 'nginx:1',
    [`${web}/f:command`]: ['a', 'b'],
    [`${web}/f:ports/k:{"containerPort":80,"protocol":"TCP"}`]: true,
    [`${web}/f:ports/k:{"containerPort":80,"protocol":"TCP"}/f:containerPort`]: 80,
    'f:spec/f:template/f:spec/f:volumes/k:{"name":"tmp"}': true,
    'f:spec/f:template/f:spec/f:volumes/k:{"name":"tmp"}/f:name': 'tmp',
    'f:spec/f:template/f:spec/f:volumes/k:{"name":"tmp"}/f:emptyDir': true,
  });
});

describe('differingPaths', () => {
  const containers = '/spec/template/spec/containers';
  test.each<[string, (copy: typeof live) => void, string[]]>([
    ['nothing', () => undefined, []],
    ['another label', (copy) => void (copy.metadata.labels.other = 'y'), []],
    ['a default of the server', (copy) => void (copy.spec.template.spec.dnsPolicy = 'None'), []],
    ['a container of somebody else', (copy) => void copy.spec.template.spec.containers.shift(), []],
    ['the order of a keyed list', (copy) => void copy.spec.template.spec.containers.reverse(), []],
    ['a port of somebody else', (copy) => void copy.spec.template.spec.containers.at(1)!.ports!.pop(), []],
    ['a scalar', (copy) => void (copy.spec.replicas = 3), ['/spec/replicas']],
    ['a label with a slash', (copy) => void (copy.metadata.labels['app.kubernetes.io/name'] = 'x'), ['/metadata/labels/app.kubernetes.io~1name']],
    ['below a leaf', (copy) => Object.assign(copy.spec.strategy, { rollingUpdate: {} }), ['/spec/strategy/rollingUpdate']],
    ['an item of an atomic list', (copy) => void (copy.spec.template.spec.containers.at(1)!.command![1] = 'c'), [`${containers}/1/command/1`]],
    ['the length of an atomic list', (copy) => void copy.spec.template.spec.containers.at(1)!.command!.push('c'), [`${containers}/1/command`]],
    ['a set without our value', (copy) => void (copy.metadata.finalizers = ['b.io/y']), ['/metadata/finalizers/1']],
    ['our port', (copy) => void copy.spec.template.spec.containers.at(1)!.ports!.shift(), [`${containers}/1/ports/0`, `${containers}/1/ports/0/containerPort`]],
    ['an empty map that we sent got something', (copy) => Object.assign(copy.spec.template.spec.volumes.at(0)!.emptyDir, { medium: 'Memory' }), []],
    [
      'an empty map that we sent is gone',
      (copy) => void delete (copy.spec.template.spec.volumes[0] as { emptyDir?: unknown }).emptyDir,
      ['/spec/template/spec/volumes/0/emptyDir'],
    ],
  ])('%s', (_name, change, expected) => {
    const other = changed(change);
    expect(differingPaths(live, other, fields, manifest)).toEqual(expected);
    expect(canonicalJson(valuesAt(live, fields, manifest)) === canonicalJson(valuesAt(other, fields, manifest))).toBe(expected.length === 0);
  });

  test('places are those of the first object, of the second where only it has the item', () => {
    const reordered = changed((copy) => {
      copy.spec.template.spec.containers.reverse();
      copy.spec.template.spec.containers.at(0)!.image = 'nginx:2';
    });
    expect(differingPaths(live, reordered, fields)).toEqual([`${containers}/1/image`]);
    expect(differingPaths(reordered, live, fields)).toEqual([`${containers}/0/image`]);
    const none = changed((copy) => void (copy.metadata.finalizers = []));
    expect(differingPaths(none, live, fields)).toEqual(['/metadata/finalizers/1']);
  });

  test('without the manifest a leaf covers everything below it', () => {
    const other = changed((copy) => Object.assign(copy.spec.template.spec.volumes.at(0)!.emptyDir, { medium: 'Memory' }));
    expect(differingPaths(live, other, fields)).toEqual(['/spec/template/spec/volumes/0/emptyDir/medium']);
  });

  test('items with the same key are told apart by their order', () => {
    const env: FieldsV1 = { 'f:env': { 'k:{"name":"A"}': { '.': {}, 'f:value': {} } } };
    const twins = (second: string) => ({
      env: [
        { name: 'A', value: '1' },
        { name: 'A', value: second },
      ],
    });
    expect(differingPaths(twins('2'), twins('3'), env)).toEqual(['/env/1/value']);
    expect(valuesAt(twins('2'), env)).not.toEqual(valuesAt(twins('3'), env));
  });
});

test('pathsOf lists leaves and memberships', () => {
  expect(pathsOf({ 'f:a': { '.': {}, 'k:{"n":1}': {} }, 'f:l': { 'i:3': { 'f:x': {} }, 'v:true': {} } })).toEqual([
    { steps: [{ field: 'a' }], owns: 'existence' },
    { steps: [{ field: 'a' }, { key: { n: 1 } }], owns: 'everything' },
    { steps: [{ field: 'l' }, { index: 3 }, { field: 'x' }], owns: 'everything' },
    { steps: [{ field: 'l' }, { value: true }], owns: 'everything' },
  ]);
});

test.each(['x:y', 'k:no', 'k:[1]', 'v:', 'i:-1', ''])('the step %j is refused', (step) => {
  expect(() => pathsOf({ 'f:a': { [step]: {} } })).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
});

test('ownEntry finds the entry of the object itself', () => {
  const own = { manager: 'plumbline', operation: 'Apply' as const, fieldsV1: {} };
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', managedFields: [{ manager: 'plumbline', operation: 'Update' }, { ...own, subresource: 'status' }, own] },
  };
  expect(ownEntry(object, 'plumbline', 'Apply')).toBe(own);
  expect(ownEntry(object, 'kubectl', 'Apply')).toBeUndefined();
});

describe('for any object and the set of any manifest', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd/e', '~', '#');
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.integer({ min: 0, max: 2 }),
      fc.boolean(),
      fc.constantFrom('x', 'y'),
      fc.array(tie('any'), { maxLength: 2 }),
      fc.dictionary(name, tie('any'), { maxKeys: 3 }),
      tie('keyed'),
    ),
    keyed: fc.uniqueArray(fc.record({ name: fc.constantFrom('p', 'q', 'r'), v: tie('any') }), { selector: (item) => item.name, minLength: 1, maxLength: 3 }),
  })).any;
  const object = fc.dictionary(name, value, { maxKeys: 4 });

  /** The set that a server makes of a manifest: maps by field, keyed lists by key, everything else a leaf. */
  function setOf(node: unknown): FieldsV1 {
    if (Array.isArray(node)) {
      const isKeyed = node.length > 0 && node.every((item) => typeof item === 'object' && item !== null && 'name' in item && 'v' in item);
      return isKeyed ? Object.fromEntries(node.map((item: { name: string }) => [`k:${JSON.stringify({ name: item.name })}`, { '.': {}, ...setOf(item) }])) : {};
    }
    if (typeof node !== 'object' || node === null) return {};
    return Object.fromEntries(Object.entries(node).map(([field, member]) => [`f:${field}`, setOf(member)]));
  }

  test('values are equal exactly when no path differs', () => {
    fc.assert(
      fc.property(object, object, object, (manifestOf, a, b) => {
        for (const sent of [undefined, manifestOf]) {
          for (const [left, right] of [
            [a, b],
            [manifestOf, a],
            [a, { ...b, ...a }],
          ] as const) {
            const same = canonicalJson(valuesAt(left, setOf(manifestOf), sent)) === canonicalJson(valuesAt(right, setOf(manifestOf), sent));
            expect(differingPaths(left, right, setOf(manifestOf), sent).length === 0).toBe(same);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('an object never differs from itself, and fields that nobody owns never count', () => {
    fc.assert(
      fc.property(object, fc.dictionary(fc.constantFrom('y', 'z'), value), (manifestOf, foreign) => {
        expect(differingPaths(manifestOf, { ...manifestOf, ...foreign }, setOf(manifestOf))).toEqual([]);
      }),
    );
  });

  test('each owned leaf has its value in the answer', () => {
    fc.assert(
      fc.property(object, (manifestOf) => {
        const leaves = pathsOf(setOf(manifestOf));
        expect(Object.keys(valuesAt(manifestOf, setOf(manifestOf)))).toHaveLength(leaves.length);
      }),
    );
  });
});
