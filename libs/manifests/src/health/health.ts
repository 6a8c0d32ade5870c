import { annotation, annotationOf } from '../annotations.ts';
import { hasHookFinalizer } from '../hooks.ts';
import { groupVersionKind, type KubeObject } from '../object.ts';
import { childApplicationHealth } from './application.ts';
import { apiServiceHealth, customResourceDefinitionHealth, namespaceHealth } from './cluster.ts';
import { cronJobHealth, jobHealth } from './jobs.ts';
import { ingressHealth, serviceHealth } from './network.ts';
import { podHealth } from './pod.ts';
import { horizontalPodAutoscalerHealth, podDisruptionBudgetHealth } from './scaling.ts';
import { progressing, type Health, type HealthCheck } from './status.ts';
import { persistentVolumeClaimHealth } from './storage.ts';
import { daemonSetHealth, deploymentHealth, replicaSetHealth, statefulSetHealth } from './workloads.ts';

export { worstHealth, isWorse, type Health, type HealthStatus } from './status.ts';
export { applicationHealth, type JudgedResource } from './aggregate.ts';

/** By `group/Kind`. The built-in checks of Argo CD (B152–B157); customisations in Lua are evaluated before, elsewhere. */
const checks: ReadonlyMap<string, HealthCheck> = new Map(
  Object.entries({
    'apps/Deployment': deploymentHealth,
    'apps/StatefulSet': statefulSetHealth,
    'apps/DaemonSet': daemonSetHealth,
    'apps/ReplicaSet': replicaSetHealth,
    '/Pod': podHealth,
    'batch/Job': jobHealth,
    'batch/CronJob': cronJobHealth,
    '/Service': serviceHealth,
    'networking.k8s.io/Ingress': ingressHealth,
    'extensions/Ingress': ingressHealth,
    '/PersistentVolumeClaim': persistentVolumeClaimHealth,
    'autoscaling/HorizontalPodAutoscaler': horizontalPodAutoscalerHealth,
    'policy/PodDisruptionBudget': podDisruptionBudgetHealth,
    'apiregistration.k8s.io/APIService': apiServiceHealth,
    'apiextensions.k8s.io/CustomResourceDefinition': customResourceDefinitionHealth,
    '/Namespace': namespaceHealth,
    'argoproj.io/Application': childApplicationHealth,
  }),
);

/** How healthy a live object is; undefined when its kind has no check. */
export function health(object: KubeObject): Health | undefined {
  // A finished hook waits for its finalizer to be taken off: its result still counts (B011).
  if (object.metadata.deletionTimestamp !== undefined && !hasHookFinalizer(object)) return progressing('Pending deletion');
  const { group, kind } = groupVersionKind(object);
  return checks.get(`${group}/${kind}`)?.(object);
}

export const hasHealthCheck = (group: string, kind: string): boolean => checks.has(`${group}/${kind}`);

/** The object asks not to be counted in its application's health. */
export const ignoresHealth = (object: KubeObject): boolean => annotationOf(object, annotation.ignoreHealthCheck) === 'true';
