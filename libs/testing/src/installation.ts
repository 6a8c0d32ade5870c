import { randomBytes, randomUUID } from 'node:crypto';
import { silentLogger } from '@plumbline/contracts';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeClient } from '@plumbline/kube';
import { Client } from 'pg';
import { installCrds } from './install-crds.ts';

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
  await installCrds(kube);
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
  const server = new Client({ connectionString: postgresUrl });
  await server.connect();
  try {
    await server.query(sql);
  } finally {
    await server.end();
  }
}
