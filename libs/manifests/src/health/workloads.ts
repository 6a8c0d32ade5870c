import { at, numberAt, textAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { conditionOf, degraded, healthy, progressing, suspended, type Health } from './status.ts';

const statusCount = (object: KubeObject, field: string): number => numberAt(object, 'status', field) ?? 0;

/** The controller has not looked at the newest spec yet, so its status is about an older one. */
const isStatusOld = (object: KubeObject): boolean => (object.metadata.generation ?? 0) > statusCount(object, 'observedGeneration');

const notObserved = (kind: string): Health => progressing(`the controller has not seen the newest spec of this ${kind} yet`);

/** B152; the order of questions is that of `kubectl rollout status`. */
export function deploymentHealth(deployment: KubeObject): Health {
  if (at(deployment, 'spec', 'paused') === true) return suspended('the Deployment is paused');
  if (isStatusOld(deployment)) return notObserved('Deployment');
  if (conditionOf(deployment, 'Progressing')?.reason === 'ProgressDeadlineExceeded') {
    return degraded(`the rollout of Deployment ${deployment.metadata.name} did not progress within its deadline`);
  }
  const wanted = numberAt(deployment, 'spec', 'replicas');
  const [replicas, updated, available] = [
    statusCount(deployment, 'replicas'),
    statusCount(deployment, 'updatedReplicas'),
    statusCount(deployment, 'availableReplicas'),
  ];
  if (wanted !== undefined && updated < wanted) return progressing(`${updated} of ${wanted} replicas are updated`);
  if (replicas > updated) return progressing(`${replicas - updated} old replicas are still to go`);
  if (available < updated) return progressing(`${available} of ${updated} updated replicas are available`);
  return healthy();
}

/** B153. */
export function statefulSetHealth(statefulSet: KubeObject): Health {
  if (statusCount(statefulSet, 'observedGeneration') === 0 || isStatusOld(statefulSet)) return notObserved('StatefulSet');
  const wanted = numberAt(statefulSet, 'spec', 'replicas');
  const ready = statusCount(statefulSet, 'readyReplicas');
  if (wanted !== undefined && ready < wanted) return progressing(`${ready} of ${wanted} replicas are ready`);
  const strategy = textAt(statefulSet, 'spec', 'updateStrategy', 'type');
  const updated = statusCount(statefulSet, 'updatedReplicas');
  if (strategy === 'RollingUpdate' && at(statefulSet, 'spec', 'updateStrategy', 'rollingUpdate') !== undefined) {
    const partition = numberAt(statefulSet, 'spec', 'updateStrategy', 'rollingUpdate', 'partition');
    const toUpdate = wanted === undefined || partition === undefined ? 0 : wanted - partition;
    if (updated < toUpdate) return progressing(`${updated} of ${toUpdate} replicas above the partition are updated`);
    return healthy(`the partitioned rollout is complete: ${updated} replicas are updated`);
  }
  if (strategy === 'OnDelete') return healthy(`${ready} replicas are ready`);
  const revision = textAt(statefulSet, 'status', 'updateRevision');
  if (revision !== textAt(statefulSet, 'status', 'currentRevision')) return progressing(`${updated} replicas are at revision ${revision ?? ''}`);
  return healthy();
}

/** B154. */
export function daemonSetHealth(daemonSet: KubeObject): Health {
  if (isStatusOld(daemonSet)) return notObserved('DaemonSet');
  if (textAt(daemonSet, 'spec', 'updateStrategy', 'type') === 'OnDelete') return healthy('pods are updated when somebody deletes them');
  const wanted = statusCount(daemonSet, 'desiredNumberScheduled');
  const [updated, available] = [statusCount(daemonSet, 'updatedNumberScheduled'), statusCount(daemonSet, 'numberAvailable')];
  if (updated < wanted) return progressing(`${updated} of ${wanted} pods are updated`);
  if (available < wanted) return progressing(`${available} of ${wanted} pods are available`);
  return healthy();
}

/** B154. */
export function replicaSetHealth(replicaSet: KubeObject): Health {
  if (isStatusOld(replicaSet)) return notObserved('ReplicaSet');
  const failure = conditionOf(replicaSet, 'ReplicaFailure');
  if (failure?.status === 'True') return degraded(failure.message);
  const wanted = numberAt(replicaSet, 'spec', 'replicas');
  const available = statusCount(replicaSet, 'availableReplicas');
  if (wanted !== undefined && available < wanted) return progressing(`${available} of ${wanted} replicas are available`);
  return healthy();
}
