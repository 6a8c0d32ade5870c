import type { KubeObject } from '../object.ts';
import { ownedPlaces } from '../fields-v1.ts';
import { isWithin } from './places.ts';

/** Who owns a field, as managedFields tell. */
export interface FieldOwner {
  manager: string;
  operation: 'Apply' | 'Update';
  /** Written through `/scale`, `/status` … */
  subresource?: string;
  /** When this manager last changed something of what it owns. */
  at?: string;
}

/** The owners of each of these fields (JSON pointers into the live object), latest first; of what is below a field, too. */
export function ownersOf(live: KubeObject, pointers: readonly string[]): FieldOwner[][] {
  // In terms of another version most fields are called the same; those that aren't lead nowhere.
  const entries = (live.metadata.managedFields ?? [])
    .filter((entry) => entry.fieldsV1 !== undefined)
    .map((entry) => ({ entry, places: ownedPlaces(live, entry.fieldsV1 ?? {}) }));
  return pointers.map((pointer) =>
    entries
      .filter(({ places }) => places.some((place) => isWithin(place.pointer, pointer) || (place.owns === 'everything' && isWithin(pointer, place.pointer))))
      .map(({ entry: { manager = '', operation = 'Update', subresource, time } }) => ({
        manager,
        operation,
        ...(subresource === undefined || subresource === '' ? {} : { subresource }),
        ...(time === undefined ? {} : { at: time }),
      }))
      .sort((a, b) => (b.at ?? '').localeCompare(a.at ?? '')),
  );
}
