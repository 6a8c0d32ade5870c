import { canonicalJson } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { canonicalFields, isClientSide, nothingIgnored, ownEntry, valuesAt } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager } from '../field-managers.ts';

/**
 * What the server made of a manifest when it was last applied: while manifest, ownership and the values at the owned
 * paths are the same, applying it again would change nothing. Keyed hashes only, so a memo gives no value away.
 */
export interface Memo {
  uid: string;
  /** Of the desired object; with what is ignored of it, and the generation of its kind's schema. */
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

export interface MemoBasis {
  keyedHash(value: string): string;
  /** Generation of the CustomResourceDefinition behind the kind, where there is one and it is known. */
  schema: number | undefined;
}

/** The memo that this live object would have; undefined when we own nothing of it. `seen`: it, without what is ignored. */
export function memoOf(desired: DesiredObject, live: KubeObject, seen: KubeObject, { keyedHash, schema }: MemoBasis): Memo | undefined {
  const entry = ownEntry(live, fieldManager.objects, 'Apply');
  // Ownership says nothing about what is applied client-side, or replaced.
  if (entry?.fieldsV1 === undefined || isClientSide(desired.options) || desired.options.replace) return undefined;
  // Paths in terms of one version say nothing about a document of another.
  const values = isOfVersion(live, entry.apiVersion) ? valuesAt(seen, entry.fieldsV1, desired.object) : contentOf(seen, desired.object);
  return {
    uid: live.metadata.uid ?? '',
    manifest: manifestOf(desired, { keyedHash, schema }),
    ownership: keyedHash(`${entry.apiVersion ?? ''} ${canonicalFields(entry.fieldsV1)}`),
    values: keyedHash(canonicalJson(values)),
  };
}

/**
 * Of an object that is replaced as a whole: which manifest it was made from last, and nothing else. What it owns doesn't say
 * which fields left the manifest: the server's defaults are among them, and what another had written before is not.
 */
export const memoOfReplaced = (desired: DesiredObject, live: KubeObject, basis: MemoBasis): Memo => ({
  uid: live.metadata.uid ?? '',
  manifest: manifestOf(desired, basis),
  ownership: '',
  values: '',
});

/** Not with `Force=true`: an object is not deleted and made anew for a manifest that may mean the same. */
export const isReplacedInPlace = ({ options }: DesiredObject): boolean => options.replace && !options.force;

const manifestOf = (desired: DesiredObject, { keyedHash, schema }: MemoBasis): string =>
  `${basisOf(desired, keyedHash)}${schema === undefined ? '' : `@${schema}`}`;

/**
 * With the rules: an ignored field that somebody else took is none of ours any more, so the values alone would not say
 * that it counts again when its rule goes.
 */
const basisOf = ({ hash, ignored }: DesiredObject, keyedHash: (value: string) => string): string =>
  ignored === nothingIgnored ? hash : `${hash} ${keyedHash(canonicalJson(ignored))}`;

/** Whether a memo is about this very manifest, whatever was ignored of it. */
export const isAboutManifest = (memo: Memo, { hash }: DesiredObject): boolean =>
  ['', ' ', '@'].includes(memo.manifest.slice(hash.length, hash.length + 1)) && memo.manifest.startsWith(hash);

export const sameMemo = (a: Memo, b: Memo): boolean =>
  a.uid === b.uid && isSameBasis(a.manifest, b.manifest) && a.ownership === b.ownership && a.values === b.values;

/** A schema that isn't known (its watch has just begun) is no other schema. */
function isSameBasis(a: string, b: string): boolean {
  const [[manifestA, schemaA], [manifestB, schemaB]] = [a.split('@'), b.split('@')];
  return manifestA === manifestB && (schemaA === undefined || schemaB === undefined || schemaA === schemaB);
}

export const isOfVersion = (object: KubeObject, apiVersion: string | undefined): boolean => apiVersion === undefined || apiVersion === object.apiVersion;

/**
 * What of an object a change of the desired state could show in, whatever the version it is read in: generation, labels
 * and annotations; of a kind without generation everything but what servers and controllers write by themselves.
 */
function contentOf(object: KubeObject, manifest: KubeObject): unknown {
  const { generation, labels = {}, annotations = {} } = object.metadata;
  return generation === undefined ? substanceOf(object, manifest) : { generation, labels, annotations };
}

/** The object without versions, the list of its managers and, unless the manifest sets one, status. */
export function substanceOf(object: KubeObject, manifest: KubeObject): Record<string, unknown> {
  const { status, metadata, ...rest } = object;
  const { managedFields: _managers, resourceVersion: _version, ...kept } = metadata;
  return { ...rest, ...(manifest['status'] === undefined ? {} : { status }), metadata: kept };
}
