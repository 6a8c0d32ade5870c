import type { KubeObject } from './object.ts';

/** Annotations and finalizers of Argo CD and Helm that Plumbline reads or writes: users have them in their manifests. */
export const annotation = {
  hook: 'argocd.argoproj.io/hook',
  hookDeletePolicy: 'argocd.argoproj.io/hook-delete-policy',
  syncWave: 'argocd.argoproj.io/sync-wave',
  syncOptions: 'argocd.argoproj.io/sync-options',
  compareOptions: 'argocd.argoproj.io/compare-options',
  trackingId: 'argocd.argoproj.io/tracking-id',
  ignoreHealthCheck: 'argocd.argoproj.io/ignore-healthcheck',
  ignoreRestartPolicy: 'argocd.argoproj.io/ignore-restart-policy',
  ignoreDefaultLinks: 'argocd.argoproj.io/ignore-default-links',
  deletionApproved: 'argocd.argoproj.io/deletion-approved',
  link: 'link.argocd.argoproj.io/',
  helmHook: 'helm.sh/hook',
  helmHookWeight: 'helm.sh/hook-weight',
  helmHookDeletePolicy: 'helm.sh/hook-delete-policy',
  lastApplied: 'kubectl.kubernetes.io/last-applied-configuration',
} as const;

/** On every hook from its creation until it has done its work. */
export const hookFinalizer = 'argocd.argoproj.io/hook-finalizer';

export const annotationOf = (object: KubeObject, name: string): string | undefined => object.metadata.annotations?.[name];

/** A comma-separated annotation: trimmed, without empty and repeated members, in order. */
export function annotationCsv(object: KubeObject, name: string): string[] {
  const value = annotationOf(object, name);
  if (value === undefined) return [];
  return [...new Set(value.split(',').map((member) => member.trim()))].filter((member) => member !== '');
}
