import { AppError, canonicalJson } from '@plumbline/contracts';
import { isRecord, jsonEqual, own, type JsonRecord } from './json.ts';
import { formatPointer } from './json-pointer.ts';
import type { KubeObject, ManagedFieldsEntry } from './object.ts';

/**
 * FieldsV1 is the server's notation for the set of paths that a field manager owns (structured-merge-diff v4): a tree
 * whose member names are steps.
 *
 *     f:<name>   a field             k:{…}   the list item with these key values
 *     v:<json>   the item of a set with this value          i:<n>   the item at this index
 *     .          beside other members: the thing itself is owned too
 *
 * A step without members is a leaf. What a leaf owns covers everything below it, because the server makes one only for
 * scalars, for atomic maps and lists, and for an empty map or list that was sent.
 */
export type FieldsV1 = JsonRecord;

export type PathStep = { field: string } | { key: JsonRecord } | { value: unknown } | { index: number };

export interface OwnedPath {
  steps: PathStep[];
  /** `everything`: a leaf. `existence`: that it is there (an item of a list, a map with members of its own). */
  owns: 'everything' | 'existence';
}

/** The entry of a manager for the object itself (not for a subresource such as status). */
export function ownEntry(object: KubeObject, manager: string, operation: 'Apply' | 'Update'): ManagedFieldsEntry | undefined {
  return object.metadata.managedFields?.find(
    (entry) => entry.manager === manager && entry.operation === operation && (entry.subresource === undefined || entry.subresource === ''),
  );
}

/** Every path of the set. */
export function pathsOf(fields: FieldsV1): OwnedPath[] {
  const paths: OwnedPath[] = [];
  const walk = (node: unknown, steps: PathStep[]): void => {
    const names = stepNames(node);
    const members = isRecord(node) ? node : {};
    if (names.length === 0 || '.' in members) paths.push({ steps, owns: names.length === 0 ? 'everything' : 'existence' });
    for (const name of names) walk(members[name], [...steps, parseStep(name)]);
  };
  for (const name of stepNames(fields)) walk(fields[name], [parseStep(name)]);
  return paths;
}

/**
 * The values of an object at the paths of a set, by path: `{'f:spec/f:replicas': 3}`. What is not there is not in the
 * answer; where only existence is owned, the value is `true`. Hash `canonicalJson` of it to remember what was there.
 *
 * `sent` is the manifest that was applied. A leaf where it has an empty map or list then owns existence only: the server
 * writes the same leaf for "this map, whatever is in it" (emptyDir: {}) and for an atomic value.
 */
export function valuesAt(object: unknown, fields: FieldsV1, sent?: unknown): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  walkOwned(fields, [object], sent, ({ path, owns, sides }) => {
    sides[0]?.forEach((place, i) => {
      // Twins (two items with the same key, which only other writers can make) are told apart by their order.
      values[i === 0 ? path : `${path}//${i}`] = owns === 'everything' ? place.value : true;
    });
  });
  return values;
}

/**
 * JSON pointers of what differs between two objects within a set of paths, as deep as they go. Places in lists are those
 * of `a`; of `b` where only `b` has the item. `sent` as in `valuesAt`.
 */
export function differingPaths(a: unknown, b: unknown, fields: FieldsV1, sent?: unknown): string[] {
  const differing = new Set<string>();
  walkOwned(fields, [a, b], sent, ({ owns, sides: [inA = [], inB = []] }) => {
    for (const { pointer } of [...inA.slice(inB.length), ...inB.slice(inA.length)]) differing.add(formatPointer(pointer));
    if (owns === 'existence') return;
    inA.slice(0, inB.length).forEach((place, i) => {
      for (const pointer of differences(place.value, inB[i]?.value, place.pointer)) differing.add(formatPointer(pointer));
    });
  });
  return [...differing];
}

export interface OwnedPlace {
  /** Steps of the set, as it writes them. */
  path: readonly string[];
  owns: OwnedPath['owns'];
  /** JSON pointer of where they lead. */
  pointer: string;
}

/** Where the paths of a set lead in an object; `lenient` for a manifest as people write it (it may leave out a port's protocol). */
export function ownedPlaces(object: unknown, fields: FieldsV1, match: 'exact' | 'lenient' = 'exact'): OwnedPlace[] {
  const found: OwnedPlace[] = [];
  const walk = (node: unknown, path: readonly string[], places: readonly Place[]): void => {
    const names = stepNames(node);
    const members = isRecord(node) ? node : {};
    if (path.length > 0 && (names.length === 0 || '.' in members)) {
      const owns = names.length === 0 && !('.' in members) ? 'everything' : 'existence';
      for (const { pointer } of places) found.push({ path, owns, pointer: formatPointer(pointer) });
    }
    for (const name of names) {
      const next = places.flatMap((place) => follow(place, parseStep(name), match));
      if (next.length > 0) walk(members[name], [...path, name], next);
    }
  };
  walk(fields, [], [{ value: object, pointer: [] }]);
  return found;
}

/** Whether a set has this path: itself, or as a part of a leaf above it. */
export function coversPath(fields: FieldsV1, path: readonly string[]): boolean {
  let node: unknown = fields;
  for (const [depth, name] of path.entries()) {
    if (!isRecord(node)) return false;
    if (depth > 0 && Object.keys(node).length === 0) return true;
    if (!Object.hasOwn(node, name)) return false;
    node = node[name];
  }
  return isRecord(node) && (stepNames(node).length === 0 || '.' in node);
}

/** The paths of a set that are wanted, as a set. */
export function subsetOf(fields: FieldsV1, isWanted: (path: readonly string[]) => boolean): FieldsV1 {
  const pick = (node: unknown, path: readonly string[]): FieldsV1 | undefined => {
    const members = isRecord(node) ? node : {};
    const names = stepNames(members);
    const children = names.flatMap((name): [string, FieldsV1][] => {
      const child = pick(members[name], [...path, name]);
      return child === undefined ? [] : [[name, child]];
    });
    const isItself = path.length > 0 && (names.length === 0 || '.' in members) && isWanted(path);
    if (!isItself && children.length === 0) return undefined;
    return Object.fromEntries(isItself && (names.length > 0 || '.' in members) ? [['.', {}], ...children] : children);
  };
  return pick(fields, []) ?? {};
}

/** What is in either set. */
export function unionOf(a: FieldsV1, b: FieldsV1): FieldsV1 {
  const union: FieldsV1 = { ...a };
  for (const [name, node] of Object.entries(b)) {
    const other = own(union, name);
    union[name] = isRecord(other) && isRecord(node) ? unionOf(other, node) : node;
  }
  return union;
}

/** Of an object only what a set owns, with the keys of list items: what its manager would send to own exactly that. */
export function extractOwned(value: unknown, fields: FieldsV1): unknown {
  const names = stepNames(fields);
  if (names.length === 0 && !('.' in fields)) return value;
  const places = names.flatMap((name) => follow({ value, pointer: [] }, parseStep(name)).map((place) => ({ name, step: parseStep(name), place })));
  const inner = ({ name, place }: { name: string; place: Place }): unknown => extractOwned(place.value, isRecord(fields[name]) ? fields[name] : {});
  if (Array.isArray(value)) {
    return places.map((one) => {
      const part = inner(one);
      return 'key' in one.step && isRecord(part) ? { ...one.step.key, ...part } : part;
    });
  }
  if (!isRecord(value)) return value;
  return Object.fromEntries(places.map((one) => [one.name.slice(2), inner(one)]));
}

/** Where two JSON values differ: the deepest members of maps and of lists of the same length. */
export function differences(a: unknown, b: unknown, pointer: readonly (string | number)[] = []): (string | number)[][] {
  if (jsonEqual(a, b)) return [];
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) return a.flatMap((item, i) => differences(item, b[i], [...pointer, i]));
  if (isRecord(a) && isRecord(b))
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => differences(own(a, key), own(b, key), [...pointer, key]));
  return [[...pointer]];
}

interface Place {
  value: unknown;
  pointer: readonly (string | number)[];
}

/** Steps are separated by `/`; one inside a name is written as in a JSON pointer. */
const joined = (path: string, name: string): string => {
  const escaped = /[~/]/.test(name) ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name;
  return path === '' ? escaped : `${path}/${escaped}`;
};

interface OwnedPlaces {
  path: string;
  owns: OwnedPath['owns'];
  /** Of each object, where the path leads in it. */
  sides: Place[][];
}

/** Visits every path of the set that leads somewhere in one of the objects. */
function walkOwned(fields: FieldsV1, objects: readonly unknown[], sent: unknown, visit: (owned: OwnedPlaces) => void): void {
  const walk = (node: unknown, path: string, sides: Place[][], sentPlaces: readonly Place[]): void => {
    const names = stepNames(node);
    const members = isRecord(node) ? node : {};
    if (path !== '' && (names.length === 0 || '.' in members)) {
      const isLeaf = names.length === 0 && !sentPlaces.some((place) => isEmpty(place.value));
      visit({ path, owns: isLeaf ? 'everything' : 'existence', sides });
    }
    for (const name of names) {
      const step = parseStep(name);
      const next = sides.map((places) => places.flatMap((place) => follow(place, step)));
      if (next.every((places) => places.length === 0)) continue;
      const nextSent = sentPlaces.flatMap((place) => follow(place, step, 'lenient'));
      walk(members[name], joined(path, name), next, nextSent);
    }
  };
  const rootOf = (value: unknown): Place[] => (value === undefined ? [] : [{ value, pointer: [] }]);
  walk(fields, '', objects.map(rootOf), rootOf(sent));
}

const stepNames = (node: unknown): string[] => (isRecord(node) ? Object.keys(node).filter((name) => name !== '.') : []);

const isEmpty = (value: unknown): boolean => (Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0);

/** The same few steps come again in every object: parsing `k:` and `v:` JSON once is most of the work saved. */
const parsedSteps = new Map<string, PathStep>();
const parsedStepsMax = 4096;

function parseStep(name: string): PathStep {
  const known = parsedSteps.get(name);
  if (known !== undefined) return known;
  const step = parseStepText(name);
  if (parsedSteps.size < parsedStepsMax) parsedSteps.set(name, step);
  return step;
}

function parseStepText(name: string): PathStep {
  const text = name.slice(2);
  if (name.startsWith('f:')) return { field: text };
  if (name.startsWith('i:') && /^\d+$/.test(text)) return { index: Number(text) };
  try {
    if (name.startsWith('v:')) return { value: JSON.parse(text) as unknown };
    const key: unknown = name.startsWith('k:') ? JSON.parse(text) : undefined;
    if (isRecord(key)) return { key };
  } catch {
    // Not JSON after k: or v:, said below.
  }
  throw new AppError('invalid-argument', `${JSON.stringify(name)} is not a step of a FieldsV1 set (f:, k:, v: or i:)`);
}

/**
 * Where a step leads: nowhere, to one place, or to several (items with the same key). `lenient` is for manifests as
 * people write them: an item may leave out key fields that the server fills in (`protocol` of a port).
 */
function follow(place: Place, step: PathStep, match: 'exact' | 'lenient' = 'exact'): Place[] {
  const { value, pointer } = place;
  if ('field' in step) {
    return isRecord(value) && Object.hasOwn(value, step.field) && value[step.field] !== undefined
      ? [{ value: value[step.field], pointer: [...pointer, step.field] }]
      : [];
  }
  if (!Array.isArray(value)) return [];
  if ('index' in step) return step.index < value.length ? [{ value: value[step.index], pointer: [...pointer, step.index] }] : [];
  return value.flatMap((item: unknown, i) => (isMeant(item, step, match) ? [{ value: item, pointer: [...pointer, i] }] : []));
}

function isMeant(item: unknown, step: { key: JsonRecord } | { value: unknown }, match: 'exact' | 'lenient'): boolean {
  if ('value' in step) return jsonEqual(item, step.value);
  if (!isRecord(item)) return false;
  const fields = Object.keys(step.key);
  if (match === 'exact') return fields.every((field) => jsonEqual(own(item, field), step.key[field]));
  const written = fields.filter((field) => item[field] !== undefined);
  return written.length > 0 && written.every((field) => jsonEqual(own(item, field), step.key[field]));
}

/** Canonical text of a set, for comparing ownership: the server orders members by its own rules. */
export const canonicalFields = (fields: FieldsV1): string => canonicalJson(fields);
