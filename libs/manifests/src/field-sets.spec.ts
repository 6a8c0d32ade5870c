import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coversPath, extractOwned, ownedPlaces, pathsOf, subsetOf, unionOf, type FieldsV1 } from './fields-v1.ts';

const fields: FieldsV1 = {
  'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} }, 'f:finalizers': { 'v:"x"': {} } },
  'f:spec': { 'f:size': {}, 'f:items': { 'k:{"name":"b"}': { '.': {}, 'f:name': {}, 'f:port': {} } } },
};
const object = {
  metadata: { labels: { a: '1', b: '2' }, finalizers: ['w', 'x'] },
  spec: { size: 3, other: 4, items: [{ name: 'a' }, { name: 'b', port: 80, more: 1 }] },
};
const wellFormed = fc.letrec<{ node: FieldsV1 }>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, fc.constant({}), fc.dictionary(fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:1'), tie('node'), { maxKeys: 3 })),
})).node;

test('ownedPlaces: where each path leads', () => {
  expect(ownedPlaces(object, fields).map(({ path, owns, pointer }) => [path.at(-1), owns, pointer])).toEqual([
    ['f:labels', 'existence', '/metadata/labels'],
    ['f:a', 'everything', '/metadata/labels/a'],
    ['v:"x"', 'everything', '/metadata/finalizers/1'],
    ['f:size', 'everything', '/spec/size'],
    ['k:{"name":"b"}', 'existence', '/spec/items/1'],
    ['f:name', 'everything', '/spec/items/1/name'],
    ['f:port', 'everything', '/spec/items/1/port'],
  ]);
});

test('a manifest may leave out a part of an item’s key', () => {
  const ports: FieldsV1 = { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } } };
  const manifest = { ports: [{ port: 80 }] };
  expect([ownedPlaces(manifest, ports).length, ownedPlaces(manifest, ports, 'lenient').length]).toEqual([0, 2]);
});

describe('coversPath', () => {
  test.each([
    [['f:spec', 'f:size'], true],
    [['f:spec', 'f:size', 'f:deep'], true],
    [['f:metadata', 'f:labels'], true],
    [['f:metadata', 'f:labels', 'f:b'], false],
    [['f:spec'], false],
    [['f:spec', 'f:items', 'k:{"name":"b"}'], true],
    [['f:spec', 'f:items', 'k:{"name":"a"}'], false],
    [['toString'], false],
  ])('%j: %s', (path, is) => expect(coversPath(fields, path)).toBe(is));
  test('a set covers each of its own paths', () => {
    fc.assert(fc.property(wellFormed, (set) => ownedPathsOf(set).every((path) => coversPath(set, path))));
  });
});

const ownedPathsOf = (set: FieldsV1): string[][] => {
  const found: string[][] = [];
  subsetOf(set, (path) => found.push([...path]) > 0);
  return found;
};

describe('subsetOf and unionOf', () => {
  test('of all paths is the set, of none nothing', () => {
    expect(subsetOf(fields, () => true)).toEqual(fields);
    expect(subsetOf(fields, () => false)).toEqual({});
  });
  test('a set and its rest make the set again', () => {
    fc.assert(
      fc.property(wellFormed, fc.func(fc.boolean()), (set, isWanted) => {
        const wanted = new Set(
          ownedPathsOf(set)
            .map((path) => path.join(' '))
            .filter((path) => isWanted(path)),
        );
        const [part, rest] = [subsetOf(set, (path) => wanted.has(path.join(' '))), subsetOf(set, (path) => !wanted.has(path.join(' ')))];
        expect(pathsOf(unionOf(part, rest)).length).toBe(pathsOf(set).length);
        expect(pathsOf(part).length).toBe(wanted.size);
      }),
    );
  });
});

test('extractOwned: what a manager would send to own exactly that, items with their keys', () => {
  expect(extractOwned(object, fields)).toEqual({ metadata: { labels: { a: '1' }, finalizers: ['x'] }, spec: { size: 3, items: [{ name: 'b', port: 80 }] } });
  expect(extractOwned(object, { 'f:spec': { 'f:items': { 'k:{"name":"b"}': { 'f:port': {} } } } })).toEqual({ spec: { items: [{ name: 'b', port: 80 }] } });
  expect(extractOwned(object, { 'f:spec': { 'f:items': { 'k:{"name":"b"}': { '.': {} } } } })).toEqual({ spec: { items: [{ name: 'b' }] } });
  expect(extractOwned(object, { 'f:none': {} })).toEqual({});
});
