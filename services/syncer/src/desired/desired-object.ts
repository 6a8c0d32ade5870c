import type { HookPhase, KubeObject, ResourceSyncOptions } from '@plumbline/manifests';

/** One object as it shall be in the cluster: namespace and tracking added, Secret values opened (memory only). */
export interface DesiredObject {
  key: string;
  object: KubeObject;
  /** Keyed hash of the object: says whether it changed, even for a Secret. */
  hash: string;
  kind: 'resource' | 'hook';
  hookPhases: readonly HookPhase[];
  wave: number;
  options: ResourceSyncOptions;
  /** JSON pointers that `spec.ignoreDifferences` takes out of the comparison. */
  ignoredPointers: readonly string[];
  file?: string;
}

export interface DesiredState {
  manifestSet: string;
  sourceType: 'Directory' | 'Kustomize' | 'Helm';
  objects: readonly DesiredObject[];
  byKey: ReadonlyMap<string, DesiredObject>;
  images: readonly string[];
  warnings: readonly { type: string; message: string }[];
}
