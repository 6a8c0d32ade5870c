import type { ApplicationSpec } from '@plumbline/contracts';
import { inClusterServer } from '@plumbline/contracts';
import { limits } from '../limits.ts';

/** The repository of the load and what each of its applications wants to see in the cluster. */
export const repositoryName = 'faults';
export const applicationName = (index: number): string => `load-${index}`;
export const objectName = (index: number): string => `c${index}`;
export const secretName = 'credentials';

export const applicationSpec = (index: number, repoURL: string, info?: string): ApplicationSpec => ({
  project: 'default',
  source: { repoURL, path: `app-${index}`, targetRevision: 'main' },
  destination: { server: inClusterServer, namespace: applicationName(index) },
  syncPolicy: {
    automated: { prune: true, selfHeal: true },
    syncOptions: ['CreateNamespace=true'],
    retry: { limit: 5, backoff: { duration: '1s', factor: 2, maxDuration: '5s' } },
  },
  ...(info === undefined ? {} : { info: [{ name: 'faults', value: info }] }),
});

export const applicationObject = (index: number, repoURL: string) => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: { name: applicationName(index), namespace: 'argocd' },
  spec: applicationSpec(index, repoURL),
});

export const objectPath = (application: number, object: number): string => `app-${application}/${objectName(object)}.json`;

/** Two waves: a sync has more than one step, so that it can be killed between two. */
export const objectText = (object: number, value: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: objectName(object), annotations: { 'argocd.argoproj.io/sync-wave': String(object % 2) } },
    data: { value },
  });

export const secretText = (word: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: secretName }, stringData: { password: word } });

export function firstFiles(word: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (let application = 0; application < limits.applications; application++) {
    files[`app-${application}/secret.json`] = secretText(word);
    for (let object = 0; object < limits.objects; object++) files[objectPath(application, object)] = objectText(object, '0');
  }
  return files;
}

/** Values of the whole tree, for a history that is written anew. */
export function allObjects(value: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (let application = 0; application < limits.applications; application++)
    for (let object = 0; object < limits.objects; object++) files[objectPath(application, object)] = objectText(object, value);
  return files;
}
