import type { KubeObject } from '@plumbline/manifests';

interface ShownStatus {
  sync?: { status?: string; revision?: string };
  health?: { status?: string };
  operationState?: { phase?: string; syncResult?: { revision?: string } };
}

const statusOf = (application: KubeObject): ShownStatus => (application['status'] ?? {}) as ShownStatus;

export const isSynced = (application: KubeObject): boolean => statusOf(application).sync?.status === 'Synced';

export const isSyncedTo =
  (commit: string) =>
  (application: KubeObject): boolean =>
    isSynced(application) && statusOf(application).sync?.revision === commit;

export const isHealthy = (application: KubeObject): boolean => isSynced(application) && statusOf(application).health?.status === 'Healthy';

/** Its sync of this commit has succeeded, and everything is as it should be. */
export const isDone =
  (commit: string) =>
  (application: KubeObject): boolean => {
    const { operationState } = statusOf(application);
    return isHealthy(application) && isSyncedTo(commit)(application) && operationState?.phase === 'Succeeded' && operationState.syncResult?.revision === commit;
  };

/** Of a Deployment of one replica: the one with this image is available, and no other is left. */
export const isRolledOut =
  (image: string) =>
  (deployment: KubeObject): boolean => {
    const { spec, status = {} } = deployment as {
      spec?: { template: { spec: { containers: { image: string }[] } } };
      status?: { observedGeneration?: number; replicas?: number; updatedReplicas?: number; availableReplicas?: number };
    };
    const { observedGeneration, replicas, updatedReplicas, availableReplicas } = status;
    const isSeen = spec?.template.spec.containers[0]?.image === image && observedGeneration === deployment.metadata['generation'];
    return isSeen && replicas === 1 && updatedReplicas === 1 && availableReplicas === 1;
  };

export const inNamespace = (object: KubeObject, namespace: string): KubeObject => ({ ...object, metadata: { ...object.metadata, namespace } });

/** Of a ConfigMap. */
export const hasValue =
  (value: number) =>
  (object: KubeObject): boolean =>
    (object['data'] as { value?: string } | undefined)?.value === String(value);
