/**
 * Ownership of fields as the in-memory API server keeps it: FieldsV1 trees, made and merged without schemas. Lists are
 * atomic but for a few that every workload has; those are merged by their keys (Kubernetes API reference, listMapKeys).
 */
export type FieldSet = { [step: string]: FieldSet };
type Json = Record<string, unknown>;

const listKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  volumeMounts: ['mountPath'],
  conditions: ['type'],
};

export const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

const stepsOf = (set: FieldSet): string[] => Object.keys(set).filter((step) => step !== '.');
const isLeaf = (set: FieldSet): boolean => stepsOf(set).length === 0;

/** The step of a list's item; undefined when the list is atomic. */
function itemStep(field: string, item: unknown): string | undefined {
  if (!isRecord(item)) return undefined;
  const port = 'containerPort' in item ? 'containerPort' : 'port';
  const keys = field === 'ports' ? [port, 'protocol'] : listKeys[field];
  if (keys === undefined) return undefined;
  const present = keys.filter((key) => item[key] !== undefined);
  return present.length === 0 ? undefined : `k:${JSON.stringify(Object.fromEntries(present.map((key) => [key, item[key]])))}`;
}

/** Items by step; undefined when the list is atomic. */
function itemsOf(field: string, list: readonly unknown[]): Map<string, unknown> | undefined {
  const items = new Map<string, unknown>();
  for (const item of list) {
    const step = itemStep(field, item);
    if (step === undefined) return undefined;
    items.set(step, item);
  }
  return items;
}

/** Every field that a value sets. */
export function fieldsOf(value: unknown, field = ''): FieldSet {
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([name, member]) => [`f:${name}`, fieldsOf(member, name)]));
  const items = Array.isArray(value) ? itemsOf(field, value) : undefined;
  if (items === undefined) return {};
  return Object.fromEntries([...items].map(([step, item]) => [step, { '.': {}, ...fieldsOf(item) }]));
}

/** What was applied, laid over what is there. */
export function merge(live: unknown, applied: unknown, field = ''): unknown {
  if (isRecord(live) && isRecord(applied)) {
    const merged: Json = { ...live };
    for (const [name, member] of Object.entries(applied)) if (member !== null) merged[name] = merge(live[name], member, name);
    return merged;
  }
  if (!Array.isArray(live) || !Array.isArray(applied)) return applied;
  const [before, wanted] = [itemsOf(field, live), itemsOf(field, applied)];
  if (before === undefined || wanted === undefined) return applied;
  const merged = new Map(before);
  for (const [step, item] of wanted) merged.set(step, merge(before.get(step), item));
  return [...merged.values()];
}

/** Takes off what was owned and isn't any more, unless somebody else owns it too. */
export function withoutDropped(value: unknown, before: FieldSet, keepers: readonly FieldSet[], field = ''): unknown {
  if (keepers.some(isLeaf)) return value;
  const below = (step: string): FieldSet[] => keepers.flatMap((keeper) => (step in keeper ? [keeper[step]!] : []));
  if (isRecord(value)) {
    const left: Json = { ...value };
    for (const step of stepsOf(before)) {
      const [name, dropped, kept] = [step.slice(2), before[step]!, below(step)];
      if (!(name in left)) continue;
      if (isLeaf(dropped)) {
        if (kept.length === 0) delete left[name];
        continue;
      }
      left[name] = withoutDropped(left[name], dropped, kept, name);
      // As the server's JSON: an emptied map or list is left out.
      if (kept.length === 0 && isEmpty(left[name])) delete left[name];
    }
    return left;
  }
  const items = Array.isArray(value) ? itemsOf(field, value) : undefined;
  if (items === undefined) return value;
  for (const step of stepsOf(before)) {
    const kept = below(step);
    if (!items.has(step)) continue;
    if (kept.length === 0) items.delete(step);
    else items.set(step, withoutDropped(items.get(step), before[step]!, kept));
  }
  return [...items.values()];
}

const isEmpty = (value: unknown): boolean => (Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0);

/** The fields that a write set anew or changed, and those that it took away. */
export function changeOf(before: unknown, after: unknown, field = ''): { set: FieldSet; removed: FieldSet; isSame: boolean } {
  const [was, is] = [membersOf(before, field), membersOf(after, field)];
  const change = { set: {} as FieldSet, removed: {} as FieldSet, isSame: true };
  if (was === undefined || is === undefined) {
    change.isSame = JSON.stringify(before) === JSON.stringify(after);
    if (!change.isSame && is !== undefined) change.set = fieldsOf(after, field);
    return change;
  }
  for (const step of new Set([...was.keys(), ...is.keys()])) {
    const name = step.startsWith('f:') ? step.slice(2) : '';
    if (!is.has(step)) change.removed[step] = fieldsOf(was.get(step), name);
    else if (!was.has(step)) change.set[step] = fieldsOf(is.get(step), name);
    else {
      const below = changeOf(was.get(step), is.get(step), name);
      if (below.isSame) continue;
      if (!isLeaf(below.set) || isLeaf(below.removed)) change.set[step] = below.set;
      if (!isLeaf(below.removed)) change.removed[step] = below.removed;
    }
    change.isSame = false;
  }
  return change;
}

function membersOf(value: unknown, field: string): Map<string, unknown> | undefined {
  if (isRecord(value)) return new Map(Object.entries(value).map(([name, member]) => [`f:${name}`, member]));
  return Array.isArray(value) ? itemsOf(field, value) : undefined;
}

export function subtract(set: FieldSet, other: FieldSet): FieldSet {
  const left: FieldSet = {};
  for (const [step, below] of Object.entries(set)) {
    const taken = other[step];
    if (taken === undefined || step === '.') left[step] = below;
    else if (!isLeaf(taken)) {
      const rest = subtract(below, taken);
      if (!isLeaf(rest)) left[step] = rest;
    }
  }
  return left;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const both: FieldSet = { ...a };
  for (const [step, below] of Object.entries(b)) both[step] = both[step] === undefined ? below : union(both[step], below);
  return both;
}
