import { annotation, type KubeObject } from '@plumbline/manifests';
import type { WatchListener } from './port.ts';

/**
 * What a watch has told its listener: by namespace and name the metadata of the last version, without managedFields and
 * kubectl's copy of the manifest. Enough to say what vanished; about a tenth of keeping the objects.
 */
export interface KnownObjects {
  /** Tells the listener, unless this very version was told before. */
  upsert(object: KubeObject): void;
  remove(object: KubeObject): void;
  /** After a complete list: everything that is known and was not in it is gone. */
  removeAllBut(listed: ReadonlySet<string>): void;
}

export const keyOf = (object: KubeObject): string => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;

export function makeKnownObjects(listener: WatchListener): KnownObjects {
  const known = new Map<string, KubeObject>();
  // What is known changes after the listener has taken it: if it throws, the next list tells it again.
  const remove = (key: string, object: KubeObject): void => {
    listener.remove(object);
    known.delete(key);
  };
  return {
    upsert(object) {
      const key = keyOf(object);
      const last = known.get(key);
      if (last !== undefined && last.metadata.uid !== object.metadata.uid) remove(key, last);
      else if (last !== undefined && last.metadata.resourceVersion === object.metadata.resourceVersion) return;
      listener.upsert(object);
      known.set(key, metadataOf(object));
    },
    remove(object) {
      const key = keyOf(object);
      const last = known.get(key);
      // A late end of an earlier object of this name must not take the present one away.
      if (last === undefined || last.metadata.uid === object.metadata.uid) remove(key, object);
    },
    removeAllBut(listed) {
      for (const [key, object] of known) if (!listed.has(key)) remove(key, object);
    },
  };
}

function metadataOf(object: KubeObject): KubeObject {
  const { managedFields: _managedFields, annotations, ...metadata } = object.metadata;
  if (annotations === undefined) return { apiVersion: object.apiVersion, kind: object.kind, metadata };
  const { [annotation.lastApplied]: _manifest, ...kept } = annotations;
  return { apiVersion: object.apiVersion, kind: object.kind, metadata: { ...metadata, annotations: kept } };
}
