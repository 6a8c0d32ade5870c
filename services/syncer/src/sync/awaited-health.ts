import type { Health, KubeObject } from '@plumbline/manifests';
import { groupVersionKind, health, managingInstance } from '@plumbline/manifests';
import type { SyncSettings } from '../settings/sync-settings.ts';

/** Kinds that get an address from a controller which a cluster need not have. */
const loadBalanced: ReadonlySet<string> = new Set(['/Service', 'networking.k8s.io/Ingress', 'extensions/Ingress']);

/**
 * An object's health as a sync waits for it: one that only lacks the address of a load balancer holds nothing up, since
 * nobody says whether there is a controller that will give it one. The application shows it Progressing all the same.
 */
export function awaitedHealth(object: KubeObject, settings: SyncSettings): Health | undefined {
  const found = countedHealth(object, settings);
  const { group, kind } = groupVersionKind(object);
  const lacksAddress = found?.status === 'Progressing' && object.metadata.deletionTimestamp === undefined && loadBalanced.has(`${group}/${kind}`);
  return lacksAddress && !settings.awaitsLoadBalancers ? { status: 'Healthy' } : found;
}

/** An object's health as its application counts it. */
export function countedHealth(object: KubeObject, settings: SyncSettings): Health | undefined {
  const { group, kind } = groupVersionKind(object);
  const isCounted = group !== 'argoproj.io' || kind !== 'Application' || (settings.countsChildApplications && !isItsOwn(object));
  return isCounted ? health(object) : undefined;
}

/** An application that manages itself would wait for the end of its own sync (argocd-compat B150). */
function isItsOwn(application: KubeObject): boolean {
  const { namespace, name } = application.metadata;
  const owner = managingInstance(application);
  return owner === name || owner === `${namespace}_${name}`;
}
