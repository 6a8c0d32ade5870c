import { expect, test } from 'vitest';
import { manifestSetOf } from './manifest-set.ts';

const seal = (base64: string): string => `sealed(${base64})`;
const secret = (part: Record<string, unknown>) => ({ manifest: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, ...part }, file: 'app/s.yaml' });
const sealed = (part: Record<string, unknown>) => manifestSetOf('Directory', [secret(part)], seal).objects[0]!.manifest;

test('every value of a Secret is sealed, stringData folded into data', () => {
  expect(sealed({ type: 'Opaque', data: { a: 'YQ==', both: 'b2xk', none: null }, stringData: { both: 'new', ü: 'ü' } })).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    type: 'Opaque',
    data: { a: 'sealed(YQ==)', both: 'sealed(bmV3)', none: 'sealed()', ü: 'sealed(w7w=)' },
  });
});

test("kubectl's copy of a Secret is left out", () => {
  const metadata = { name: 's', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"a":"YQ=="}}', kept: 'yes' } };
  expect(sealed({ metadata })['metadata']).toEqual({ name: 's', annotations: { kept: 'yes' } });
});

test('other objects stay as they are', () => {
  const manifest = { apiVersion: 'example.org/v1', kind: 'Secret', metadata: { name: 'x' }, data: { a: 1 } };
  expect(manifestSetOf('Helm', [{ manifest }], seal)).toEqual({ version: 1, sourceType: 'Helm', objects: [{ manifest }] });
});

test.each([
  [{ data: { a: 4711 } }, 'app/s.yaml: Secret s: data.a is not a text'],
  [{ data: 'hunter2' }, 'app/s.yaml: Secret s: data is not a map'],
  [{ stringData: ['hunter2'] }, 'app/s.yaml: Secret s: stringData is not a map'],
])('a bad value is named, not quoted: %o', (part, says) => {
  expect(() => sealed(part)).toThrow(says);
  expect(() => sealed(part)).not.toThrow('hunter2');
});
