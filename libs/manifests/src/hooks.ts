import { annotation, annotationCsv, annotationOf, hookFinalizer } from './annotations.ts';
import type { KubeObject } from './object.ts';

export type HookPhase = 'PreSync' | 'Sync' | 'PostSync' | 'SyncFail' | 'PreDelete' | 'PostDelete';
export type HookDeletePolicy = 'HookSucceeded' | 'HookFailed' | 'BeforeHookCreation';

/**
 * What a manifest is to a sync (Argo CD's rules, B005–B007):
 * - `resource`: applied, compared, pruned;
 * - `hook`: run in these phases, not compared;
 * - `ignored`: names only hooks that nobody runs (Helm's test hooks, a typing error): neither applied nor compared;
 * - `skip`: says `Skip`: never applied, not compared.
 */
export type Classification = { type: 'resource' } | { type: 'hook'; phases: HookPhase[] } | { type: 'ignored' } | { type: 'skip' };

const hookPhases: readonly string[] = ['PreSync', 'Sync', 'PostSync', 'SyncFail', 'PreDelete', 'PostDelete'] satisfies HookPhase[];

/** Install and upgrade are not told apart: both run at each sync. */
const helmHookPhases: Readonly<Record<string, HookPhase>> = {
  'pre-install': 'PreSync',
  'pre-upgrade': 'PreSync',
  'post-install': 'PostSync',
  'post-upgrade': 'PostSync',
  'pre-delete': 'PreDelete',
  'post-delete': 'PostDelete',
};

export function classify(object: KubeObject): Classification {
  const declared = annotationOf(object, annotation.hook) !== undefined;
  if (!declared && !isHelmHook(object)) return { type: 'resource' };
  const named = annotationCsv(object, annotation.hook);
  const phases = named.filter((name): name is HookPhase => hookPhases.includes(name));
  if (phases.length > 0) return { type: 'hook', phases };
  if (named.includes('Skip')) return { type: 'skip' };
  const fromHelm = new Set(annotationCsv(object, annotation.helmHook).flatMap((name) => helmHookPhases[name] ?? []));
  return fromHelm.size > 0 ? { type: 'hook', phases: [...fromHelm] } : { type: 'ignored' };
}

/** `crd-install` marks an ordinary resource: Helm 3 has no such hook. */
function isHelmHook(object: KubeObject): boolean {
  const value = annotationOf(object, annotation.helmHook);
  return value !== undefined && value !== 'crd-install';
}

const helmDeletePolicies: Readonly<Record<string, HookDeletePolicy>> = {
  'before-hook-creation': 'BeforeHookCreation',
  'hook-succeeded': 'HookSucceeded',
  'hook-failed': 'HookFailed',
};

/** When a hook's object goes away: the union of both annotations, BeforeHookCreation when neither says anything (B008). */
export function hookDeletePolicies(object: KubeObject): HookDeletePolicy[] {
  const known: readonly string[] = Object.values(helmDeletePolicies);
  const policies = new Set([
    ...annotationCsv(object, annotation.hookDeletePolicy).filter((name): name is HookDeletePolicy => known.includes(name)),
    ...annotationCsv(object, annotation.helmHookDeletePolicy).flatMap((name) => helmDeletePolicies[name] ?? []),
  ]);
  return policies.size > 0 ? [...policies] : ['BeforeHookCreation'];
}

/** Name of a hook that has only a generateName: the same run of the same operation always makes the same name (B010). */
export function hookName(generateName: string, run: { revision: string; phase: HookPhase; startedAtMs: number }): string {
  return `${generateName}${run.revision.slice(0, 7)}-${run.phase}-${Math.floor(run.startedAtMs / 1000)}`.toLowerCase();
}

/** A Job that the cluster removes once it has finished. */
export const goesByItself = (object: KubeObject): boolean =>
  (object['spec'] as { ttlSecondsAfterFinished?: number } | undefined)?.ttlSecondsAfterFinished !== undefined;

export const hasHookFinalizer = (object: KubeObject): boolean => object.metadata.finalizers?.includes(hookFinalizer) === true;
