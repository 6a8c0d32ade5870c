import type { DeletionHookPhase } from '@plumbline/contracts';
import type { HookPhase } from '@plumbline/manifests';

/** Argo CD's finalizer: the objects go with the Application. A suffix names how (argocd-compat B110). */
const resourcesFinalizer = 'resources-finalizer.argocd.argoproj.io';

/** Argo CD's finalizers of hooks: the first until they have succeeded, the second until what is to go of them is gone (B031). */
const hookFinalizers: Readonly<Record<DeletionHookPhase, { run: string; cleanUp: string }>> = {
  PreDelete: { run: 'pre-delete-finalizer.argocd.argoproj.io', cleanUp: 'pre-delete-finalizer.argocd.argoproj.io/cleanup' },
  PostDelete: { run: 'post-delete-finalizer.argocd.argoproj.io', cleanUp: 'post-delete-finalizer.argocd.argoproj.io/cleanup' },
};

/** A stage of a deletion. It is over when its finalizer is off the Application. */
export type DeletionStage =
  | { stage: 'run-hooks' | 'clean-up-hooks'; phase: DeletionHookPhase; finalizer: string }
  | { stage: 'delete-resources'; finalizer: string; propagationPolicy: 'Foreground' | 'Background' };

/** What the finalizers of an Application that is being deleted still ask for, in the order in which it is done. */
export function deletionStages(finalizers: readonly string[]): DeletionStage[] {
  const hooks = (phase: DeletionHookPhase): DeletionStage[] => [
    { stage: 'run-hooks', phase, finalizer: hookFinalizers[phase].run },
    { stage: 'clean-up-hooks', phase, finalizer: hookFinalizers[phase].cleanUp },
  ];
  const resources = finalizers.filter(isResourcesFinalizer).map((finalizer): DeletionStage => {
    return { stage: 'delete-resources', finalizer, propagationPolicy: finalizer.endsWith('/background') ? 'Background' : 'Foreground' };
  });
  return [...hooks('PreDelete'), ...resources, ...hooks('PostDelete')].filter(({ finalizer }) => finalizers.includes(finalizer));
}

const isResourcesFinalizer = (name: string): boolean => name === resourcesFinalizer || name.startsWith(`${resourcesFinalizer}/`);

/** The finalizers of an Application whose manifests have hooks of these phases: those of deletion hooks come and go with the hooks. */
export function withHookFinalizers(finalizers: readonly string[], phases: ReadonlySet<HookPhase>): readonly string[] {
  const wanted = deletionHookPhases.filter((phase) => phases.has(phase)).flatMap((phase) => Object.values(hookFinalizers[phase]));
  const known = deletionHookPhases.flatMap((phase) => Object.values(hookFinalizers[phase]));
  const kept = finalizers.filter((name) => wanted.includes(name) || !known.includes(name));
  const missing = wanted.filter((name) => !finalizers.includes(name));
  return missing.length === 0 && kept.length === finalizers.length ? finalizers : [...kept, ...missing];
}

const deletionHookPhases: readonly DeletionHookPhase[] = ['PreDelete', 'PostDelete'];

/** What the log says of a deletion that began. */
export interface DeletionRecord {
  /** The objects go with it. */
  cascade: boolean;
  /** Waves of hooks that have succeeded: `PreDelete -1`. */
  ended: readonly string[];
  /** Times that a hook failed. */
  failures: number;
  /** A hook of this phase failed, and runs again at this moment. */
  retry?: { phase: DeletionHookPhase; at: string; message: string };
}

export const hookWave = (phase: DeletionHookPhase, wave: number): string => `${phase} ${wave}`;
