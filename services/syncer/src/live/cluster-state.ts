import type { Clock, Logger } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { KindInfo, KubeClient, Watch } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { resourceIdOf, resourceKey } from '@plumbline/manifests';
import { Children } from './children.ts';
import type { LastingFailure, ListFailure } from './lasting-failure.ts';
import { makeLastingFailure } from './lasting-failure.ts';
import { isNewerVersion } from './resource-version.ts';
import type { LiveRow } from './row.ts';
import { makeRows } from './row.ts';

export interface ClusterStateOptions {
  kube: Pick<KubeClient, 'watch'>;
  log: Logger;
  /** Only these are watched; undefined: all. Kinds without a namespace are always watched as a whole. */
  namespaces?: readonly string[];
  /** True: an application wants this object, so it's kept whole. */
  isManaged(key: string, object: KubeObject): boolean;
  clock: Clock;
  /** How long the list of a kind fails before it is told (ms). */
  failingAfterMs: number;
  /** The list of a kind has failed for so long, or works again. */
  onFailing(info: KindInfo, isFailing: boolean): void;
  /** An object appeared, changed or went. `before` and `after` are rows; one of them may be missing. */
  onChange(key: string, before: LiveRow | undefined, after: LiveRow | undefined): void;
}

/**
 * `unserved`: discovery doesn't have the kind, or it is excluded. `unavailable`: its group can't be reached now, so nothing
 * is known of it. `forbidden`: we may not list it. `failing`: its list has failed for a while.
 */
export type KindState = 'synced' | 'pending' | 'interrupted' | 'forbidden' | 'failing' | 'unavailable' | 'unserved';

interface WatchedKind {
  info: KindInfo;
  watches: KindWatch[];
  synced: Promise<void>;
  resolve(): void;
}

interface KindWatch {
  /** Undefined: the whole kind. */
  namespace: string | undefined;
  watch: Watch;
  state: 'synced' | 'pending' | 'interrupted' | 'forbidden';
  failure: LastingFailure;
}

/** A first list takes milliseconds; longer than this the application shows that it waits. */
const firstListWaitMs = 5_000;

/**
 * Live objects of one cluster, kept by one watch per kind (and namespace, where only some are watched). A kind that is not
 * `synced` tells nothing about absence.
 */
export class ClusterState {
  readonly #options: ClusterStateOptions;
  readonly #rows = new Map<string, LiveRow>();
  readonly #children = new Children();
  readonly #toRow = makeRows();
  readonly #kinds = new Map<string, WatchedKind>();
  #unavailableGroups: readonly string[] = [];

  constructor(options: ClusterStateOptions) {
    this.#options = options;
  }

  /**
   * Watches these kinds and no others. One whose group is unavailable is kept, in doubt; one that is gone takes its objects
   * with it; one that is served in another version or scope now, or whose group is back, is listed anew, and no other is.
   */
  follow(kinds: readonly KindInfo[], unavailableGroups: readonly string[]): void {
    const wanted = new Map(kinds.map((info) => [nameOf(info), info]));
    // The watch of one that was away would wait for its next try.
    const back = this.#unavailableGroups.filter((group) => !unavailableGroups.includes(group));
    const isBack = ({ info, watches }: WatchedKind): boolean => back.includes(info.group) && watches.some(({ state }) => state === 'interrupted');
    for (const [name, { info }] of this.#kinds) if (!wanted.has(name) && !unavailableGroups.includes(info.group)) this.#forgetKind(name);
    for (const [name, info] of wanted) {
      const known = this.#kinds.get(name);
      if (known?.info.version === info.version && known.info.namespaced === info.namespaced && !isBack(known)) continue;
      if (known !== undefined) void stopAll(known.watches);
      this.#startWatch(name, info);
    }
    this.#unavailableGroups = unavailableGroups;
  }

  /** Those whose API can't be reached now. */
  unavailableGroups(): readonly string[] {
    return this.#unavailableGroups;
  }

  /** Waits a moment for the first complete list. */
  async whenListed(group: string, kind: string, namespace?: string): Promise<KindState> {
    const watched = this.#kinds.get(`${group}/${kind}`);
    if (watched !== undefined && this.kindState(group, kind, namespace) === 'pending') {
      await Promise.race([watched.synced, new Promise((resolve) => void setTimeout(resolve, firstListWaitMs).unref())]);
    }
    return this.kindState(group, kind, namespace);
  }

  /** Of all its objects, or of those in one namespace. A namespace that isn't watched is as good as forbidden. */
  kindState(group: string, kind: string, namespace?: string): KindState {
    const watched = this.#kinds.get(`${group}/${kind}`);
    if (this.#unavailableGroups.includes(group)) return 'unavailable';
    if (watched === undefined) return 'unserved';
    const states = watched.watches.filter((one) => namespace === undefined || (one.namespace ?? namespace) === namespace).map(({ state }) => state);
    if (states.length === 0) return 'forbidden';
    if (this.failure(group, kind, namespace) !== undefined) return 'failing';
    return (['forbidden', 'pending', 'interrupted'] as const).find((state) => states.includes(state)) ?? 'synced';
  }

  /** Why the list of a kind fails, once that has lasted. */
  failure(group: string, kind: string, namespace?: string): ListFailure | undefined {
    const watches = this.#kinds.get(`${group}/${kind}`)?.watches ?? [];
    return watches
      .filter((one) => namespace === undefined || (one.namespace ?? namespace) === namespace)
      .map((one) => one.failure.told())
      .find((told) => told !== undefined);
  }

  row(key: string): LiveRow | undefined {
    return this.#rows.get(key);
  }

  childrenOf(uid: string): readonly LiveRow[] {
    return [...this.#children.of(uid)].flatMap((key) => this.#rows.get(key) ?? []);
  }

  /** An answer of the API server that may be newer than what the watch has told so far. */
  observe(object: KubeObject): void {
    const key = resourceKey(resourceIdOf(object));
    const before = this.#rows.get(key);
    if (before !== undefined && before.apiVersion === object.apiVersion && !isNewer(object, before)) return;
    this.#set(key, this.#toRow(key, object, this.#options.isManaged(key, object)));
  }

  /** The whole object behind a row that had its metadata only. */
  complete(object: KubeObject): void {
    const key = resourceKey(resourceIdOf(object));
    const before = this.#rows.get(key);
    if (before === undefined || before.object === undefined || isNewer(object, before)) this.#set(key, this.#toRow(key, object, true));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#kinds.values()].map(({ watches }) => stopAll(watches)));
  }

  #startWatch(name: string, info: KindInfo): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watched: WatchedKind = { info, watches: [], synced: promise, resolve };
    // What was known before (in another version, or from our own writes) and is not told again went meanwhile.
    const before = new Set(this.#keysOf(name));
    this.#kinds.set(name, watched);
    const namespaces = info.namespaced ? (this.#options.namespaces ?? [undefined]) : [undefined];
    for (const namespace of namespaces) watched.watches.push(this.#watch(watched, namespace, before));
  }

  #watch(kind: WatchedKind, namespace: string | undefined, before: Set<string>): KindWatch {
    const { kube } = this.#options;
    const { group, version, kind: kindName } = kind.info;
    const become = (state: KindWatch['state']): void => {
      own.state = state;
      if (kind.watches.every((one) => one.state === 'synced' || one.state === 'forbidden')) kind.resolve();
    };
    const failure = makeLastingFailure({
      clock: this.#options.clock,
      afterMs: this.#options.failingAfterMs,
      changed: () =>
        this.#options.onFailing(
          kind.info,
          kind.watches.some((one) => one.failure.told() !== undefined),
        ),
    });
    const own: Omit<KindWatch, 'watch'> & Partial<Pick<KindWatch, 'watch'>> = { namespace, state: 'pending', failure };
    own.watch = kube.watch({
      group,
      version,
      kind: kindName,
      ...(namespace === undefined ? {} : { namespace }),
      listener: {
        upsert: (object) => {
          before.delete(resourceKey(resourceIdOf(object)));
          this.observe(object);
        },
        remove: (object) => this.#remove(object),
        synced: () => {
          become('synced');
          failure.ended();
          // Where one namespace is not known yet, what was known before may be in it.
          if (!kind.watches.every((one) => one.state === 'synced')) return;
          for (const key of before) this.#set(key, undefined);
          before.clear();
        },
        interrupted: (error) => {
          this.#interrupted(kind, own.state, error, become);
          failure.failed(error);
        },
      },
    });
    return own as KindWatch;
  }

  #interrupted(kind: WatchedKind, before: KindWatch['state'], error: Error, become: (state: KindWatch['state']) => void): void {
    const { group, kind: kindName } = kind.info;
    const code = AppError.is(error) ? error.code : 'internal';
    if (code === 'permission-denied') {
      if (before !== 'forbidden')
        this.#options.log.warn('objects of a kind may not be listed; applications that need it say so', { group, kind: kindName, reason: error.message });
      return become('forbidden');
    }
    // What discovery no longer has is forgotten by `follow`; until then nothing is known of it.
    if (before === 'synced' && code !== 'unknown-kind' && code !== 'not-found')
      this.#options.log.warn('watch interrupted, absence of objects is unknown until it resumes', { group, kind: kindName, reason: error.message });
    become('interrupted');
  }

  #keysOf(name: string): string[] {
    return [...this.#rows.keys()].filter((key) => key.startsWith(`${name}/`));
  }

  #forgetKind(name: string): void {
    void stopAll(this.#kinds.get(name)?.watches ?? []);
    this.#kinds.delete(name);
    for (const key of this.#keysOf(name)) this.#set(key, undefined);
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
    for (const uid of before?.ownerUids ?? []) if (row?.ownerUids.includes(uid) !== true) this.#children.remove(uid, key);
    if (row === undefined) this.#rows.delete(key);
    else {
      this.#rows.set(key, row);
      for (const uid of row.ownerUids) this.#children.add(uid, key);
    }
    this.#options.onChange(key, before, row);
  }
}

/** Whether an object is newer than a row. */
function isNewer(object: KubeObject, row: LiveRow): boolean {
  return object.metadata.uid !== row.uid || isNewerVersion(object.metadata.resourceVersion ?? '', row.resourceVersion);
}

const nameOf = ({ group, kind }: { group: string; kind: string }): string => `${group}/${kind}`;

const stopAll = (watches: readonly KindWatch[]): Promise<unknown> =>
  Promise.all(
    watches.map(({ watch, failure }) => {
      failure.ended();
      return watch.stop();
    }),
  );
