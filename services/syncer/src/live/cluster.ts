import type { Clock, Logger } from '@plumbline/contracts';
import type { KindInfo, KubeClient } from '@plumbline/kube';
import { managingInstance, parseResourceKey } from '@plumbline/manifests';
import { limits } from '../limits.ts';
import type { LiveRow } from './row.ts';
import { ClusterState } from './cluster-state.ts';
import { makeFollowedKinds } from './followed-kinds.ts';

/** Who is told when live objects change. */
export interface ClusterListener {
  /** Other kinds are served than before. */
  kindsChanged?(): void;
  /** The list of a kind has failed for a while, or works again. */
  failing?(kind: KindInfo, isFailing: boolean): void;
  /** An object that this application manages or wants changed. */
  changed(applicationKeyOrInstance: { key: string } | { instance: string }): void;
  /** A live object, of a kind whose objects are all known, is another than before. */
  observed?(before: LiveRow | undefined, after: LiveRow | undefined): void;
}

/** One cluster: its API server, its live objects, and which application is interested in which of them. */
export interface Cluster {
  readonly kube: KubeClient;
  readonly state: ClusterState;
  /** This application (key) wants these objects whole, and to hear of them. Answers the new set. */
  want(applicationKey: string, before: ReadonlySet<string>, keys: readonly string[]): ReadonlySet<string>;
  /** Keys of objects whose tracking annotation names this instance. */
  managedBy(instance: string): Iterable<string>;
  /** Asks the API server now which kinds it serves. */
  refreshKinds(): Promise<void>;
  /** Other kinds may be excluded than before. */
  exclusionsChanged(): void;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  kube: KubeClient;
  log: Logger;
  listener: ClusterListener;
  /** Only these are watched; undefined: all. */
  namespaces?: readonly string[];
  isExcluded(group: string, kind: string): boolean;
  clock?: Clock;
  /** How long the list of a kind fails before it is told (ms). */
  failingAfterMs?: number;
}

/** Changes of these change what is served. */
const definitions = ['apiextensions.k8s.io/CustomResourceDefinition/', 'apiregistration.k8s.io/APIService/'];

export function makeCluster({ kube, log, listener, namespaces, isExcluded, clock = Date.now, failingAfterMs = limits.kindFailingMs }: ClusterOptions): Cluster {
  const wantedBy = new Map<string, Set<string>>();
  const managed = new Map<string, Set<string>>();

  const onChange = (key: string, before: LiveRow | undefined, after: LiveRow | undefined): void => {
    const [was, is] = [instanceOf(before), instanceOf(after)];
    if (was !== undefined && was !== is) managed.get(was)?.delete(key);
    if (is !== undefined && was !== is) {
      const keys = managed.get(is) ?? new Set();
      managed.set(is, keys.add(key));
    }
    if (before !== undefined || isKnown(after)) listener.observed?.(before, after);
    if (definitions.some((prefix) => key.startsWith(prefix))) followed.definitionChanged(key, { before: before !== undefined, after: after !== undefined });
    for (const instance of new Set([was, is])) if (instance !== undefined) listener.changed({ instance });
    for (const applicationKey of wantedBy.get(key) ?? []) listener.changed({ key: applicationKey });
  };

  /** Its kind was listed: what appears now is new. */
  const isKnown = (row: LiveRow | undefined): boolean => {
    if (row === undefined) return false;
    const { group, kind, namespace } = parseResourceKey(row.key);
    return state.kindState(group, kind, namespace) === 'synced';
  };
  const state = new ClusterState({
    kube,
    log,
    ...(namespaces === undefined ? {} : { namespaces }),
    isManaged: (key, object) => wantedBy.has(key) || managingInstance(object) !== undefined,
    clock,
    failingAfterMs,
    onFailing: (kind, isFailing) => listener.failing?.(kind, isFailing),
    onChange,
  });
  const followed = makeFollowedKinds({ kube, log, state, isExcluded, clock, changed: () => listener.kindsChanged?.() });

  return {
    kube,
    state,
    want(applicationKey, before, keys) {
      const wanted = new Set(keys);
      for (const key of before) {
        if (wanted.has(key)) continue;
        const applications = wantedBy.get(key);
        applications?.delete(applicationKey);
        if (applications?.size === 0) wantedBy.delete(key);
      }
      for (const key of wanted) {
        const applications = wantedBy.get(key) ?? new Set();
        wantedBy.set(key, applications.add(applicationKey));
      }
      return wanted;
    },
    managedBy: (instance) => managed.get(instance) ?? [],
    refreshKinds: () => followed.refresh(),
    exclusionsChanged: () => followed.exclusionsChanged(),
    async stop() {
      followed.stop();
      await state.stop();
    },
  };
}

const instanceOf = (row: LiveRow | undefined): string | undefined => (row?.object === undefined ? undefined : managingInstance(row.object));
