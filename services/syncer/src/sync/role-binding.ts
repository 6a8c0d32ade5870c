import { canonicalJson } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { groupVersionKind } from '@plumbline/manifests';

/**
 * Whether the manifest binds another role than the live binding does. The API server never lets `roleRef` change; `kubectl
 * auth reconcile`, through which Argo CD's client-side apply sends these kinds first (argocd-compat B030), deletes such a
 * binding and makes it again. What else that command does, adding rules and subjects that are missing, the apply does too.
 */
export function bindsAnotherRole(manifest: KubeObject, live: KubeObject): boolean {
  const { group, kind } = groupVersionKind(manifest);
  if (group !== 'rbac.authorization.k8s.io' || !['RoleBinding', 'ClusterRoleBinding'].includes(kind)) return false;
  return canonicalJson(roleOf(manifest)) !== canonicalJson(roleOf(live));
}

/** A reference without a group means the only one that there is, as the API server fills it in. */
function roleOf(binding: KubeObject): object {
  const { apiGroup, kind, name } = (binding['roleRef'] ?? {}) as { apiGroup?: string; kind?: string; name?: string };
  return { apiGroup: apiGroup === undefined || apiGroup === '' ? 'rbac.authorization.k8s.io' : apiGroup, kind: kind ?? '', name: name ?? '' };
}
