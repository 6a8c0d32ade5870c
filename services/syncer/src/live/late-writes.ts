import type { Clock, ResourceRef } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { groupVersionKind, resourceIdOf, resourceKey, type KubeObject } from '@plumbline/manifests';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import type { LiveRow } from './row.ts';

/** A write under our name that this process did not make. */
export interface LateWrite {
  resource: ResourceRef;
  resourceVersion: string;
}

/**
 * The API server knows no epochs: a request that the former owner of a cluster had in flight at the take-over may still
 * land. Then the new owner's watch shows an object changed by our field manager in a version that none of its own
 * writes was answered with. Looked for as long as a request can take after the take-over; what came of a write of our
 * own is not known until its answer, so what is seen meanwhile waits for that, and nothing is concluded from a write
 * that failed. Where another manager wrote within the same second nothing is concluded: managedFields have no finer time.
 */
export interface LateWrites {
  /** The client through which this process writes to the cluster. */
  client(kube: KubeClient): KubeClient;
  /** A live object is told in another version than before. */
  changed(before: LiveRow | undefined, after: LiveRow | undefined): void;
}

interface KeyWrites {
  inFlight: number;
  /** Of our own writes' answers. */
  versions: Set<string>;
  /** A write of ours ended without an answer that tells. */
  isUncertain: boolean;
  waiting: KubeObject[];
}

/** Begins at the moment of the take-over. `found` is called once per write. */
export function makeLateWrites(clock: Clock, found: (object: KubeObject, write: LateWrite) => void): LateWrites {
  const endsAt = clock() + limits.lateWriteMs;
  const keys = new Map<string, KeyWrites>();

  const keyOf = (object: KubeObject): string => resourceKey(resourceIdOf(object));

  const judge = (object: KubeObject): void => {
    const key = keyOf(object);
    const { inFlight, versions, isUncertain, waiting } = keys.get(key) ?? { inFlight: 0, versions: new Set(), isUncertain: false, waiting: [] };
    const resourceVersion = object.metadata.resourceVersion ?? '';
    if (isUncertain || versions.has(resourceVersion)) return;
    if (inFlight > 0) waiting.push(object);
    else {
      const { namespace = '', name } = object.metadata;
      found(object, { resource: { ...groupVersionKind(object), namespace, name }, resourceVersion });
    }
  };

  const writing = async (key: string, write: () => Promise<KubeObject>): Promise<KubeObject> => {
    if (clock() > endsAt) return write();
    const known = keys.get(key) ?? { inFlight: 0, versions: new Set(), isUncertain: false, waiting: [] };
    keys.set(key, known);
    known.inFlight++;
    try {
      const answer = await write();
      known.versions.add(answer.metadata.resourceVersion ?? '');
      return answer;
    } catch (error) {
      known.isUncertain = true;
      throw error;
    } finally {
      known.inFlight--;
      if (known.inFlight === 0) for (const object of known.waiting.splice(0)) judge(object);
    }
  };

  return {
    client: (kube) => ({
      discover: (options) => kube.discover(options),
      get: (ref) => kube.get(ref),
      list: (kind, options) => kube.list(kind, options),
      delete: (ref, options) => kube.delete(ref, options),
      watch: (options) => kube.watch(options),
      close: () => kube.close(),
      create: (object, options) => (options?.dryRun === true ? kube.create(object, options) : writing(keyOf(object), () => kube.create(object, options))),
      apply: (object, options) => (options.dryRun === true ? kube.apply(object, options) : writing(keyOf(object), () => kube.apply(object, options))),
      replace: (object, options) => (options.dryRun === true ? kube.replace(object, options) : writing(keyOf(object), () => kube.replace(object, options))),
      mergePatch: (ref, patch, options) =>
        options.dryRun === true
          ? kube.mergePatch(ref, patch, options)
          : writing(resourceKey({ namespace: '', ...ref }), () => kube.mergePatch(ref, patch, options)),
    }),
    changed(before, after) {
      if (clock() > endsAt) return keys.clear();
      if (after?.object === undefined || (before !== undefined && (before.object === undefined || before.resourceVersion === after.resourceVersion))) return;
      if (!isLastWrittenByUs(after.object)) return;
      judge(after.object);
    },
  };
}

/**
 * Whether our manager, and no other, made the latest change that managedFields tell of. Somebody else's change may take
 * fields out of our entry, and leaves its time; one that is being deleted changes without any manager.
 */
function isLastWrittenByUs({ metadata }: KubeObject): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  const entries = metadata.managedFields ?? [];
  const latest = entries.reduce((time, entry) => ((entry.time ?? '') > time ? (entry.time ?? '') : time), '');
  return latest !== '' && entries.every(({ time, manager, subresource = '' }) => time !== latest || (manager === fieldManager.objects && subresource === ''));
}
