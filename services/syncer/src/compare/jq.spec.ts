import { afterAll, expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { makeJq } from './jq.ts';

/** In a real thread: users' expressions are a fault that has to be lived with (T5 of the threats). */
let now = 0;
const jq = makeJq(() => now);
afterAll(() => jq.stop());
const document = { spec: { replicas: 3, items: [{ name: 'a' }, { name: 'b' }] } };

test.each([
  ['.spec.replicas', [['spec', 'replicas']]],
  ['.spec.items[] | select(.name == "b")', [['spec', 'items', 1]]],
  [
    '.spec.items[].name, .spec.replicas',
    [
      ['spec', 'items', 0, 'name'],
      ['spec', 'items', 1, 'name'],
      ['spec', 'replicas'],
    ],
  ],
  ['.spec.replicas # why', [['spec', 'replicas']]],
  ['.none[].of.it', []],
  ['.spec | to_entries[]', undefined],
  ['.spec)] | [(1', undefined],
  ['input', undefined],
  ['$ENV.HOME', undefined],
  ['import "a" as a; .spec', undefined],
])('%s', async (expression, paths) => {
  expect(await jq.paths(expression, document)).toEqual(paths === undefined ? { failure: expect.any(String) } : { paths });
});

test('an expression without end is given up, left out for a while, and holds nobody up for good', async () => {
  const endless = 'last(repeat(.spec))';
  const [first, other, again] = await Promise.all([jq.paths(endless, document), jq.paths('.spec.replicas', document), jq.paths(endless, document)]);
  expect(first).toEqual({ failure: `it took longer than ${limits.jqMs} ms`, isPassing: true });
  expect(other).toEqual({ paths: [['spec', 'replicas']] });
  expect(again).toEqual(first);
  // Once the while is over it is tried again; it isn't better.
  now += limits.jqPauseMs;
  expect(await jq.paths(endless, document)).toEqual(first);
});

test('an expression that wants all memory breaks its thread and nothing else', async () => {
  expect(await jq.paths('[limit(1e9; repeat("x" * 1000))] | .spec', document)).toEqual({
    failure: expect.stringMatching(/memory|took longer/),
    isPassing: true,
  });
  expect(await jq.paths('.spec.replicas', document)).toEqual({ paths: [['spec', 'replicas']] });
});

test('an answer that is too long is no answer', async () => {
  const long = { ['x'.repeat(limits.jqOutputBytesMax)]: 1 };
  expect(await jq.paths('.[]', long)).toEqual({ failure: 'it answers too much' });
});
