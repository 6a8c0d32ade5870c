import type { KubeObject } from '@plumbline/manifests';
import { differences, differingPaths, formatPointer, ownEntry, placeAt, pointerBefore, restrictToManifest } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import type { Seen } from './ignoring.ts';
import { leftBehind } from './left-behind.ts';

export interface Change {
  /** JSON pointers into the live object. */
  fields: string[];
  /** What differs too and is ignored, with the rule that says so. */
  ignored: { field: string; rule: string }[];
}

interface Sides {
  desired: DesiredObject;
  live: KubeObject;
  /** Of the dry run. */
  answer: KubeObject;
}

/**
 * Where the answer of a dry run differs from what is there, at paths that the manifest sets or that we owned until now;
 * and what adopting the object would take away. `seen`: both sides without what is ignored.
 */
export function changeBetween({ desired, live, answer }: Sides, seen: { live: Seen; answer: Seen }): Change {
  const owned = [ownEntry(answer, fieldManager.objects, 'Apply'), ownEntry(live, fieldManager.objects, 'Apply')];
  const between = (before: KubeObject, after: KubeObject): string[] => [
    ...new Set(owned.flatMap((entry) => (entry?.fieldsV1 === undefined ? [] : differingPaths(before, after, entry.fieldsV1, desired.object)))),
  ];
  const places = [...seen.live.places, ...seen.answer.places];
  const abandoned = leftBehind(desired, live, answer);
  if (places.length === 0) return { fields: [...new Set([...between(live, answer), ...abandoned])], ignored: [] };
  const fields = between(seen.live.object, seen.answer.object).map((pointer) => pointerBefore(pointer, live, seen.live.places));
  const kept = abandoned.filter((pointer) => placeAt(pointer, places) === undefined);
  const counted = new Set([...fields, ...kept]);
  const ignored = between(live, answer).flatMap((field) => {
    const place = counted.has(field) ? undefined : placeAt(field, places);
    return place === undefined ? [] : [{ field, rule: place.source }];
  });
  return { fields: [...counted], ignored: ignored.slice(0, limits.fieldsShownMax) };
}

/**
 * Where a live object differs from a manifest that the server refuses, as far as that can be told without it: values
 * that the server writes another way count as different.
 */
export function predictedPaths(manifest: KubeObject, live: KubeObject, seen: Seen): string[] {
  const pointers = differences(restrictToManifest(live, manifest), manifest).map(formatPointer);
  return pointers.filter((pointer) => placeAt(pointer, seen.places) === undefined);
}
