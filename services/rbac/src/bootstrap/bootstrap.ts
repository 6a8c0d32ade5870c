import { randomBytes } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import type { AppProjectSpec, Clock, Logger } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { decodedData, partOfArgocd } from '@plumbline/kube';

export interface BootstrapParts {
  kube: KubeClient;
  namespace: string;
  clock: Clock;
  log: Logger;
  hashPassword: (password: string) => Promise<string>;
}

const fieldManager = 'plumbline-rbac';
const initialPasswordBytes = 15;
const signingKeyBytes = 32;

/** Argo CD's own: everything is allowed; an installation narrows it. */
const defaultProject: AppProjectSpec = {
  sourceRepos: ['*'],
  destinations: [{ server: '*', namespace: '*' }],
  clusterResourceWhitelist: [{ group: '*', kind: '*' }],
};

/**
 * Makes what an installation needs and doesn't have; never changes what is there but to fill in a missing key or label.
 * Several replicas, or a death between two steps, end in one password and one signing key: the password is written to
 * its Secret first, and whoever comes later takes that one.
 */
export async function bootstrap(parts: BootstrapParts): Promise<void> {
  await createSecrets(parts);
  await createConfigMap(parts, 'argocd-cm');
  await createConfigMap(parts, 'argocd-rbac-cm');
  await createIfMissing(parts, {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AppProject',
    metadata: { name: 'default', namespace: parts.namespace },
    spec: defaultProject,
  });
}

async function createSecrets(parts: BootstrapParts): Promise<void> {
  const { kube, namespace } = parts;
  const reference = { group: '', version: 'v1', kind: 'Secret', namespace, name: 'argocd-secret' };
  const existing = await kube.get(reference);
  const missing = await missingKeys(parts, existing === undefined ? {} : decodedData(existing));
  const labels = labelsOf('argocd-secret');
  if (existing === undefined) {
    await createIfMissing(parts, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'argocd-secret', namespace, labels },
      type: 'Opaque',
      stringData: missing,
    });
    return;
  }
  const isLabelled = existing.metadata.labels?.['app.kubernetes.io/part-of'] === 'argocd';
  if (isLabelled && Object.keys(missing).length === 0) return;
  const data = Object.fromEntries(Object.entries(missing).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
  // The resourceVersion makes the write fail where another replica was faster: then it is looked at again.
  await kube.mergePatch(reference, { metadata: { resourceVersion: existing.metadata.resourceVersion, labels: partOfArgocd }, data }, { fieldManager });
}

async function missingKeys(parts: BootstrapParts, present: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const missing: Record<string, string> = {};
  if ((present['server.secretkey'] ?? '') === '') missing['server.secretkey'] = randomBytes(signingKeyBytes).toString('base64');
  if ((present['admin.password'] ?? '') === '') {
    missing['admin.password'] = await parts.hashPassword(await initialPassword(parts));
    missing['admin.passwordMtime'] = new Date(parts.clock()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
  return missing;
}

/** The one in argocd-initial-admin-secret, which is made when there is none. */
async function initialPassword(parts: BootstrapParts): Promise<string> {
  const { namespace, kube } = parts;
  const name = 'argocd-initial-admin-secret';
  const made = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels: labelsOf(name) },
    type: 'Opaque',
    stringData: { password: randomBytes(initialPasswordBytes).toString('base64url') },
  };
  await createIfMissing(parts, made);
  const kept = await kube.get({ group: '', version: 'v1', kind: 'Secret', namespace, name });
  const password = kept === undefined ? '' : (decodedData(kept)['password'] ?? '');
  if (password === '') {
    throw new AppError(
      'failed-precondition',
      `Secret ${namespace}/${name} has no "password"; delete it to get a new one, or set admin.password in argocd-secret`,
    );
  }
  return password;
}

async function createConfigMap(parts: BootstrapParts, name: string): Promise<void> {
  await createIfMissing(parts, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: parts.namespace, labels: labelsOf(name) }, data: {} });
}

const labelsOf = (name: string): Record<string, string> => ({ 'app.kubernetes.io/name': name, ...partOfArgocd });

type Declared = Parameters<KubeClient['create']>[0];

async function createIfMissing({ kube, namespace, log }: BootstrapParts, object: Declared): Promise<void> {
  try {
    await kube.create(object, { fieldManager });
    log.info(`created ${object.kind} ${namespace}/${object.metadata.name}, which was missing`);
  } catch (error) {
    if (!AppError.is(error) || error.code !== 'already-exists') throw error;
  }
}
