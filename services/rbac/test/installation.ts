import { randomBytes, randomUUID } from 'node:crypto';
import { AppError, silentLogger } from '@plumbline/contracts';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeClient } from '@plumbline/kube';
import { DataSource } from 'typeorm';

/** A database, a NATS prefix and a control namespace of a test's own, on real servers. */
export interface Installation {
  env: Record<string, string>;
  namespace: string;
  kube: KubeClient;
  remove(): Promise<void>;
}

const postgresUrl = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

export async function makeInstallation(): Promise<Installation> {
  const kubeconfig = process.env['TEST_KUBECONFIG'];
  if (kubeconfig === undefined) throw new Error('these tests need a real Kubernetes API server: set TEST_KUBECONFIG to a kubeconfig of an administrator');
  const prefix = `test-${randomUUID().slice(0, 8)}`;
  const database = prefix.replaceAll('-', '_');
  const kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: kubeconfig, env: {} }), log: silentLogger });
  await administer(`create database ${database}`);
  await ensureKind(kube, 'Application', 'applications');
  await ensureKind(kube, 'AppProject', 'appprojects');
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: prefix } });
  return {
    namespace: prefix,
    kube,
    env: {
      PLUMBLINE_DATABASE_URL: Object.assign(new URL(postgresUrl), { pathname: `/${database}` }).toString(),
      PLUMBLINE_NATS_URL: process.env['TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222',
      PLUMBLINE_REDIS_URL: process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379',
      PLUMBLINE_PREFIX: prefix,
      PLUMBLINE_KEY: randomBytes(32).toString('base64'),
      PLUMBLINE_NAMESPACE: prefix,
      PLUMBLINE_KUBECONFIG: kubeconfig,
      PLUMBLINE_LOG_LEVEL: 'error',
    },
    remove: async () => {
      await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: prefix });
      await kube.close();
      await administer(`drop database ${database} with (force)`);
    },
  };
}

async function administer(sql: string): Promise<void> {
  const server = await new DataSource({ type: 'postgres', url: postgresUrl }).initialize();
  try {
    await server.query(sql);
  } finally {
    await server.destroy();
  }
}

/** Where nobody installed the custom resources yet: one that takes any fields. */
async function ensureKind(kube: KubeClient, kind: string, plural: string): Promise<void> {
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.argoproj.io` },
    spec: {
      group: 'argoproj.io',
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
  await kube.create(crd).catch((error: unknown) => {
    if (!AppError.is(error) || error.code !== 'already-exists') throw error;
  });
  for (const endsAt = Date.now() + 20_000; Date.now() < endsAt;) {
    const known = await kube.discover({ refresh: true });
    if (known.find('argoproj.io', 'v1alpha1', kind) !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the API server does not serve ${kind} after 20 s`);
}
