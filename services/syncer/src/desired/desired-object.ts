import type { HookPhase, Ignored, KubeObject, ResourceSyncOptions } from '@plumbline/manifests';

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
  /** What ignore rules take out of the comparison. */
  ignored: Ignored;
  /** Ignored fields are left to others when it is written, too (`RespectIgnoreDifferences=true`; argocd-compat B048). */
  respectsIgnored: boolean;
  /**
   * What kubectl, Helm or Argo CD own of the live object becomes ours at the first write, and what these other managers own;
   * false with `ClientSideApplyMigration=false` (B046), and where an object is not written by server-side apply.
   */
  adopts: readonly string[] | false;
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
