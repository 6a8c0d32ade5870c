import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { AppError } from '@plumbline/contracts';
import type { KubeClient, ObjectRef } from '@plumbline/kube';

import { limits } from './limits.ts';

const fieldManager = 'plumbline-setup';
export const controlNamespace = 'argocd';

export interface ClusterSecrets {
  /** Base64 of 32 bytes: the sealing key of the platform and root of the derived ones. */
  key: string;
  /** What the demo Git server signs its webhooks with. */
  webhookSecret: string;
}

/** What must be in the control cluster before a service can start; everything that is there already stays as it is. */
export async function prepareControlCluster(kube: KubeClient): Promise<ClusterSecrets> {
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: controlNamespace } }, { fieldManager });
  const key = await secretValue(kube, { secret: 'plumbline-key', key: 'key', make: () => randomBytes(32) });
  // The service rbac keeps the admin account and the server's signing key in the same Secret.
  const webhookSecret = await secretValue(kube, {
    secret: 'argocd-secret',
    key: 'webhook.github.secret',
    make: () => Buffer.from(randomBytes(24).toString('base64url')),
  });
  return { key: key.toString('base64'), webhookSecret: webhookSecret.toString('utf8') };
}

/** The password that rbac made for `admin`; undefined when the person has removed the Secret, as Argo CD's manual advises. */
export async function readInitialPassword(kube: KubeClient, timeoutMs: number): Promise<string | undefined> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const password = await readSecretKey(kube, 'argocd-initial-admin-secret', 'password');
    if (password || Date.now() > deadline) return password?.toString('utf8');
    await sleep(limits.readyPollMs);
  }
}

interface WantedValue {
  secret: string;
  key: string;
  make: () => Buffer;
}

/** One value of a Secret, made once. Two that create it at the same time end up with the same value. */
async function secretValue(kube: KubeClient, { secret, key, make }: WantedValue): Promise<Buffer> {
  for (let attempt = 0; attempt < limits.secretAttemptsMax; attempt++) {
    const existing = await kube.get(secretRef(secret));
    const known = valueIn(existing, key);
    if (known) return known;
    const data = { [key]: make().toString('base64') };
    try {
      if (!existing) await kube.create(secretObject(secret, data), { fieldManager });
      // With the version that was read: whoever wrote meanwhile may have set this very key.
      else await kube.mergePatch(secretRef(secret), { metadata: { resourceVersion: existing.metadata.resourceVersion }, data }, { fieldManager });
    } catch (error) {
      if (!AppError.is(error) || (error.code !== 'already-exists' && error.code !== 'conflict')) throw error;
    }
  }
  throw new AppError('conflict', `Secret ${controlNamespace}/${secret} kept changing while its key ${key} was to be set. Start again.`);
}

async function readSecretKey(kube: KubeClient, name: string, key: string): Promise<Buffer | undefined> {
  return valueIn(await kube.get(secretRef(name)), key);
}

function valueIn(secret: Awaited<ReturnType<KubeClient['get']>>, key: string): Buffer | undefined {
  const value = (secret?.['data'] as Record<string, string> | undefined)?.[key];
  return value ? Buffer.from(value, 'base64') : undefined;
}

function secretRef(name: string): ObjectRef {
  return { group: '', version: 'v1', kind: 'Secret', namespace: controlNamespace, name };
}

function secretObject(name: string, data: Record<string, string>) {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: controlNamespace, labels: { 'app.kubernetes.io/part-of': 'argocd' } },
    type: 'Opaque',
    data,
  };
}
