import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '@plumbline/contracts';
import { at, jsonEqual } from './json.ts';

test('two values are equal exactly when their canonical texts are', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (a, b) => {
      expect(jsonEqual(a, b)).toBe(canonicalJson(a) === canonicalJson(b));
      expect(jsonEqual(a, structuredClone(a))).toBe(true);
    }),
  );
});

test('a member called like one that every object inherits is a member like any other', () => {
  expect(jsonEqual(JSON.parse('{"__proto__": {}}'), {})).toBe(false);
  expect(jsonEqual({ toString: undefined }, {})).toBe(true);
  expect(at({}, 'constructor', 'name')).toBeUndefined();
});
