import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatPointer, getPointer, parsePointer, removePointer } from './json-pointer.ts';

// RFC 6901, section 5.
const document = { foo: ['bar', 'baz'], '': 0, 'a/b': 1, 'c%d': 2, 'e^f': 3, 'g|h': 4, 'i\\j': 5, 'k"l': 6, ' ': 7, 'm~n': 8 };

test.each<[string, unknown]>([
  ['', document],
  ['/foo', ['bar', 'baz']],
  ['/foo/0', 'bar'],
  ['/', 0],
  ['/a~1b', 1],
  ['/c%d', 2],
  ['/e^f', 3],
  ['/g|h', 4],
  ['/i\\j', 5],
  ['/k"l', 6],
  ['/ ', 7],
  ['/m~0n', 8],
  ['/foo/2', undefined],
  ['/foo/01', undefined],
  ['/foo/-', undefined],
  ['/foo/0/x', undefined],
  ['/toString', undefined],
])('%j leads to %j', (pointer, value) => {
  expect(getPointer(document, pointer)).toEqual(value);
});

test.each(['foo', '/a~b', '/a~2'])('%j is refused', (pointer) => {
  expect(() => parsePointer(pointer)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
});

test('remove copies only the way and leaves the rest of the document alone', () => {
  const before = { spec: { replicas: 3, list: [{ a: 1, b: 2 }, 'x'] }, other: { kept: true } };
  const original = structuredClone(before);
  expect(removePointer(before, '/spec/list/0/b')).toEqual({ spec: { replicas: 3, list: [{ a: 1 }, 'x'] }, other: { kept: true } });
  expect(removePointer(before, '/spec/list/1')).toEqual({ spec: { replicas: 3, list: [{ a: 1, b: 2 }] }, other: { kept: true } });
  expect(removePointer(before, '/spec/replicas').other).toBe(before.other);
  expect(removePointer(before, '/spec/missing/deep')).toBe(before);
  expect(before).toEqual(original);
});

test('any name survives the way through a pointer', () => {
  fc.assert(fc.property(fc.array(fc.string()), (tokens) => void expect(parsePointer(formatPointer(tokens))).toEqual(tokens)));
});

test('after a removal there is nothing there', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.dictionary(fc.string(), fc.integer())), fc.string(), fc.string(), (value, a, b) => {
      expect(getPointer(removePointer(value, formatPointer([a, b])), formatPointer([a, b]))).toBeUndefined();
    }),
  );
});
