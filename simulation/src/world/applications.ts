import type { KubeObject } from '@plumbline/manifests';
import type { Random } from '../random.ts';
import { canary } from './manifests.ts';

export interface Wanted {
  name: string;
  repository: number;
  path: string;
  automated: boolean;
  prune: boolean;
  selfHeal: boolean;
}

export const controlNamespace = 'argocd';
export const targetNamespace = 'default';
export const finalizer = 'resources-finalizer.argocd.argoproj.io';
export const applicationRef = (name: string) => ({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: controlNamespace, name });

export function someApplication(index: number, repositories: number, random: Random): Wanted {
  return {
    name: `app-${index}`,
    repository: random.integer(0, repositories - 1),
    path: `app-${index}`,
    automated: random.chance(0.75),
    prune: random.chance(0.7),
    selfHeal: random.chance(0.6),
  };
}

export function manifestOf(wanted: Wanted, repoURL: string, isCascading: boolean): KubeObject {
  const { name, path, automated, prune, selfHeal } = wanted;
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: { name, namespace: controlNamespace, ...(isCascading ? { finalizers: [finalizer] } : {}) },
    spec: {
      project: 'default',
      source: { repoURL, path, targetRevision: 'main', helm: { parameters: [{ name: 'password', value: canary }] } },
      destination: { server: 'https://kubernetes.default.svc', namespace: targetNamespace },
      ...(automated ? { syncPolicy: { automated: { prune, selfHeal } } } : {}),
    },
  };
}
