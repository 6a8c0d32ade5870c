import type { KubeObject } from '@plumbline/manifests';
import type { WatchListener } from './port.ts';

/** What a watch has told its listener: which version of which object. Enough to say what vanished; a hundred bytes each. */
export interface KnownObjects {
  /** Tells the listener, unless this very version was told before. */
  upsert(object: KubeObject): void;
  remove(object: KubeObject): void;
  /** After a complete list: everything that is known and was not in it is gone. */
  removeAllBut(listed: ReadonlySet<string>): void;
}

export const keyOf = (object: KubeObject): string => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;

interface Known {
  uid: string | undefined;
  resourceVersion: string | undefined;
}

export function makeKnownObjects(listener: WatchListener): KnownObjects {
  const known = new Map<string, Known>();
  let type = { apiVersion: '', kind: '' };
  // What is known changes after the listener has taken it: if it throws, the next list tells it again.
  const remove = (key: string, last: Known): void => {
    listener.remove({ ...type, metadata: metadataOf(key, last) });
    known.delete(key);
  };
  return {
    upsert(object) {
      const { apiVersion, kind } = object;
      if (type.apiVersion !== apiVersion || type.kind !== kind) type = { apiVersion, kind };
      const { uid, resourceVersion } = object.metadata;
      const key = keyOf(object);
      const last = known.get(key);
      if (last !== undefined && last.uid !== uid) remove(key, last);
      else if (last !== undefined && last.resourceVersion === resourceVersion) return;
      listener.upsert(object);
      known.set(key, { uid, resourceVersion });
    },
    remove(object) {
      const key = keyOf(object);
      const { apiVersion, kind } = object;
      const last = known.get(key);
      // A late end of an earlier object of this name must not take the present one away.
      if (last !== undefined && last.uid !== object.metadata.uid) return;
      const { uid, resourceVersion } = object.metadata;
      listener.remove({ apiVersion, kind, metadata: metadataOf(key, { uid, resourceVersion }) });
      known.delete(key);
    },
    removeAllBut(listed) {
      for (const [key, last] of known) if (!listed.has(key)) remove(key, last);
    },
  };
}

function metadataOf(key: string, { uid, resourceVersion }: Known): KubeObject['metadata'] {
  const slash = key.indexOf('/');
  const namespace = key.slice(0, slash);
  return {
    name: key.slice(slash + 1),
    ...(namespace === '' ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
