import { resourceRefKey } from './events/application.ts';
import type { ResourceComparison, ResourceRef } from './events/application.ts';

/** What a comparison found other than the one before: objects, and the keys of those that belong to it no more. */
export interface ResourceChanges<T extends ResourceRef = ResourceComparison> {
  resources: readonly T[];
  gone?: readonly string[] | undefined;
}

/** By key, as Argo CD orders `status.resources`: the same objects make the same list, whatever was told of them in which order. */
export function sortedByKey<T extends ResourceRef>(resources: readonly T[]): T[] {
  const keyed = resources.map((resource) => [resourceRefKey(resource), resource] as const);
  return keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, resource]) => resource);
}

/** The list after the changes, sorted. */
export function mergeResources<T extends ResourceRef>(known: readonly T[], { resources, gone = [] }: ResourceChanges<T>): T[] {
  const merged = new Map(known.map((resource) => [resourceRefKey(resource), resource]));
  for (const key of gone) merged.delete(key);
  for (const resource of resources) merged.set(resourceRefKey(resource), resource);
  return sortedByKey([...merged.values()]);
}

/** What made `now` of `known`; nothing of either when they say the same. */
export function resourceChanges(known: readonly ResourceComparison[], now: readonly ResourceComparison[]): { resources: ResourceComparison[]; gone: string[] } {
  const left = new Map(known.map((resource) => [resourceRefKey(resource), resource]));
  const resources = now.filter((resource) => {
    const key = resourceRefKey(resource);
    const before = left.get(key);
    left.delete(key);
    return before === undefined || !isSame(before, resource);
  });
  return { resources, gone: [...left.keys()] };
}

/** A new field of a comparison that is missing here does not compile. */
const fields = Object.keys({
  group: true,
  version: true,
  kind: true,
  namespace: true,
  name: true,
  status: true,
  requiresPruning: true,
  hook: true,
  syncWave: true,
  missing: true,
  finished: true,
  requiresDeletionConfirmation: true,
} satisfies Record<keyof ResourceComparison, true>) as (keyof ResourceComparison)[];

const isSame = (a: ResourceComparison, b: ResourceComparison): boolean => fields.every((field) => a[field] === b[field]);
