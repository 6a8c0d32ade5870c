import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { annotationOf, health, hookDeletePolicies, hookFinalizer } from '@plumbline/manifests';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DesiredObject } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';

/** On each hook: the attempt that made it, so that a syncer that was restarted meanwhile doesn't run it twice. */
const runAnnotation = 'plumbline.dev/hook-run';

const runOf = ({ operationId, attempt, stepsCompleted }: OperationRecord): string => `${operationId} ${attempt} ${stepsCompleted}`;

export const isOfThisRun = (live: KubeObject | undefined, operation: OperationRecord): boolean =>
  live !== undefined && annotationOf(live, runAnnotation) === runOf(operation);

export function markedWithRun(desired: DesiredObject, operation: OperationRecord): DesiredObject {
  const { object } = desired;
  const annotations = { ...object.metadata.annotations, [runAnnotation]: runOf(operation) };
  return { ...desired, object: { ...object, metadata: { ...object.metadata, annotations } } };
}

/** A hook of an earlier run is deleted before this one is made, unless its policy says that it stays. */
export async function prepareHook(desired: DesiredObject, live: KubeObject | undefined, kube: KubeClient): Promise<void> {
  if (live === undefined || !hookDeletePolicies(desired.object).includes('BeforeHookCreation')) return;
  const ref = refOf(desired.object);
  const { uid } = live.metadata;
  await kube.delete(ref, { propagationPolicy: 'Background', ...(uid === undefined ? {} : { uid }) });
  for (let waitedMs = 0; waitedMs < limits.hookDeletionMs; waitedMs += limits.hookDeletionPollMs) {
    const now = await kube.get(ref);
    if (now === undefined || now.metadata.uid !== uid) return;
    await sleep(limits.hookDeletionPollMs);
  }
  throw new AppError('unavailable', `the hook of the run before is still being deleted after ${limits.hookDeletionMs / 1000} s: look at its finalizers`, {
    retry: 'later',
  });
}

/** Deletes a hook at once: its finalizer is only there to keep its result. */
export async function removeHook(live: KubeObject, kube: KubeClient): Promise<void> {
  const { uid, finalizers = [] } = live.metadata;
  const others = finalizers.filter((finalizer) => finalizer !== hookFinalizer);
  const ref = refOf(live);
  if (others.length < finalizers.length) await kube.mergePatch(ref, { metadata: { uid, finalizers: others } }, { fieldManager: fieldManager.objects });
  await kube.delete(ref, { propagationPolicy: 'Background', ...(uid === undefined ? {} : { uid }) });
}

export type HookOutcome = 'running' | 'succeeded' | 'failed';

/**
 * Argo CD's reading of a hook's health (argocd-compat B012). One that is gone after it was made has been deleted, unless
 * its manifest says that it goes by itself when it is done.
 */
export function hookOutcome(hook: KubeObject, live: KubeObject | undefined): HookOutcome {
  if (live === undefined) return goesByItself(hook) ? 'succeeded' : 'failed';
  const found = health(live);
  if (found === undefined || found.status === 'Healthy') return 'succeeded';
  return found.status === 'Degraded' || found.status === 'Unknown' ? 'failed' : 'running';
}

const goesByItself = (hook: KubeObject): boolean => (hook['spec'] as { ttlSecondsAfterFinished?: number } | undefined)?.ttlSecondsAfterFinished !== undefined;

export const hookFailure = (live: KubeObject | undefined): string =>
  live === undefined ? 'hook is missing: it might have been deleted before it was done' : `hook failed: ${health(live)?.message ?? 'degraded'}`;

/** Hooks that their delete policies remove now that the whole operation has ended (argocd-compat B009). */
export function endedHooks(objects: readonly DesiredObject[], operation: OperationRecord): DesiredObject[] {
  const policy = operation.phase === 'Succeeded' ? 'HookSucceeded' : 'HookFailed';
  return objects.filter((desired) => desired.kind === 'hook' && hookDeletePolicies(desired.object).includes(policy));
}
