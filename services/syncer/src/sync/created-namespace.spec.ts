import type { Application } from '@plumbline/contracts';
import { expect, test } from 'vitest';
import { createdNamespace } from './created-namespace.ts';

const application = (namespace: string | undefined, metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }): Application =>
  ({
    spec: {
      destination: { ...(namespace === undefined ? {} : { namespace }) },
      syncPolicy: metadata === undefined ? {} : { managedNamespaceMetadata: metadata },
    },
  }) as Application;
const nothing = { manifest: () => false, live: () => false };

test('is made when it is missing, and not the application’s own', () => {
  expect(createdNamespace(application('ns'), nothing)).toEqual({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
});

test.each<[string, Application, Partial<typeof nothing>]>([
  ['the manifests bring it', application('ns', { labels: { a: 'b' } }), { manifest: () => true }],
  ['it is there and nothing is to be kept on it', application('ns'), { live: () => true }],
  ['there is no destination namespace', application(undefined), {}],
  ['it is empty', application(''), {}],
])('is left alone when %s', (_, one, has) => {
  expect(createdNamespace(one, { ...nothing, ...has })).toBeUndefined();
});

test('with metadata is written at every sync', () => {
  const made = createdNamespace(application('ns', { labels: { a: 'b' } }), { ...nothing, live: () => true });
  expect(made?.metadata).toEqual({ name: 'ns', labels: { a: 'b' } });
});
