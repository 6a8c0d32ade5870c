import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { getPointer } from '../json-pointer.ts';
import type { KubeObject } from '../object.ts';
import { ignoredPlaces, pointerBefore, pointersOfJqPaths, withLiveValues, withoutPlaces, withPlacesOf } from './places.ts';
import { nothingIgnored } from './rules.ts';

const places = (...pointers: string[]): { pointer: string }[] => pointers.map((pointer) => ({ pointer }));
const object = (spec: unknown, managedFields?: KubeObject['metadata']['managedFields']): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name: 'a', ...(managedFields === undefined ? {} : { managedFields }) },
  spec,
});

describe('withoutPlaces', () => {
  test('each place is meant as it is before any goes', () => {
    expect(withoutPlaces({ a: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }, places('/a/1', '/a/10', '/a/2'))).toEqual({ a: [0, 3, 4, 5, 6, 7, 8, 9] });
    expect(withoutPlaces({ a: [{ b: 1, c: 2 }, { b: 3 }] }, places('/a/0', '/a/1/b', '/a/0/b'))).toEqual({ a: [{}] });
  });
  test('the same place twice is removed once, and what is not there is no matter', () => {
    expect(withoutPlaces({ a: [1, 2] }, places('/a/0', '/a/0', '/b', '/a/7'))).toEqual({ a: [2] });
  });

  test('in whatever order they are named', () => {
    const pointer = fc.constantFrom('/a', '/a/0', '/a/1', '/a/1/x', '/a/1/y', '/a/10', '/b/1', '/b/1-', '/b/10', '/b');
    const document = { a: [{ x: 1 }, { x: 2, y: 3 }, ...Array.from({ length: 9 }, (_, index) => index)], b: { 1: 'a', '1-': 'b', 10: 'c' } };
    fc.assert(
      fc.property(fc.array(pointer), fc.infiniteStream(fc.nat()), (pointers, random) => {
        const shuffled = pointers.map((one) => ({ one, at: random.next().value ?? 0 })).sort((a, b) => a.at - b.at);
        expect(withoutPlaces(document, places(...shuffled.map(({ one }) => one)))).toEqual(withoutPlaces(document, places(...pointers)));
      }),
    );
  });
});

test('pointerBefore finds each place that is left again', () => {
  const document = { list: [{ n: 0 }, { n: 1 }, { n: 2, inner: ['a', 'b', 'c'] }, { n: 3 }] };
  const removed = places('/list/0', '/list/2/inner/1', '/list/3/n');
  const left = withoutPlaces(document, removed);
  for (const pointer of ['/list/0/n', '/list/1/n', '/list/1/inner/0', '/list/1/inner/1'])
    expect(getPointer(document, pointerBefore(pointer, document, removed))).toEqual(getPointer(left, pointer));
  expect(pointerBefore('/list/1/inner/1', document, removed)).toBe('/list/2/inner/2');
});

describe('pointersOfJqPaths', () => {
  const found = (spec: unknown, ...path: unknown[]): string[] => pointersOfJqPaths(object(spec), [['spec', ...path]]);
  test.each([
    ['names', { 'a/b': 1 }, ['a/b'], ['/spec/a~1b']],
    ['places from the end', [1, 2, 3], [-1], ['/spec/2']],
    ['a slice', [1, 2, 3], [{ start: 1, end: null }], ['/spec/1', '/spec/2']],
    ['a slice from the end', [1, 2, 3], [{ start: -2, end: -1 }], ['/spec/1']],
    ['a place in a slice', [1, { a: 1 }, 3], [{ start: 1, end: 3 }, 0, 'a'], ['/spec/1/a']],
    ['what is not there', { a: 1 }, ['b', 'c'], []],
    ['a name of every object', {}, ['toString'], []],
    ['beyond the end', [1], [3], []],
    ['a name in a list', [1], ['a'], []],
  ])('%s', (_, spec, path, pointers) => expect(found(spec, ...path)).toEqual(pointers));
  test('never the whole object', () => expect(pointersOfJqPaths(object({}), [[], 'x', null])).toEqual([]));
});

describe('ignoredPlaces', () => {
  const fieldsV1 = { 'f:spec': { 'f:items': { 'k:{"name":"b"}': { '.': {}, 'f:name': {}, 'f:value': {} } }, 'f:size': {} } };
  const live = object(
    {
      items: [
        { name: 'a', value: 1 },
        { name: 'b', value: 2 },
      ],
      size: 3,
    },
    [{ manager: 'm', operation: 'Update', fieldsV1 }],
  );

  test('of a manager: its values, and neither items nor what they are called', () => {
    const found = ignoredPlaces(live, { ...nothingIgnored, managers: [{ manager: 'm', source: 'rule' }] }, live);
    expect(found).toEqual([
      { pointer: '/spec/items/1/value', source: 'rule' },
      { pointer: '/spec/size', source: 'rule' },
    ]);
  });
  test('in another object they are where that has them', () => {
    const other = object({ items: [{ name: 'b', value: 9 }] });
    expect(ignoredPlaces(other, { ...nothingIgnored, managers: [{ manager: 'm', source: 'rule' }] }, live)).toEqual([
      { pointer: '/spec/items/0/value', source: 'rule' },
    ]);
  });
  test('pointers, where they lead somewhere', () => {
    const pointers = ['/spec/size', '/spec/none', '/spec/items/0'].map((pointer) => ({ pointer, source: 'rule' }));
    expect(ignoredPlaces(live, { ...nothingIgnored, pointers }, live).map(({ pointer }) => pointer)).toEqual(['/spec/size', '/spec/items/0']);
  });
});

test('withPlacesOf takes along what is there, items by name', () => {
  const live = object({
    items: [
      { name: 'b', value: 7 },
      { name: 'a', value: 8 },
      { name: 'c', value: 9 },
    ],
    size: 9,
    deep: { down: 1 },
    plain: [{ x: 1 }],
  });
  const manifest = object({ items: [{ name: 'a', value: 1 }, { name: 'b' }], size: 3, kept: 4, gone: 5, plain: [{ x: 2 }] });
  const [own, theirs] = [
    places('/spec/items/0/value', '/spec/size', '/spec/gone', '/spec/plain/0/x'),
    places('/spec/items/0/value', '/spec/items/1/value', '/spec/items/2/value', '/spec/size', '/spec/deep/down', '/spec/plain/0/x'),
  ];
  expect(withPlacesOf(manifest, own, live, theirs)).toEqual(
    object({
      items: [
        { name: 'a', value: 8 },
        { name: 'b', value: 7 },
      ],
      size: 9,
      kept: 4,
      deep: { down: 1 },
      plain: [{}],
    }),
  );
});

test('withLiveValues sends what we own as it is, and of the rest nothing', () => {
  const owned = { 'f:spec': { 'f:items': { 'k:{"name":"a"}': { '.': {}, 'f:name': {}, 'f:value': {} } }, 'f:size': {} } };
  const live = object({
    items: [
      { name: 'b', value: 7 },
      { name: 'a', value: 8 },
    ],
    size: 9,
  });
  const manifest = object({
    items: [
      { name: 'a', value: 1 },
      { name: 'b', value: 2 },
    ],
    size: 3,
    kept: 4,
  });
  expect(withLiveValues(manifest, places('/spec/items/0/value', '/spec/items/1/value', '/spec/size'), live, owned)).toEqual(
    object({ items: [{ name: 'a', value: 8 }, { name: 'b' }], size: 9, kept: 4 }),
  );
});
