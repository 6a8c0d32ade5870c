import { AppError, resourceRefKey } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { annotationOf, goesByItself, hasHookFinalizer, health, hookDeletePolicies, hookFinalizer, track } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import { fieldManager } from '../field-managers.ts';
import { refOf } from '../live/object-ref.ts';
import { deleteAndWait } from './delete-and-wait.ts';

/** On each hook: the attempt that made it, so that a syncer that was restarted meanwhile doesn't run it twice. */
const runAnnotation = 'plumbline.dev/hook-run';

/** Which run of its hooks an operation is at. */
export type HookRun = Pick<OperationRecord, 'operationId' | 'attempt' | 'stepsCompleted'>;

/** One name for each run: a step of an attempt of an operation. */
export const runOf = ({ operationId, attempt, stepsCompleted }: HookRun): string => `${operationId} ${attempt} ${stepsCompleted}`;

export const isOfThisRun = (live: KubeObject | undefined, operation: HookRun): boolean =>
  live !== undefined && annotationOf(live, runAnnotation) === runOf(operation);

/**
 * The hook as it is made: it says of which application and run it is, and carries the finalizer that keeps it, and with it
 * its result, until that is recorded (argocd-compat B011). Tracked like any object, it goes with its application.
 */
export function markedWithRun(desired: DesiredObject, { instance, operation }: { instance: string; operation: HookRun }): DesiredObject {
  const object = track(desired.object, instance);
  const annotations = { ...object.metadata.annotations, [runAnnotation]: runOf(operation) };
  const finalizers = [...new Set([...(object.metadata.finalizers ?? []), hookFinalizer])];
  return { ...desired, object: { ...object, metadata: { ...object.metadata, annotations, finalizers } } };
}

/** A hook of an earlier run is deleted before this one is made. */
export async function prepareHook(live: KubeObject, kube: KubeClient): Promise<void> {
  await releaseHook(live, kube);
  await deleteAndWait(live, kube);
}

/** Whether what is there of a hook goes before it runs again: unless its policy says that it stays (argocd-compat B009). */
export const isReplaced = (desired: DesiredObject, live: KubeObject | undefined): live is KubeObject =>
  live !== undefined && hookDeletePolicies(desired.object).includes('BeforeHookCreation');

/** Deletes a hook at once: its finalizer is only there to keep its result. */
export async function removeHook(live: KubeObject, kube: KubeClient): Promise<void> {
  const { uid } = live.metadata;
  await releaseHook(live, kube);
  await kube.delete(refOf(live), { propagationPolicy: 'Background', ...(uid === undefined ? {} : { uid }) });
}

/** Takes the hook's finalizer off; nothing, when the object is gone or another one. */
export async function releaseHook(live: KubeObject, kube: KubeClient): Promise<void> {
  const { uid, finalizers = [] } = live.metadata;
  if (!hasHookFinalizer(live)) return;
  try {
    const others = finalizers.filter((finalizer) => finalizer !== hookFinalizer);
    await kube.mergePatch(refOf(live), { metadata: { uid, finalizers: others } }, { fieldManager: fieldManager.objects });
  } catch (error) {
    if (!['not-found', 'conflict'].includes(AppError.from(error).code)) throw error;
  }
}

/**
 * Hooks of this operation whose end is recorded and that still carry the finalizer. Asked at every look, so that a
 * process that was killed in between leaves none behind, where it would keep a namespace from being deleted.
 */
export function heldHooks(operation: OperationRecord, live: (key: string) => KubeObject | undefined): KubeObject[] {
  const held = new Map<string, KubeObject>();
  for (const result of operation.results) {
    if (result.hookType === undefined) continue;
    const key = resourceRefKey(result);
    const now = live(key);
    if (now !== undefined && hasHookFinalizer(now) && isOver(now, operation)) held.set(key, now);
  }
  return [...held.values()];
}

function isOver(hook: KubeObject, { operationId, attempt, stepsCompleted, phase }: OperationRecord): boolean {
  const [id, ofAttempt, ofStep] = (annotationOf(hook, runAnnotation) ?? '').split(' ');
  if (id !== operationId) return false;
  return phase !== 'Running' || Number(ofAttempt) < attempt || Number(ofStep) < stepsCompleted;
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

/** What its own health says of a hook that has failed, as Argo CD's result does; where that says nothing, which health it is. */
export function hookFailure(live: KubeObject | undefined): string {
  if (live === undefined) return 'hook is missing: it might have been deleted before it was done';
  const found = health(live);
  return found?.message || `its health is ${found?.status ?? 'Unknown'}`;
}

/** What its own health says of a hook that has succeeded, as Argo CD's result does; else what was written. */
export function hookSuccess(live: KubeObject | undefined, written: string): string {
  const said = live === undefined ? undefined : health(live)?.message;
  return said === undefined || said === '' ? written : said;
}

/** The hook was made by this operation, in whichever attempt and step. */
export const isOfOperation = (live: KubeObject, { operationId }: Pick<HookRun, 'operationId'>): boolean =>
  annotationOf(live, runAnnotation)?.split(' ')[0] === operationId;

/**
 * Hooks of an operation that has ended which their delete policies remove, as it ended (argocd-compat B009): what another
 * operation made stays. Asked at every look, so that a process that was killed in between leaves none behind.
 */
export function endedHooks(operation: OperationRecord, live: (key: string) => KubeObject | undefined): KubeObject[] {
  if (operation.phase === 'Running' || operation.operation.dryRun === true) return [];
  const policy = operation.phase === 'Succeeded' ? 'HookSucceeded' : 'HookFailed';
  const ended = new Map<string, KubeObject>();
  for (const result of operation.results) {
    if (result.hookType === undefined) continue;
    const key = resourceRefKey(result);
    const now = live(key);
    if (now === undefined || now.metadata.deletionTimestamp !== undefined || !isOfOperation(now, operation)) continue;
    if (hookDeletePolicies(now).includes(policy)) ended.set(key, now);
  }
  return [...ended.values()];
}

/** Whether a hook goes with an operation that is ended before its time: it runs, or it is done and its policy says so (argocd-compat B009, B026). */
export const goesWhenStopped = (live: KubeObject, operation: OperationRecord): boolean =>
  isOfThisRun(live, operation) || (isOfOperation(live, operation) && hookDeletePolicies(live).includes('HookFailed'));
