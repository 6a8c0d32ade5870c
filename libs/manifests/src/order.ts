import { annotation, annotationOf } from './annotations.ts';
import { isCustomResourceDefinition, servedByDefinition } from './custom-resource-definition.ts';
import { classify, type HookPhase } from './hooks.ts';
import { groupVersionKind, isNamespace, type KubeObject } from './object.ts';

export type SyncPhaseName = 'PreSync' | 'Sync' | 'PostSync' | 'SyncFail';

/** One step of a sync. Within it prunes go first; the next step waits until this one is healthy. */
export interface Step {
  phase: SyncPhaseName;
  wave: number;
  /** To apply, in this order. */
  objects: PlannedObject[];
  /** Live objects to delete, in this order. */
  prune: KubeObject[];
  /** Sync wave of these objects; `last`: those that want to go after everything else, of any wave. */
  prunes?: number | 'last';
}

export interface PlannedObject {
  object: KubeObject;
  isHook: boolean;
}

export interface PlanOptions {
  /** Live objects that are no longer wanted. */
  prune?: readonly KubeObject[];
  /** Phases in which a hook runs, where they are fewer than it names. Default: all that it names. */
  phasesOf?(hook: KubeObject): readonly HookPhase[] | undefined;
  /** The application, or this object, wants its prunes after everything else. */
  isPrunedLast?(object: KubeObject): boolean;
}

const phaseOrder: Readonly<Record<SyncPhaseName, number>> = { PreSync: -1, Sync: 0, PostSync: 1, SyncFail: 2 };

const isSyncPhase = (phase: string): phase is SyncPhaseName => phase in phaseOrder;

/** What others need comes first (Helm's install order; B002). Kinds that are not named here come last. */
const kindOrder: ReadonlyMap<string, number> = new Map(
  [
    ...['Namespace', 'NetworkPolicy', 'ResourceQuota', 'LimitRange', 'PodSecurityPolicy', 'PodDisruptionBudget', 'ServiceAccount'],
    ...['Secret', 'SecretList', 'ConfigMap', 'StorageClass', 'PersistentVolume', 'PersistentVolumeClaim', 'CustomResourceDefinition'],
    ...['ClusterRole', 'ClusterRoleList', 'ClusterRoleBinding', 'ClusterRoleBindingList', 'Role', 'RoleList', 'RoleBinding', 'RoleBindingList'],
    ...['Service', 'DaemonSet', 'Pod', 'ReplicationController', 'ReplicaSet', 'Deployment', 'HorizontalPodAutoscaler', 'StatefulSet'],
    ...['Job', 'CronJob', 'IngressClass', 'Ingress', 'APIService'],
  ].map((kind, place) => [kind, place]),
);

/** The wave of an object: a whole number, negative allowed; the Helm hook weight when there is none (B004). */
export function syncWave(object: KubeObject): number {
  return wholeNumber(annotationOf(object, annotation.syncWave)) ?? wholeNumber(annotationOf(object, annotation.helmHookWeight)) ?? 0;
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^[+-]?\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}

/** Kind order, then name, then namespace and group: a total order, so that a plan is the same at every run. */
export function compareObjects(a: KubeObject, b: KubeObject): number {
  return (
    (kindOrder.get(a.kind) ?? kindOrder.size) - (kindOrder.get(b.kind) ?? kindOrder.size) ||
    compareText(a.metadata.name, b.metadata.name) ||
    compareText(a.kind, b.kind) ||
    compareText(a.metadata.namespace ?? '', b.metadata.namespace ?? '') ||
    compareText(groupVersionKind(a).group, groupVersionKind(b).group)
  );
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

interface Task {
  phase: SyncPhaseName;
  wave: number;
  planned: PlannedObject;
}

/**
 * The steps of a sync, in order: by phase, then wave (B001). Hooks are in every phase that they name; ignored objects and
 * hooks of a deletion are left out. A Namespace or CustomResourceDefinition moves up into the step of the first object
 * that needs it (B003). Prunes belong to the Sync phase, in reversed waves (B020).
 */
export function planSteps(objects: readonly KubeObject[], options: PlanOptions = {}): Step[] {
  const tasks = objects.flatMap((object) => tasksOf(object, options));
  const needs = firstNeeds(tasks);
  const steps = new Map<string, Step>();
  const stepAt = (phase: SyncPhaseName, wave: number): Step => {
    const key = `${phase} ${wave}`;
    const step = steps.get(key) ?? { phase, wave, objects: [], prune: [] };
    steps.set(key, step);
    return step;
  };
  for (const task of tasks) {
    const first = dependencyKeys(task.planned.object)
      .flatMap((key) => needs.get(key) ?? [])
      .sort(compareTasks)[0];
    const at = first !== undefined && compareTasks(first, task) < 0 ? first : task;
    stepAt(at.phase, at.wave).objects.push(task.planned);
  }
  const pruned = pruneWaves(options.prune ?? []);
  let lastWave = 0;
  for (const task of tasks) if (task.phase === 'Sync') lastWave = Math.max(lastWave, task.wave);
  for (const { wave } of pruned) lastWave = Math.max(lastWave, wave);
  for (const { object, wave } of pruned) {
    const isLast = options.isPrunedLast?.(object) === true;
    const step = stepAt('Sync', isLast ? lastWave + 1 : wave);
    step.prune.push(object);
    step.prunes = isLast ? 'last' : syncWave(object);
  }
  const ordered = [...steps.values()].sort(compareTasks);
  for (const step of ordered) {
    step.objects.sort((a, b) => compareWithDependencies(a.object, b.object));
    step.prune.sort((a, b) => compareObjects(b, a));
  }
  return ordered;
}

function tasksOf(object: KubeObject, { phasesOf }: PlanOptions): Task[] {
  const is = classify(object);
  const wave = syncWave(object);
  if (is.type === 'resource') return [{ phase: 'Sync', wave, planned: { object, isHook: false } }];
  if (is.type !== 'hook') return [];
  return (phasesOf?.(object) ?? is.phases).filter(isSyncPhase).map((phase) => ({ phase, wave, planned: { object, isHook: true } }));
}

const compareTasks = (a: { phase: SyncPhaseName; wave: number }, b: { phase: SyncPhaseName; wave: number }): number =>
  phaseOrder[a.phase] - phaseOrder[b.phase] || a.wave - b.wave;

/** What an object provides to others: a namespace to live in, a kind to be of. */
function dependencyKeys(object: KubeObject): string[] {
  if (isNamespace(object)) return [`namespace ${object.metadata.name}`];
  const served = isCustomResourceDefinition(object) ? servedByDefinition(object) : undefined;
  return served === undefined ? [] : [`kind ${served.group}/${served.kind}`];
}

/** Of each thing provided, the first task that needs it. */
function firstNeeds(tasks: readonly Task[]): Map<string, Task> {
  const first = new Map<string, Task>();
  for (const task of tasks) {
    const { object } = task.planned;
    const { group, kind } = groupVersionKind(object);
    const needed = [`kind ${group}/${kind}`];
    if (object.metadata.namespace !== undefined) needed.push(`namespace ${object.metadata.namespace}`);
    for (const key of needed) {
      const known = first.get(key);
      if (known === undefined || compareTasks(task, known) < 0) first.set(key, task);
    }
  }
  return first;
}

/** In one step, definitions go before everything but namespaces: a custom kind may be called like a built-in one ("Service" of Knative). */
function compareWithDependencies(a: KubeObject, b: KubeObject): number {
  return rank(a) - rank(b) || compareObjects(a, b);
}

function rank(object: KubeObject): number {
  if (dependencyKeys(object).length === 0) return 2;
  return isCustomResourceDefinition(object) ? 1 : 0;
}

/** Symmetric swap over the distinct waves: what was made last goes first. */
function pruneWaves(objects: readonly KubeObject[]): { object: KubeObject; wave: number }[] {
  const waves = [...new Set(objects.map(syncWave))].sort((a, b) => a - b);
  const reversed = new Map(waves.map((wave, i) => [wave, waves.at(-1 - i) ?? wave]));
  return objects.map((object) => ({ object, wave: reversed.get(syncWave(object)) ?? 0 }));
}
