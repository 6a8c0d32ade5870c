import type { Logger } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { KubeClient, Watch } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { groupVersionKind, resourceIdOf, resourceKey } from '@plumbline/manifests';
import { isNewerVersion } from './resource-version.ts';

/** What is kept of an object that no application manages: enough for the tree and for finding owners. */
export interface LiveRow {
  key: string;
  apiVersion: string;
  uid: string;
  resourceVersion: string;
  createdAt: string;
  ownerUids: readonly string[];
  /** The whole object, managedFields included, where an application manages it or its health is asked for. */
  object?: KubeObject;
}

export interface ClusterStateOptions {
  kube: KubeClient;
  log: Logger;
  /** True: an application wants this object, so it's kept whole. */
  isManaged(key: string, object: KubeObject): boolean;
  /** An object appeared, changed or went. `before` and `after` are rows; one of them may be missing. */
  onChange(key: string, before: LiveRow | undefined, after: LiveRow | undefined): void;
}

export type KindState = 'synced' | 'pending' | 'interrupted' | 'unknown-kind';

interface WatchedKind {
  watch: Watch;
  state: KindState;
  synced: Promise<void>;
}

/** A first list takes milliseconds; longer than this the application shows that it waits. */
const firstListWaitMs = 5_000;

/**
 * Live objects of one cluster, kept by one watch per kind. Never asked for a kind that isn't watched: `watchKind` first.
 * A kind that is not `synced` tells nothing about absence.
 */
export class ClusterState {
  readonly #options: ClusterStateOptions;
  readonly #rows = new Map<string, LiveRow>();
  readonly #children = new Map<string, Set<string>>();
  readonly #kinds = new Map<string, WatchedKind>();

  constructor(options: ClusterStateOptions) {
    this.#options = options;
  }

  /** Watches the kind, and waits a moment for its first complete list. */
  async watchKind(group: string, kind: string): Promise<KindState> {
    const name = `${group}/${kind}`;
    const state = this.#kinds.get(name)?.state ?? (await this.#startWatch(group, kind));
    const watched = this.#kinds.get(name);
    if (state !== 'pending' || watched === undefined) return state;
    await Promise.race([watched.synced, new Promise((resolve) => void setTimeout(resolve, firstListWaitMs).unref())]);
    return this.kindState(group, kind);
  }

  kindState(group: string, kind: string): KindState {
    return this.#kinds.get(`${group}/${kind}`)?.state ?? 'unknown-kind';
  }

  row(key: string): LiveRow | undefined {
    return this.#rows.get(key);
  }

  childrenOf(uid: string): readonly LiveRow[] {
    return [...(this.#children.get(uid) ?? [])].flatMap((key) => this.#rows.get(key) ?? []);
  }

  /** An answer of the API server that may be newer than what the watch has told so far. */
  observe(object: KubeObject): void {
    const key = resourceKey(resourceIdOf(object));
    const before = this.#rows.get(key);
    if (before !== undefined && !isNewer(object, before)) return;
    this.#set(key, toRow(key, object, this.#options.isManaged(key, object)));
  }

  /** The whole object behind a row that had its metadata only. */
  complete(object: KubeObject): void {
    const key = resourceKey(resourceIdOf(object));
    const before = this.#rows.get(key);
    if (before === undefined || before.object === undefined || isNewer(object, before)) this.#set(key, toRow(key, object, true));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#kinds.values()].map((kind) => kind.watch.stop()));
  }

  async #startWatch(group: string, kind: string): Promise<KindState> {
    const { kube, log } = this.#options;
    const name = `${group}/${kind}`;
    const info = (await kube.discover()).findKind(group, kind) ?? (await kube.discover({ refresh: true })).findKind(group, kind);
    if (info === undefined) return 'unknown-kind';
    const known = this.#kinds.get(name);
    if (known !== undefined) return known.state;
    const { promise, resolve } = Promise.withResolvers<void>();
    const become = (state: KindState): void => {
      const watched = this.#kinds.get(name);
      if (watched !== undefined) watched.state = state;
    };
    const watch = kube.watch({
      group,
      version: info.version,
      kind,
      listener: {
        upsert: (object) => this.observe(object),
        remove: (object) => this.#remove(object),
        synced: () => {
          become('synced');
          resolve();
        },
        interrupted: (error) => {
          if (AppError.is(error) && (error.code === 'unknown-kind' || error.code === 'not-found')) {
            // Its definition was removed, and every object with it.
            this.#forgetKind(group, kind);
            resolve();
            return;
          }
          if (this.kindState(group, kind) === 'synced')
            log.warn('watch interrupted, absence of objects is unknown until it resumes', { group, kind, reason: error.message });
          become('interrupted');
        },
      },
    });
    this.#kinds.set(name, { watch, state: 'pending', synced: promise });
    return 'pending';
  }

  #forgetKind(group: string, kind: string): void {
    const name = `${group}/${kind}`;
    void this.#kinds.get(name)?.watch.stop();
    this.#kinds.delete(name);
    for (const key of this.#rows.keys()) if (key.startsWith(`${name}/`)) this.#set(key, undefined);
  }

  #remove(object: KubeObject): void {
    const key = resourceKey(resourceIdOf(object));
    const before = this.#rows.get(key);
    // The name may have been taken by a new object whose event came by another way first.
    if (before === undefined || (object.metadata.uid !== undefined && before.uid !== object.metadata.uid)) return;
    this.#set(key, undefined);
  }

  #set(key: string, row: LiveRow | undefined): void {
    const before = this.#rows.get(key);
    for (const uid of before?.ownerUids ?? []) {
      const siblings = this.#children.get(uid);
      siblings?.delete(key);
      if (siblings?.size === 0) this.#children.delete(uid);
    }
    if (row === undefined) this.#rows.delete(key);
    else {
      this.#rows.set(key, row);
      for (const uid of row.ownerUids) {
        const siblings = this.#children.get(uid) ?? new Set();
        this.#children.set(uid, siblings.add(key));
      }
    }
    this.#options.onChange(key, before, row);
  }
}

/** Whether an object is newer than a row. */
function isNewer(object: KubeObject, row: LiveRow): boolean {
  return object.metadata.uid !== row.uid || isNewerVersion(object.metadata.resourceVersion ?? '', row.resourceVersion);
}

function toRow(key: string, object: KubeObject, isManaged: boolean): LiveRow {
  const { uid = '', resourceVersion = '', creationTimestamp = '', ownerReferences = [] } = object.metadata;
  const row: LiveRow = {
    key,
    apiVersion: object.apiVersion,
    uid,
    resourceVersion,
    createdAt: creationTimestamp,
    ownerUids: ownerReferences.map((owner) => owner.uid),
  };
  if (isManaged || isShownInTree(object)) row.object = isManaged ? object : withoutManagedFields(object);
  return row;
}

/** Kinds whose health the resource tree shows below managed objects. */
function isShownInTree(object: KubeObject): boolean {
  const { group, kind } = groupVersionKind(object);
  return (group === '' && kind === 'Pod') || (group === 'apps' && kind === 'ReplicaSet') || (group === 'batch' && kind === 'Job');
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
