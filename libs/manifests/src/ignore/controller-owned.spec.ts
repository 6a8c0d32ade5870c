import { expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { controllerOwned } from './controller-owned.ts';

const webhooks = (bundles: (string | undefined)[], annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: 'a', annotations },
  webhooks: bundles.map((caBundle, index) => ({ name: `w${index}`, clientConfig: caBundle === undefined ? {} : { caBundle } })),
});
const pointers = (object: KubeObject, manifest: KubeObject): string[] => controllerOwned(object, manifest).map(({ pointer }) => pointer);

test('a bundle is the injector’s where the manifest has none of its own', () => {
  const live = webhooks(['x', 'y', 'z', 'q']);
  expect(pointers(live, webhooks(['', 'Cg==', undefined, 'own']))).toEqual(['/webhooks/0/clientConfig/caBundle', '/webhooks/1/clientConfig/caBundle']);
  expect(pointers(webhooks(['', 'own']), webhooks(['', 'own']))).toEqual(['/webhooks/0/clientConfig/caBundle']);
});

test('webhooks are told apart by name', () => {
  const manifest = webhooks(['', 'own']);
  const live = {
    ...webhooks([]),
    webhooks: [
      { name: 'w1', clientConfig: { caBundle: 'x' } },
      { name: 'w0', clientConfig: { caBundle: 'y' } },
    ],
  };
  expect(pointers(live, manifest)).toEqual(['/webhooks/1/clientConfig/caBundle']);
});

test('where an annotation asks for injection, every bundle is', () => {
  const asks = { 'cert-manager.io/inject-ca-from': 'ns/cert' };
  expect(pointers(webhooks(['x', 'y']), webhooks(['own', undefined], asks))).toEqual([
    '/webhooks/0/clientConfig/caBundle',
    '/webhooks/1/clientConfig/caBundle',
  ]);
});

test('rules of an aggregated ClusterRole, and of no other', () => {
  const role = (fields: object): KubeObject => ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'a' }, ...fields });
  expect(pointers(role({ rules: [] }), role({ aggregationRule: {}, rules: [] }))).toEqual(['/rules']);
  expect(pointers(role({ rules: [] }), role({ rules: [] }))).toEqual([]);
  expect(pointers(role({}), role({ aggregationRule: {} }))).toEqual([]);
});

test('a kind of the same name in another group is another kind', () => {
  const manifest = { ...webhooks(['']), apiVersion: 'example.com/v1' };
  expect(pointers(manifest, manifest)).toEqual([]);
});
