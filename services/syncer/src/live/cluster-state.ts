import type { Logger } from '@plumbline/contracts';
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
  /** True: the object's key is wanted by an application, so it's kept whole. */
  isManaged(key: string, object: KubeObject): boolean;
  /** An object appeared, changed or went. `before` and `after` are rows; one of them may be missing. */
  onChange(key: string, before: LiveRow | undefined, after: LiveRow | undefined): void;
}

export type KindState = 'synced' | 'pending' | 'interrupted' | 'unknown-kind';

/**
 * Live objects of one cluster, kept by one watch per kind. Never asked for a kind that isn't watched: `watchKind` first.
 * A kind that is not `synced` tells nothing about absence.
 */
export interface ClusterState {
  watchKind(group: string, kind: string): Promise<KindState>;
  kindState(group: string, kind: string): KindState;
  row(key: string): LiveRow | undefined;
  childrenOf(uid: string): readonly LiveRow[];
  rows(): Iterable<LiveRow>;
  /** An answer of the API server that is newer than what the watch has told so far. */
  observe(object: KubeObject): void;
  /** The whole object behind a row that had its metadata only. */
  complete(object: KubeObject): void;
  stop(): Promise<void>;
}

interface WatchedKind {
  watch: Watch;
  state: KindState;
  synced: Promise<void>;
}

export function makeClusterState(options: ClusterStateOptions): ClusterState {
  const rows = new Map<string, LiveRow>();
  const children = new Map<string, Set<string>>();
  const kinds = new Map<string, WatchedKind>();

  const setRow = (key: string, row: LiveRow | undefined): void => {
    const before = rows.get(key);
    for (const uid of before?.ownerUids ?? []) children.get(uid)?.delete(key);
    if (row === undefined) rows.delete(key);
    else {
      rows.set(key, row);
      for (const uid of row.ownerUids) (children.get(uid) ?? setIn(children, uid, new Set<string>())).add(key);
    }
    options.onChange(key, before, row);
  };

  const upsert = (object: KubeObject): void => {
    const key = resourceKey(resourceIdOf(object));
    const before = rows.get(key);
    if (before !== undefined && !isNewer(object, before)) return;
    setRow(key, toRow(key, object, options.isManaged(key, object)));
  };

  const remove = (object: KubeObject): void => {
    const key = resourceKey(resourceIdOf(object));
    const before = rows.get(key);
    // The name may have been taken by a new object whose event came by another way first.
    if (before === undefined || (object.metadata.uid !== undefined && before.uid !== object.metadata.uid)) return;
    setRow(key, undefined);
  };

  const startWatch = async (group: string, kind: string, name: string): Promise<KindState> => {
    let info = (await options.kube.discover()).findKind(group, kind);
    if (info === undefined) info = (await options.kube.discover({ refresh: true })).findKind(group, kind);
    if (info === undefined) return 'unknown-kind';
    const known = kinds.get(name);
    if (known !== undefined) return known.state;
    const { promise, resolve } = Promise.withResolvers<void>();
    const watch = options.kube.watch({
      group,
      version: info.version,
      kind,
      listener: {
        upsert,
        remove,
        synced: () => {
          watched.state = 'synced';
          resolve();
        },
        interrupted: (error) => {
          if (watched.state === 'synced') options.log.warn('watch interrupted, absence of objects is unknown until it resumes', { group, kind, reason: error.message });
          watched.state = 'interrupted';
        },
      },
    });
    const watched: WatchedKind = { watch, state: 'pending', synced: promise };
    kinds.set(name, watched);
    return 'pending';
  };

  return {
    async watchKind(group, kind) {
      const name = `${group}/${kind}`;
      const state = kinds.get(name)?.state ?? (await startWatch(group, kind, name));
      if (state !== 'pending') return state;
      const watched = kinds.get(name)!;
      await Promise.race([watched.synced, pause(firstListWaitMs)]);
      return watched.state;
    },
    kindState: (group, kind) => kinds.get(`${group}/${kind}`)?.state ?? 'unknown-kind',
    row: (key) => rows.get(key),
    childrenOf: (uid) => [...(children.get(uid) ?? [])].flatMap((key) => rows.get(key) ?? []),
    rows: () => rows.values(),
    observe: upsert,
    complete(object) {
      const key = resourceKey(resourceIdOf(object));
      const before = rows.get(key);
      if (before === undefined || before.object === undefined || isNewer(object, before)) setRow(key, toRow(key, object, true));
    },
    async stop() {
      await Promise.all([...kinds.values()].map((kind) => kind.watch.stop()));
    },
  };
}

/** A first list takes milliseconds; longer than this the application shows that it waits. */
const firstListWaitMs = 5_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref());

function setIn<K, V>(map: Map<K, V>, key: K, value: V): V {
  map.set(key, value);
  return value;
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
