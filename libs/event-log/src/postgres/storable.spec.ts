import { expect, it } from 'vitest';
import { storableJson } from './storable.ts';

it.each<[string, unknown, unknown]>([
  ['plain', { a: ['b', 1, null, true] }, { a: ['b', 1, null, true] }],
  ['NUL', { 'a\0': ['x\0y'] }, { 'a\uFFFD': ['x\uFFFDy'] }],
  ['half a pair', { a: 'x\uD83D', b: '\uDE00' }, { a: 'x\uFFFD', b: '\uFFFD' }],
  ['a whole pair', { a: '😀' }, { a: '😀' }],
  ['the six characters of an escape', { a: '\\u0000' }, { a: '\\u0000' }],
])('makes JSON that jsonb takes: %s', (_what, value, expected) => {
  expect(JSON.parse(storableJson(value))).toEqual(expected);
});
