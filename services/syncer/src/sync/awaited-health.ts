import type { Health, KubeObject } from '@plumbline/manifests';
import { groupVersionKind, health } from '@plumbline/manifests';
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
  return group === 'argoproj.io' && kind === 'Application' && !settings.countsChildApplications ? undefined : health(object);
}
