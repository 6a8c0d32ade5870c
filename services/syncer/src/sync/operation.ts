import type { ResourceResult, SyncStepHead } from '@plumbline/contracts';
import { resourceRefKey } from '@plumbline/contracts';
import type { ApplicationSyncOptions, Health, KubeObject, Step } from '@plumbline/manifests';
import {
  applicationHealth,
  applicationSyncOptions,
  goesByItself,
  hookName,
  ignoresHealth,
  isClientSide,
  planSteps,
  resourceIdOf,
  resourceKey,
  resourceSyncOptions,
} from '@plumbline/manifests';
import type { DesiredObject, DesiredState } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import type { SyncSettings } from '../settings/sync-settings.ts';
import { awaitedHealth } from './awaited-health.ts';
import { hookFailure, hookOutcome, hookSuccess } from './hooks.ts';

/**
 * Hooks that have a generateName become one object for each phase that they name, with the name that this operation gives
 * it, the same at every look (argocd-compat B010): server-side apply needs one, and a restart has to find them again.
 */
export function withNamedHooks(desired: DesiredState, operation: Pick<OperationRecord, 'revision' | 'requestedAt'>): DesiredState {
  const isNameless = ({ kind, object }: DesiredObject): boolean => kind === 'hook' && object.metadata.name === '' && object.metadata.generateName !== undefined;
  if (!desired.objects.some(isNameless)) return desired;
  const { revision, requestedAt } = operation;
  const objects = desired.objects.flatMap((one) => {
    if (!isNameless(one)) return [one];
    const { generateName = '', ...metadata } = one.object.metadata;
    return one.hookPhases.map((phase): DesiredObject => {
      const name = hookName(generateName, { revision, phase, startedAtMs: Date.parse(requestedAt) });
      const object: KubeObject = { ...one.object, metadata: { ...metadata, name } };
      return { ...one, object, key: resourceKey(resourceIdOf(object)), hookPhases: [phase] };
    });
  });
  return { ...desired, objects };
}

export interface Plan {
  steps: Step[];
  /** The SyncFail phase: done when one of the steps fails (argocd-compat B024). */
  onFailure: Step[];
}

/** The steps of an operation over these objects; the same input makes the same plan after a restart. */
export function planOf(operation: OperationRecord, desired: DesiredState, extra: readonly KubeObject[]): Plan {
  const { resources, syncStrategy, syncOptions, dryRun } = operation.operation;
  const options = applicationSyncOptions(syncOptions);
  const isPartial = resources !== undefined;
  const isSelected = selectionOf(operation);
  // Hooks belong to whole syncs (Argo CD; argocd-compat B027).
  const withHooks = !isPartial && syncStrategy?.apply === undefined;
  const planned = desired.objects.filter((one) => (one.kind === 'hook' ? withHooks : isSelected(one.object)));
  const hookPhases = new Map(planned.map((one) => [one.object, one.hookPhases]));
  const steps = planSteps(
    planned.map(({ object }) => object),
    {
      phasesOf: (hook) => hookPhases.get(hook),
      prune: extra.filter(isSelected),
      isPrunedLast: (object) => resourceSyncOptions(object, options).pruneLast,
    },
  );
  return {
    steps: steps.filter((step) => step.phase !== 'SyncFail'),
    onFailure: dryRun === true ? [] : steps.filter((step) => step.phase === 'SyncFail'),
  };
}

/** Whether an operation is about an object: all of them, unless it names some. */
function selectionOf({ operation: { resources } }: OperationRecord): (object: KubeObject) => boolean {
  return (object) => {
    const { group, kind, namespace, name } = resourceIdOf(object);
    return (
      resources === undefined ||
      resources.some((one) => (one.group ?? '') === group && one.kind === kind && one.name === name && (one.namespace ?? namespace) === namespace)
    );
  };
}

export const stepHeads = (steps: readonly Step[]): SyncStepHead[] =>
  steps.map(({ phase, wave, objects, prune, prunes }) => ({
    phase,
    wave,
    resources: objects.length + prune.length,
    ...(prunes === undefined ? {} : { prunes }),
  }));

/**
 * The recorded steps with what is still to be done in each: objects that were pruned are gone from a new plan, and their
 * steps with them. In which step an object is pruned is as recorded, since reversed waves depend on all objects that were
 * to be pruned at first; what nobody planned goes with the last step. Undefined when the new plan has objects in a step
 * that was not recorded: then the sync starts again.
 */
export function followPlan(operation: OperationRecord, plan: Plan): Step[] | undefined {
  const planned = operation.failing === undefined ? plan.steps : plan.onFailure;
  const nameOf = ({ phase, wave }: Pick<Step, 'phase' | 'wave'>): string => `${phase} ${wave}`;
  const recorded = new Set(operation.steps.map(nameOf));
  if (planned.some((step) => step.objects.length > 0 && !recorded.has(nameOf(step)))) return undefined;
  const byName = new Map(planned.map((step) => [nameOf(step), step]));
  const steps = operation.steps.map(({ phase, wave, prunes }): Step => {
    const prune = prunes === undefined ? [] : planned.filter((step) => step.prunes === prunes).flatMap((step) => step.prune);
    return { phase, wave, objects: byName.get(nameOf({ phase, wave }))?.objects ?? [], prune };
  });
  const placed = new Set(steps.flatMap(({ prune }) => prune));
  steps.at(-1)?.prune.push(...planned.flatMap(({ prune }) => prune).filter((object) => !placed.has(object)));
  return steps;
}

export type Progress = { state: 'waiting' } | { state: 'done'; results: ResourceResult[] };

/**
 * Whether an applied step is over: its hooks have ended, and, when more steps follow, its objects are healthy and its
 * prunes gone. A degraded object or a failed hook fails the step.
 */
export function progressOf(
  step: Step,
  results: readonly ResourceResult[],
  isLast: boolean,
  { live, settings }: { live(key: string): KubeObject | undefined; settings: SyncSettings },
): Progress {
  const byKey = new Map(results.map((result) => [resourceRefKey(result), result]));
  let isWaiting = false;
  const ended = new Map<string, ResourceResult>();
  for (const { object, isHook } of step.objects) {
    const key = resourceKey(resourceIdOf(object));
    const result = byKey.get(key);
    if (result === undefined) continue;
    if (isHook) {
      const outcome = hookOutcome(object, live(key));
      if (outcome === 'running') isWaiting = true;
      else if (outcome === 'failed') ended.set(key, { ...result, status: 'SyncFailed', hookPhase: 'Failed', message: hookFailure(live(key)) });
      else ended.set(key, { ...result, hookPhase: 'Succeeded', message: hookSuccess(live(key), result.message) });
    } else if (!isLast) {
      const now = live(key);
      const found = now === undefined ? undefined : awaitedHealth(now, settings);
      if (now === undefined && goesByItself(object)) continue;
      if (now === undefined) ended.set(key, { ...result, status: 'SyncFailed', message: 'it is missing: it might have been deleted during the sync' });
      else if (found?.status === 'Degraded')
        ended.set(key, { ...result, status: 'SyncFailed', message: `it is degraded: ${found.message ?? 'no reason given'}` });
      else if (found !== undefined && found.status !== 'Healthy') isWaiting = true;
    }
  }
  if (!isLast && results.some((result) => result.status === 'Pruned' && live(resourceRefKey(result)) !== undefined)) isWaiting = true;
  const isFailed = [...ended.values()].some((result) => result.status === 'SyncFailed');
  if (isWaiting && !isFailed) return { state: 'waiting' };
  return { state: 'done', results: results.map((result) => ended.get(resourceRefKey(result)) ?? result) };
}

/** Health of what an operation applied, all of it or the resources that it was about; what is missing counts as Missing. */
export function appliedHealth(
  operation: OperationRecord,
  desired: DesiredState,
  { live, settings }: { live(key: string): KubeObject | undefined; settings: SyncSettings },
): Health {
  const isSelected = selectionOf(operation);
  const judged = [...desired.byKey.values()].flatMap(({ key, object }) => {
    if (!isSelected(object)) return [];
    const now = live(key);
    if (now === undefined ? goesByItself(object) : ignoresHealth(now)) return [];
    const found = now === undefined ? { status: 'Missing' as const, message: 'it is not there' } : awaitedHealth(now, settings);
    return [{ ...resourceIdOf(object), isLive: true, health: found }];
  });
  return applicationHealth(judged);
}

/** Finds the desired object again by which a plan's object was made, with the options of this operation. */
export function desiredIndex(desired: DesiredState, options: ApplicationSyncOptions): (object: KubeObject) => DesiredObject {
  const index = new Map(
    desired.objects.map((one) => {
      const own = resourceSyncOptions(one.object, options);
      return [one.object, { ...one, options: own, adopts: isClientSide(own) || own.replace ? (false as const) : one.adopts }];
    }),
  );
  return (object) => index.get(object)!;
}
