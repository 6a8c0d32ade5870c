import { AppError, type Clock } from '@plumbline/contracts';
import { groupVersionKind, resourceIdOf, resourceKey, type KubeObject, type ManagedFieldsEntry } from '@plumbline/manifests';
import type { ApplyOptions, DeleteOptions, KindInfo, KubeClient, ObjectRef, WatchOptions, WriteOptions } from '../port.ts';
import { changeOf, fieldsOf, isRecord, merge, subtract, union, withoutDropped, type FieldSet } from './field-sets.ts';
import { MemoryKinds } from './memory-kinds.ts';
import { MemoryWatch, type Change } from './memory-watch.ts';
import { requireValid, stored } from './stored-object.ts';

export interface MemoryClusterOptions {
  clock: Clock;
  /** Told of every change, in order, when it is made. */
  changed?(change: Change): void;
}

export interface MemoryClientOptions {
  /** When a watch tells its next change. Default: the next turn of the event loop. */
  later?(run: () => void): void;
}

interface Write {
  manager: string;
  operation: 'Apply' | 'Update';
  dryRun?: boolean | undefined;
  subresource?: string;
}

/**
 * An API server in memory: the twin of a real one for what Plumbline relies on. Versions, uids, optimistic concurrency,
 * generations, finalizers, server-side apply with owners of fields (without schemas), dry runs, watches that can be cut,
 * and CustomResourceDefinitions. What merging truly does is tested on the real server only.
 */
export class MemoryCluster {
  readonly #options: MemoryClusterOptions;
  readonly #objects = new Map<string, KubeObject>();
  readonly #changes: (Change & { kind: KindInfo })[] = [];
  readonly #watches = new Set<MemoryWatch>();
  readonly #kinds = new MemoryKinds();
  #version = 1000;
  #made = 0;

  constructor(options: MemoryClusterOptions) {
    this.#options = options;
  }

  client({ later = (run) => void setImmediate(run) }: MemoryClientOptions = {}): KubeClient {
    const watches = new Set<MemoryWatch>();
    return {
      discover: async () => this.#kinds.discovery(),
      get: async (ref) => this.get(ref),
      list: async (kind, options = {}) => ({
        items: this.#list({ ...kind, ...options }),
        resourceVersion: String(this.#version),
      }),
      create: async (object, options = {}) => this.create(object, options),
      apply: async (object, options) => this.apply(object, options),
      mergePatch: async (ref, patch, options) => this.mergePatch(ref, patch, options),
      replace: async (object, options) => this.replace(object, options),
      delete: async (ref, options = {}) => this.delete(ref, options),
      watch: (options) => {
        const watch = this.#watch(options, later);
        watches.add(watch);
        return watch;
      },
      close: async () => {
        for (const watch of watches) {
          await watch.stop();
          this.#watches.delete(watch);
        }
      },
    };
  }

  /** All objects, or those of a kind: for whoever looks from outside. */
  objects(): KubeObject[] {
    return [...this.#objects.values()].map((object) => structuredClone(object));
  }

  /** Cuts watches; they hear nothing until `reconnect`. */
  cut(which: (options: WatchOptions) => boolean, error: Error): { reconnect(isTooOld: boolean): void } {
    const cut = [...this.#watches].filter((watch) => which(watch.options));
    for (const watch of cut) watch.cut(error);
    return { reconnect: (isTooOld) => cut.forEach((watch) => watch.reconnect(isTooOld)) };
  }

  get(ref: ObjectRef): KubeObject | undefined {
    this.#kinds.require(ref.group, ref.version, ref.kind);
    const object = this.#objects.get(keyOf(ref));
    return object === undefined ? undefined : structuredClone(object);
  }

  create(object: KubeObject, { fieldManager = 'unknown', dryRun }: { fieldManager?: string; dryRun?: boolean }): KubeObject {
    const key = resourceKey(resourceIdOf(object));
    this.#admit(object);
    if (this.#objects.has(key)) throw new AppError('already-exists', `${described(object)} exists already`);
    const wanted = stored(object, undefined);
    return this.#write(undefined, wanted, { manager: fieldManager, operation: 'Update', dryRun });
  }

  apply(object: KubeObject, { fieldManager, dryRun, force = true }: ApplyOptions): KubeObject {
    const kind = this.#admit(object);
    const before = this.#objects.get(resourceKey(resourceIdOf(object)));
    requireVersion(object, before);
    const applied = withoutServerFields(stored(object, before), kind);
    const entries = before?.metadata.managedFields ?? [];
    const own = entries.find((entry) => entry.manager === fieldManager && entry.operation === 'Apply' && entry.subresource === undefined);
    const others = entries.filter((entry) => entry !== own);
    const fields = fieldsOf(applied);
    const kept = [fields, ...others.map((entry) => entry.fieldsV1 as FieldSet)];
    const rest = before === undefined ? identityOf(object) : withoutDropped(before, (own?.fieldsV1 ?? {}) as FieldSet, kept);
    const after = merge(rest, applied) as KubeObject;
    const changed = changeOf(withoutServerFields(before ?? identityOf(object), kind), withoutServerFields(after, kind));
    if (!force && others.some((entry) => overlaps(entry.fieldsV1 as FieldSet, changed.set)))
      throw new AppError('conflict', `${described(object)}: another manager owns fields that would change`);
    const left = others.flatMap((entry): ManagedFieldsEntry[] => {
      const fieldsV1 = subtract(entry.fieldsV1 as FieldSet, changed.set);
      return Object.keys(fieldsV1).length === 0 ? [] : [{ ...entry, fieldsV1 }];
    });
    const isSameOwner = own !== undefined && JSON.stringify(own.fieldsV1) === JSON.stringify(fields);
    const entry = this.#entry({ manager: fieldManager, operation: 'Apply' }, object, fields);
    after.metadata.managedFields = [isSameOwner ? own : entry, ...left];
    if (isSameOwner && changed.isSame && before !== undefined) return structuredClone(before);
    return this.#store(before, after, kind, dryRun === true);
  }

  mergePatch(ref: ObjectRef, patch: unknown, { fieldManager, dryRun }: WriteOptions): KubeObject {
    const before = this.#require(ref);
    requireVersion({ ...before, metadata: { ...before.metadata, ...(patch as { metadata?: object }).metadata } }, before);
    return this.#write(before, stored(patched(before, patch) as KubeObject, before), { manager: fieldManager, operation: 'Update', dryRun });
  }

  replace(object: KubeObject, { fieldManager, dryRun }: WriteOptions): KubeObject {
    this.#admit(object);
    const before = this.#require({ ...groupVersionKind(object), ...object.metadata });
    requireVersion(object, before);
    return this.#write(before, stored(object, before), { manager: fieldManager, operation: 'Update', dryRun });
  }

  /** What a controller writes: `status` only. */
  writeStatus(ref: ObjectRef, status: Record<string, unknown>, manager: string): void {
    const before = this.#objects.get(keyOf(ref));
    if (before === undefined) return;
    this.#write(before, { ...structuredClone(before), status }, { manager, operation: 'Update', subresource: 'status' });
  }

  delete(ref: ObjectRef, { uid, resourceVersion }: DeleteOptions): boolean {
    const kind = this.#kinds.require(ref.group, ref.version, ref.kind);
    const before = this.#objects.get(keyOf(ref));
    if (before === undefined) return false;
    if ((uid !== undefined && before.metadata.uid !== uid) || (resourceVersion !== undefined && before.metadata.resourceVersion !== resourceVersion))
      throw new AppError('conflict', `${described(before)} is not the object that was to be deleted`, { retry: 'later' });
    if ((before.metadata.finalizers ?? []).length === 0) this.#drop(before, kind);
    else if (before.metadata.deletionTimestamp === undefined) {
      const after = structuredClone(before);
      after.metadata.deletionTimestamp = this.#now();
      this.#store(before, after, kind, false);
    }
    return true;
  }

  #admit(object: KubeObject): KindInfo {
    const { group, version, kind } = groupVersionKind(object);
    const info = this.#kinds.require(group, version, kind);
    requireValid(object, info);
    const { namespace } = object.metadata;
    if (info.namespaced && !this.#objects.has(resourceKey({ group: '', kind: 'Namespace', namespace: '', name: namespace ?? '' })))
      throw new AppError('not-found', `namespaces "${namespace}" not found`);
    return info;
  }

  #require(ref: ObjectRef): KubeObject {
    this.#kinds.require(ref.group, ref.version, ref.kind);
    const object = this.#objects.get(keyOf(ref));
    if (object === undefined) throw new AppError('not-found', `${ref.kind} ${ref.namespace ?? ''}/${ref.name} was not found`);
    return object;
  }

  /** An update: whoever changes a field owns it from then on. */
  #write(before: KubeObject | undefined, after: KubeObject, write: Write): KubeObject {
    const { group, version, kind: name } = groupVersionKind(after);
    const kind = this.#kinds.require(group, version, name);
    const shown = (object: KubeObject): KubeObject => withoutServerFields(object, kind, write.subresource !== undefined);
    if (before !== undefined && kind.hasStatusSubresource && write.subresource === undefined) after['status'] = before['status'];
    const change = changeOf(shown(before ?? identityOf(after)), shown(after));
    if (change.isSame && before !== undefined) return structuredClone(before);
    const entries = before?.metadata.managedFields ?? [];
    const isOwn = (entry: ManagedFieldsEntry): boolean =>
      entry.manager === write.manager && entry.operation === write.operation && entry.subresource === write.subresource;
    const mine = union(subtract((entries.find(isOwn)?.fieldsV1 ?? {}) as FieldSet, change.removed), change.set);
    const others = entries
      .filter((entry) => !isOwn(entry))
      .map((entry) => ({ ...entry, fieldsV1: subtract(subtract(entry.fieldsV1 as FieldSet, change.set), change.removed) }));
    after.metadata.managedFields = [...others, this.#entry(write, after, mine)].filter((entry) => Object.keys(entry.fieldsV1 ?? {}).length > 0);
    return this.#store(before, after, kind, write.dryRun === true);
  }

  #entry({ manager, operation, subresource }: Write, { apiVersion }: KubeObject, fieldsV1: FieldSet): ManagedFieldsEntry {
    return { manager, operation, apiVersion, time: this.#now(), fieldsType: 'FieldsV1', fieldsV1, ...(subresource === undefined ? {} : { subresource }) };
  }

  #store(before: KubeObject | undefined, after: KubeObject, kind: KindInfo, isDryRun: boolean): KubeObject {
    const isSpecNew = before === undefined || JSON.stringify(specOf(before, kind)) !== JSON.stringify(specOf(after, kind));
    const generation = (before?.metadata.generation ?? 0) + (isSpecNew ? 1 : 0);
    const { uid, creationTimestamp } = before?.metadata ?? {};
    after.metadata = { ...after.metadata, generation, creationTimestamp: creationTimestamp ?? this.#now(), uid: uid ?? uidOf(this.#made + 1) };
    if (isDryRun) return structuredClone(after);
    if (before === undefined) this.#made++;
    after.metadata.resourceVersion = String(++this.#version);
    if (after.metadata.deletionTimestamp !== undefined && (after.metadata.finalizers ?? []).length === 0) {
      this.#drop(after, kind);
      return structuredClone(after);
    }
    this.#objects.set(resourceKey(resourceIdOf(after)), after);
    if (after.kind === 'CustomResourceDefinition') this.#kinds.define(after);
    this.#tell({ object: after, isGone: false, kind });
    return structuredClone(after);
  }

  #drop(object: KubeObject, kind: KindInfo): void {
    this.#objects.delete(resourceKey(resourceIdOf(object)));
    const gone = structuredClone(object);
    gone.metadata.resourceVersion = String(++this.#version);
    if (object.kind === 'CustomResourceDefinition') {
      for (const served of this.#kinds.forget(object)) for (const each of this.#list({ ...served })) this.#objects.delete(resourceKey(resourceIdOf(each)));
    }
    this.#tell({ object: gone, isGone: true, kind });
  }

  #tell(change: Change & { kind: KindInfo }): void {
    this.#changes.push(change);
    for (const watch of this.#watches) watch.pump();
    this.#options.changed?.(change);
  }

  #list({ group, kind, namespace, labelSelector }: { group: string; kind: string; namespace?: string; labelSelector?: string }): KubeObject[] {
    const isAsked = (object: KubeObject): boolean => {
      const id = resourceIdOf(object);
      return id.group === group && id.kind === kind && (namespace === undefined || id.namespace === namespace) && isSelected(object, labelSelector);
    };
    return [...this.#objects.values()].filter(isAsked).map((object) => structuredClone(object));
  }

  #watch(options: WatchOptions, later: (run: () => void) => void): MemoryWatch {
    const { group, kind, namespace, labelSelector } = options;
    const watch = new MemoryWatch(
      options,
      {
        matching: () => this.#list(options),
        end: () => this.#changes.length,
        change: (index) => {
          const change = this.#changes[index];
          if (change === undefined || change.kind.group !== group || change.kind.kind !== kind) return undefined;
          if (namespace !== undefined && change.object.metadata.namespace !== namespace) return undefined;
          return isSelected(change.object, labelSelector) ? change : { ...change, isGone: true };
        },
      },
      later,
    );
    this.#watches.add(watch);
    return watch;
  }

  #now(): string {
    return `${new Date(this.#options.clock()).toISOString().slice(0, 19)}Z`;
  }
}

const keyOf = ({ group, kind, namespace = '', name }: ObjectRef): string => resourceKey({ group, kind, namespace, name });
const described = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
const uidOf = (made: number): string => `00000000-0000-4000-8000-${String(made).padStart(12, '0')}`;

function identityOf({ apiVersion, kind, metadata: { name, namespace } }: KubeObject): KubeObject {
  return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } };
}

/** `key=value` selectors, the only ones that are asked for. */
function isSelected({ metadata }: KubeObject, selector: string | undefined): boolean {
  return (selector ?? '').split(',').every((term) => {
    const [name = '', value] = term.split('=');
    return name === '' || (value === undefined ? metadata.labels?.[name] !== undefined : metadata.labels?.[name] === value);
  });
}

function requireVersion(object: KubeObject, before: KubeObject | undefined): void {
  const { resourceVersion, uid } = object.metadata;
  const isOld = resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== before?.metadata.resourceVersion;
  if (!isOld && (uid === undefined || before === undefined || uid === before.metadata.uid)) return;
  throw new AppError('conflict', `${described(object)} was changed meanwhile: read it again`, { retry: 'later' });
}

/** What managers can own: neither identity nor what the server keeps itself. */
function withoutServerFields(object: KubeObject, kind: KindInfo, isStatus = false): KubeObject {
  const { labels, annotations, finalizers, ownerReferences } = object.metadata;
  const { apiVersion: _, kind: __, metadata: ___, status, ...rest } = object;
  const metadata = { labels, annotations, finalizers, ownerReferences };
  const owned = Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined));
  if (isStatus) return { status } as unknown as KubeObject;
  return {
    ...(Object.keys(owned).length === 0 ? {} : { metadata: owned }),
    ...rest,
    ...(status === undefined || kind.hasStatusSubresource ? {} : { status }),
  } as unknown as KubeObject;
}

const specOf = (object: KubeObject, kind: KindInfo): unknown => {
  const { metadata: _, status, ...rest } = object;
  return kind.hasStatusSubresource ? rest : { ...rest, status };
};

const overlaps = (a: FieldSet, b: FieldSet): boolean => JSON.stringify(subtract(a, b)) !== JSON.stringify(a);

/** RFC 7396. */
function patched(value: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(value) ? structuredClone(value) : {};
  for (const [name, member] of Object.entries(patch)) {
    if (member === null) delete result[name];
    else result[name] = patched(result[name], member);
  }
  return result;
}
