import type { FieldsV1, KubeObject } from '@plumbline/manifests';
import { annotation, annotationOf, coversPath, formatPointer, isWithin, ownedPlaces, ownEntry, restrictToManifest } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager, isAdoptable, isOwnUpdate } from '../field-managers.ts';

/**
 * Fields that a former tool put there and the manifest no longer has: they go when the object is adopted. `answer` is
 * what an apply would make of the object. Known exactly where the tool applied server-side, or left kubectl's note of
 * what it applied; nothing is guessed of others, whose entries hold defaults as well.
 */
export function leftBehind({ object: manifest, adopts }: Pick<DesiredObject, 'object' | 'adopts'>, live: KubeObject, answer: KubeObject): string[] {
  const entries = live.metadata.managedFields ?? [];
  // What we wrote client-side ourselves becomes ours whatever is adopted, and again after an option was changed to and fro.
  const isOwn = entries.some(isOwnUpdate);
  if (!isOwn && (adopts === false || ownEntry(live, fieldManager.objects, 'Apply') !== undefined)) return [];
  const ours = ownEntry(answer, fieldManager.objects, 'Apply')?.fieldsV1 ?? {};
  const others = entries.filter((entry) => !isAdoptable(entry, adopts)).map((entry) => entry.fieldsV1 ?? {});
  const isOnlyTheirs = (path: readonly string[]): boolean => ![ours, ...others].some((fields: FieldsV1) => coversPath(fields, path));
  const applied = entries
    .filter((entry) => isAdoptable(entry, adopts) && entry.operation === 'Apply' && entry.fieldsV1 !== undefined)
    .flatMap((entry) => ownedPlaces(live, entry.fieldsV1 ?? {}))
    .filter(({ path, owns }) => owns === 'everything' && isOnlyTheirs(path))
    .map(({ pointer }) => pointer);
  return [...new Set([...applied, ...noted(manifest, live)])];
}

/** What kubectl's note has and the manifest does not. */
function noted(manifest: KubeObject, live: KubeObject): string[] {
  const text = annotationOf(live, annotation.lastApplied);
  if (text === undefined) return [];
  let applied: unknown;
  try {
    applied = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof applied !== 'object' || applied === null || !('metadata' in applied)) return [];
  const note = applied as KubeObject;
  return missingIn(restrictToManifest(note, manifest), note, [])
    .map(formatPointer)
    .filter((pointer) => !unimportant.some((one) => isWithin(pointer, one)));
}

/** Pointers of what `all` has and `part` does not. Items of lists are matched by name, as lists of another order mean the same. */
function missingIn(part: unknown, all: unknown, pointer: readonly (string | number)[]): (string | number)[][] {
  if (Array.isArray(all) && Array.isArray(part)) {
    if (part.length < all.length) return [[...pointer]];
    const named = new Map(part.filter(isMap).map((item) => [item['name'], item]));
    return all.flatMap((item: unknown, index) => (isMap(item) && named.has(item['name']) ? missingIn(named.get(item['name']), item, [...pointer, index]) : []));
  }
  if (!isMap(all) || !isMap(part)) return [];
  return Object.entries(all).flatMap(([field, value]) =>
    Object.hasOwn(part, field) ? missingIn(part[field], value, [...pointer, field]) : [[...pointer, field]],
  );
}

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** kubectl's note has empty maps and the namespace whether or not the manifest has them; its own annotations are its affair. */
const unimportant: readonly string[] = ['/metadata/annotations', '/metadata/namespace', '/metadata/creationTimestamp', '/status', '/stringData'];
