import { randomBytes } from 'node:crypto';
import { silentLogger } from '@plumbline/contracts';
import { loadConnection, makeKubeClient, type KubeClient, type KubeConnection } from '../src/index.ts';

/** The API server that the tests talk to. */
export async function realConnection(): Promise<KubeConnection> {
  const kubeconfigPath = process.env['TEST_KUBECONFIG'];
  if (kubeconfigPath === undefined) throw new Error('these tests need a real Kubernetes API server: set TEST_KUBECONFIG to a kubeconfig of an administrator');
  return await loadConnection({ kubeconfigPath, env: {} });
}

export const randomName = (): string => `kube-test-${randomBytes(4).toString('hex')}`;

/** A client with a namespace of its own; `drop` deletes it and closes the client. */
export async function testClient(): Promise<{ kube: KubeClient; namespace: string; connection: KubeConnection; drop(): Promise<void> }> {
  const connection = await realConnection();
  const kube = makeKubeClient({ connection, log: silentLogger });
  const namespace = randomName();
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  return {
    kube,
    namespace,
    connection,
    async drop() {
      await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: namespace });
      await kube.close();
    },
  };
}

/** Polls until it holds; fails with what was seen last. */
export async function eventually<T>(look: () => T | Promise<T>, holds: (value: T) => boolean, timeoutMs = 15_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    if (Date.now() > end) throw new Error(`did not come true within ${timeoutMs} ms; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A kind of its own, unknown to the server until it is created. */
export function definitionOf(group: string): { apiVersion: string; kind: string; metadata: { name: string }; spec: Record<string, unknown> } {
  const schema = { type: 'object', properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `things.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
}
