import type { ResourceResult } from '@plumbline/contracts';
import type { KubeObject, Step } from '@plumbline/manifests';
import { applicationSyncOptions, health, planSteps, resourceIdOf, resourceKey, resourceSyncOptions } from '@plumbline/manifests';
import type { DesiredObject, DesiredState } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import { hookOutcome } from './hooks.ts';

/** The steps of an operation over these objects; the same input makes the same plan after a restart. */
export function planOf(operation: OperationRecord, desired: DesiredState, extra: readonly KubeObject[]): Step[] {
  const { resources, syncStrategy, syncOptions } = operation.operation;
  const options = applicationSyncOptions(syncOptions);
  const isPartial = resources !== undefined;
  const isSelected = (object: KubeObject): boolean => {
    const { group, kind, namespace, name } = resourceIdOf(object);
    return (
      resources === undefined ||
      resources.some((one) => (one.group ?? '') === group && one.kind === kind && one.name === name && (one.namespace ?? namespace) === namespace)
    );
  };
  // Hooks belong to whole syncs (Argo CD; argocd-compat B027).
  const withHooks = !isPartial && syncStrategy?.apply === undefined;
  const objects = desired.objects.filter((one) => (one.kind === 'hook' ? withHooks : isSelected(one.object))).map(({ object }) => object);
  const steps = planSteps(objects, { prune: extra.filter(isSelected), isPrunedLast: (object) => resourceSyncOptions(object, options).pruneLast });
  return steps.filter((step) => step.phase !== 'SyncFail');
}

export const stepHeads = (steps: readonly Step[]): { phase: Step['phase']; wave: number; resources: number }[] =>
  steps.map(({ phase, wave, objects, prune }) => ({ phase, wave, resources: objects.length + prune.length }));

/** A plan that changed under a running operation (objects went meanwhile) is started again rather than guessed at. */
export function fitsPlan(operation: OperationRecord, steps: readonly Step[]): boolean {
  return (
    operation.steps.length === steps.length && operation.steps.every((head, index) => head.phase === steps[index]!.phase && head.wave === steps[index]!.wave)
  );
}

export type Progress = { state: 'waiting' } | { state: 'done'; results: ResourceResult[] };

/**
 * Whether an applied step is over: its hooks have ended, and, when more steps follow, its objects are healthy and its
 * prunes gone. A degraded object or a failed hook fails the step.
 */
export function progressOf(step: Step, results: readonly ResourceResult[], isLast: boolean, live: (key: string) => KubeObject | undefined): Progress {
  const byKey = new Map(results.map((result) => [`${result.group}/${result.kind}/${result.namespace}/${result.name}`, result]));
  let isWaiting = false;
  const ended = new Map<string, ResourceResult>();
  for (const { object, isHook } of step.objects) {
    const key = resourceKey(resourceIdOf(object));
    const result = byKey.get(key);
    if (result === undefined) continue;
    if (isHook) {
      const outcome = hookOutcome(live(key));
      if (outcome === 'running') isWaiting = true;
      else if (outcome === 'failed')
        ended.set(key, { ...result, status: 'SyncFailed', hookPhase: 'Failed', message: `hook failed: ${health(live(key)!)?.message ?? 'degraded'}` });
      else ended.set(key, { ...result, hookPhase: 'Succeeded' });
    } else if (!isLast) {
      const now = live(key);
      const found = now === undefined ? undefined : health(now);
      if (now === undefined) ended.set(key, { ...result, status: 'SyncFailed', message: 'it is missing: it might have been deleted during the sync' });
      else if (found?.status === 'Degraded')
        ended.set(key, { ...result, status: 'SyncFailed', message: `it is degraded: ${found.message ?? 'no reason given'}` });
      else if (found !== undefined && found.status !== 'Healthy') isWaiting = true;
    }
  }
  if (!isLast && step.prune.some((object) => live(resourceKey(resourceIdOf(object)))?.metadata.uid === object.metadata.uid && wasPruned(object, byKey)))
    isWaiting = true;
  const isFailed = [...ended.values()].some((result) => result.status === 'SyncFailed');
  if (isWaiting && !isFailed) return { state: 'waiting' };
  return { state: 'done', results: results.map((result) => ended.get(`${result.group}/${result.kind}/${result.namespace}/${result.name}`) ?? result) };
}

const wasPruned = (object: KubeObject, results: ReadonlyMap<string, ResourceResult>): boolean =>
  results.get(resourceKey(resourceIdOf(object)))?.status === 'Pruned';

/** Finds the desired object again by which a plan's object was made. */
export function desiredIndex(desired: DesiredState): (object: KubeObject) => DesiredObject {
  const index = new Map(desired.objects.map((one) => [one.object, one]));
  return (object) => index.get(object)!;
}
