import { canonicalJson } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { canonicalFields, ownEntry, removePointer, valuesAt } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager } from '../field-managers.ts';

/**
 * What the server made of a manifest when it was last applied: while manifest, ownership and the values at the owned
 * paths are the same, applying it again would change nothing. Keyed hashes only, so a memo gives no value away.
 */
export interface Memo {
  uid: string;
  /** Of the desired object. */
  manifest: string;
  /** Of our managedFields entry: its apiVersion and its set of paths. */
  ownership: string;
  /** Of the live values at those paths. */
  values: string;
}

export interface MemoStore {
  get(key: string): Memo | undefined;
  set(key: string, memo: Memo): void;
  delete(key: string): void;
}

/** The memo that this live object would have; undefined when we own nothing of it. */
export function memoOf(desired: DesiredObject, live: KubeObject, keyedHash: (value: string) => string): Memo | undefined {
  const entry = ownEntry(live, fieldManager.objects, 'Apply');
  if (entry?.fieldsV1 === undefined) return undefined;
  const seen = withoutIgnored(live, desired.ignoredPointers);
  return {
    uid: live.metadata.uid ?? '',
    manifest: desired.hash,
    ownership: keyedHash(`${entry.apiVersion ?? ''} ${canonicalFields(entry.fieldsV1)}`),
    values: keyedHash(canonicalJson(valuesAt(seen, entry.fieldsV1, desired.object))),
  };
}

export const sameMemo = (a: Memo, b: Memo): boolean => a.uid === b.uid && a.manifest === b.manifest && a.ownership === b.ownership && a.values === b.values;

export function withoutIgnored(object: KubeObject, pointers: readonly string[]): KubeObject {
  return pointers.reduce((rest, pointer) => removePointer(rest, pointer), object);
}
