import type { KubeObject } from '@plumbline/manifests';

/** A served kind. */
export interface KindInfo {
  group: string;
  version: string;
  kind: string;
  /** Plural, as in the URL. */
  resource: string;
  namespaced: boolean;
  verbs: readonly string[];
  /** The group's preferred version. */
  preferred: boolean;
  /** `status` is written through a resource of its own; whoever writes the object doesn't write it. */
  hasStatusSubresource: boolean;
}

export interface Discovery {
  /** e.g. `v1.34.4`. */
  serverVersion: string;
  kinds: readonly KindInfo[];
  /** `v1`, `apps/v1` …: what Helm's capabilities need. */
  apiVersions: readonly string[];
  /** Groups whose discovery failed (an aggregated API that is down): their kinds are unknown, not absent. */
  unavailableGroups: readonly string[];
  find(group: string, version: string, kind: string): KindInfo | undefined;
  /** The preferred version of a kind. */
  findKind(group: string, kind: string): KindInfo | undefined;
}

export interface ObjectRef {
  group: string;
  version: string;
  kind: string;
  namespace?: string;
  name: string;
}

export interface ApplyOptions {
  fieldManager: string;
  dryRun?: boolean;
  /** Strict by default: an unknown field is an error that names it. */
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  /** Default true (the design: apply is always forced, whose managers were taken over from is recorded). */
  force?: boolean;
}

export interface WriteOptions {
  fieldManager: string;
  dryRun?: boolean;
  /** Strict by default, except for patches, where the server's own default (Warn) holds. */
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
}

export interface PatchOptions extends WriteOptions {
  /** A strategic merge patch, which only built-in kinds know: lists are merged by their keys. Default: a JSON merge patch. */
  isStrategic?: boolean;
}

export interface DeleteOptions {
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  /** Delete this very object, not one that took its name since. */
  uid?: string;
  resourceVersion?: string;
}

/**
 * One API server. Errors are AppErrors: `not-found`, `conflict`, `already-exists`, `permission-denied`, `unknown-kind`,
 * `immutable-field`, `manifest-invalid` (the server's reason in the message), `too-large`, `resource-exhausted` (429),
 * `cluster-unreachable`, `deadline-exceeded`. 429 and 5xx are retried a few times within the deadline.
 */
export interface KubeClient {
  /** Cached; `refresh: true` asks again. */
  discover(options?: { refresh?: boolean }): Promise<Discovery>;
  get(ref: ObjectRef): Promise<KubeObject | undefined>;
  /** All pages. */
  list(
    kind: { group: string; version: string; kind: string },
    options?: { namespace?: string; labelSelector?: string },
  ): Promise<{ items: KubeObject[]; resourceVersion: string }>;
  create(object: KubeObject, options?: Partial<WriteOptions>): Promise<KubeObject>;
  /** Server-side apply. */
  apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject>;
  mergePatch(ref: ObjectRef, patch: unknown, options: PatchOptions): Promise<KubeObject>;
  replace(object: KubeObject, options: WriteOptions): Promise<KubeObject>;
  /** False when it was not there. */
  delete(ref: ObjectRef, options?: DeleteOptions): Promise<boolean>;
  watch(options: WatchOptions): Watch;
  close(): Promise<void>;
}

export interface WatchOptions {
  group: string;
  version: string;
  kind: string;
  namespace?: string;
  labelSelector?: string;
  listener: WatchListener;
}

/** A listener that throws is told the same again after a wait: it must not, where one object is at fault. */
export interface WatchListener {
  /** An object as it now is: at the first list, at a change, at a relist. The same version may come twice. */
  upsert(object: KubeObject): void;
  /**
   * It is gone: a delete event, or absent from a complete relist. Told are apiVersion, kind, namespace, name, uid and the
   * last version that was known: a watch keeps no more.
   * An object made anew under the name of another is told as gone and new.
   */
  remove(object: KubeObject): void;
  /** The first complete list was delivered; again after each relist, and when an interrupted watch has resumed. */
  synced?(): void;
  /** What is known may be old from now on, until `synced` or the next event. The watch retries by itself; told again when it fails in another way. */
  interrupted?(error: Error): void;
}

/**
 * List and watch of one kind: paged list, bookmarks, resume from the last resourceVersion, 410 relists this kind only, a
 * half-open connection is noticed within a minute (the server has to end each watch before that), back-off with jitter
 * up to 30 s.
 */
export interface Watch {
  hasSynced(): boolean;
  stop(): Promise<void>;
}
