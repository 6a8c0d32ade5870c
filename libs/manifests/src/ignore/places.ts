import { formatPointer, getPointer, parsePointer, removePointer, replacePointer } from '../json-pointer.ts';
import { isRecord } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ownedPlaces, type FieldsV1 } from '../fields-v1.ts';
import type { Ignored } from './rules.ts';

/** A place in one object that is not compared, and the rule that says so. */
export interface IgnoredPlace {
  pointer: string;
  source: string;
}

/**
 * Where pointers and managers' fields lead in an object. `live` says what the managers own; the fields that tell the
 * items of a list apart stay, or nobody could say which item is meant. `lenient`: the object is a manifest.
 */
export function ignoredPlaces(object: KubeObject, ignored: Ignored, live: KubeObject, match: 'exact' | 'lenient' = 'exact'): IgnoredPlace[] {
  const pointed = ignored.pointers.filter(({ pointer }) => getPointer(object, pointer) !== undefined);
  const managed = ignored.managers.flatMap(({ manager, source }) =>
    (live.metadata.managedFields ?? [])
      .filter((entry) => entry.manager === manager && entry.fieldsV1 !== undefined)
      .flatMap((entry) => ownedPlaces(object, entry.fieldsV1 ?? {}, match))
      .filter(({ path, owns }) => owns === 'everything' && !isKeyField(path))
      .map(({ pointer }) => ({ pointer, source })),
  );
  return [...pointed, ...managed];
}

/** `k:{"name":"web"}` / `f:name`: part of what the item is called. */
function isKeyField(path: readonly string[]): boolean {
  const [item = '', field = ''] = path.slice(-2);
  if (!item.startsWith('k:')) return false;
  const key: unknown = JSON.parse(item.slice(2));
  return isRecord(key) && Object.hasOwn(key, field.slice(2));
}

/** The paths that jq answers to `path(…)`, as pointers into this object: negative places and slices made plain. */
export function pointersOfJqPaths(object: KubeObject, paths: readonly unknown[]): string[] {
  return paths.flatMap((path) => (Array.isArray(path) && path.length > 0 ? expanded(object, path, []) : []));
}

function expanded(value: unknown, [step, ...rest]: readonly unknown[], pointer: readonly (string | number)[]): string[] {
  if (step === undefined) return [formatPointer(pointer)];
  const into = (token: string | number, member: unknown): string[] => (member === undefined ? [] : expanded(member, rest, [...pointer, token]));
  if (Array.isArray(value)) {
    if (typeof step === 'number') return into(step < 0 ? value.length + step : step, value.at(step));
    if (!isRecord(step)) return [];
    const { start, end } = step;
    const from = typeof start === 'number' ? start : 0;
    const indexes = [...value.keys()].slice(from, typeof end === 'number' ? end : undefined);
    // What follows a slice is a place in the slice.
    const [inSlice, ...after] = rest;
    if (inSlice === undefined) return indexes.map((index) => formatPointer([...pointer, index]));
    const index = typeof inSlice === 'number' ? indexes.at(inSlice) : undefined;
    return index === undefined ? [] : expanded(value[index], after, [...pointer, index]);
  }
  return isRecord(value) && typeof step === 'string' && Object.hasOwn(value, step) ? into(step, value[step]) : [];
}

/** A copy without all these places, each meant as it is before any of them goes. */
export function withoutPlaces<T>(document: T, places: readonly { pointer: string }[]): T {
  const pointers = [...new Set(places.map(({ pointer }) => pointer))];
  return pointers.sort(lastFirst).reduce((rest, pointer) => removePointer(rest, pointer), document);
}

/**
 * A manifest with what is ignored as it is in the live object, where `owned` (the set of paths that we own there) has it,
 * and without it elsewhere: what an apply sends that is to leave ignored fields alone.
 */
export function withLiveValues(manifest: KubeObject, places: readonly { pointer: string }[], live: KubeObject, owned: FieldsV1): KubeObject {
  const valueOf = new Map(ownedPlaces(live, owned).map(({ path, pointer }) => [path.join(' '), getPointer(live, pointer)]));
  let kept = manifest;
  const held = new Set<string>();
  for (const { path, pointer, owns } of ownedPlaces(manifest, owned, 'lenient')) {
    const place = places.find((one) => isWithin(pointer, one.pointer));
    if (place === undefined || owns === 'existence') continue;
    held.add(place.pointer);
    kept = replacePointer(kept, pointer, valueOf.get(path.join(' ')));
  }
  return withoutPlaces(
    kept,
    places.filter(({ pointer }) => !held.has(pointer)),
  );
}

/**
 * A manifest with places of the live object as they are there, and without its own places that the live object has not.
 * Items of lists are found by their name; of lists without names nothing is taken.
 */
export function withPlacesOf(manifest: KubeObject, own: readonly { pointer: string }[], live: KubeObject, places: readonly { pointer: string }[]): KubeObject {
  const taken = new Set<string>();
  let whole = manifest;
  for (const { pointer } of places) {
    const target = correspondingPath(live, manifest, parsePointer(pointer));
    if (target === undefined) continue;
    taken.add(formatPointer(target));
    whole = withValueAt(whole, target, getPointer(live, pointer)) as KubeObject;
  }
  return withoutPlaces(
    whole,
    own.filter(({ pointer }) => ![...taken].some((one) => isWithin(one, pointer) || isWithin(pointer, one))),
  );
}

/** The same place in another object. */
function correspondingPath(from: unknown, to: unknown, tokens: readonly string[]): string[] | undefined {
  const [token, ...rest] = tokens;
  if (token === undefined) return [];
  let next = token;
  if (Array.isArray(from)) {
    const name = isRecord(from[Number(token)]) ? (from[Number(token)] as { name?: unknown }).name : undefined;
    const index = Array.isArray(to) && name !== undefined ? to.findIndex((item) => isRecord(item) && item['name'] === name) : -1;
    if (index < 0) return undefined;
    next = String(index);
  }
  const inner = correspondingPath(memberOf(from, token), memberOf(to, next), rest);
  return inner === undefined ? undefined : [next, ...inner];
}

const memberOf = (value: unknown, token: string): unknown => (Array.isArray(value) ? value[Number(token)] : isRecord(value) ? value[token] : undefined);

/** Makes the maps on the way where there are none. */
function withValueAt(node: unknown, [token, ...rest]: readonly string[], value: unknown): unknown {
  if (token === undefined) return value;
  if (Array.isArray(node)) return node.with(Number(token), withValueAt(node[Number(token)], rest, value));
  const map = isRecord(node) ? node : {};
  return { ...map, [token]: withValueAt(map[token], rest, value) };
}

const isPlace = (token: string): boolean => /^\d+$/.test(token);

/** Later items and deeper places first, so that what is removed moves nothing that is still to be removed. */
function lastFirst(a: string, b: string): number {
  const [tokensA, tokensB] = [parsePointer(a), parsePointer(b)];
  for (const [depth, token] of tokensA.entries()) {
    const other = tokensB[depth];
    if (other === undefined) return -1;
    if (token === other) continue;
    if (isPlace(token) && isPlace(other)) return Number(other) - Number(token);
    if (isPlace(token) !== isPlace(other)) return isPlace(token) ? -1 : 1;
    return token < other ? -1 : 1;
  }
  return tokensA.length === tokensB.length ? 0 : 1;
}

/** A pointer into what `withoutPlaces` left, as a pointer into the whole document. */
export function pointerBefore(pointer: string, document: unknown, places: readonly { pointer: string }[]): string {
  const removed = places.map((place) => parsePointer(place.pointer));
  const before: string[] = [];
  for (const token of parsePointer(pointer)) {
    const list = getPointer(document, formatPointer(before));
    if (!Array.isArray(list)) {
      before.push(token);
      continue;
    }
    const gone = new Set(
      removed.filter((one) => one.length === before.length + 1 && before.every((other, depth) => other === one[depth])).map((one) => one.at(-1)),
    );
    const kept = [...list.keys()].filter((index) => !gone.has(String(index)));
    before.push(String(kept[Number(token)] ?? token));
  }
  return formatPointer(before);
}

/** The place that covers a pointer, or lies below it. */
export const placeAt = (pointer: string, places: readonly IgnoredPlace[]): IgnoredPlace | undefined =>
  places.find((place) => isWithin(pointer, place.pointer) || isWithin(place.pointer, pointer));

/** Whether a pointer is another one or leads further into it. */
export const isWithin = (pointer: string, outer: string): boolean => pointer === outer || pointer.startsWith(`${outer}/`);
