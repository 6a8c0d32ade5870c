import type { Health, KubeObject } from '@plumbline/manifests';
import { health, images } from '@plumbline/manifests';
import { limits } from '../limits.ts';

/**
 * What is kept of an object: of one that no application manages only this row, enough for the tree and for finding
 * owners, less than half a kilobyte.
 */
export interface LiveRow {
  key: string;
  apiVersion: string;
  uid: string;
  resourceVersion: string;
  createdAt: string;
  /** Of a kind that has one: grows with its specification. */
  generation: number | undefined;
  ownerUids: readonly string[];
  /** Of an object that somebody owns and nobody manages: what the tree shows of it. */
  shown: Shown | undefined;
  /** The whole object, managedFields included, where an application manages or wants it. */
  object: KubeObject | undefined;
}

export interface Shown {
  health?: Health;
  images: readonly string[];
}

const noOwners: readonly string[] = [];

/** Makes rows; what many rows have in common (their version, their owner, what a healthy Pod of an image shows) is kept once. */
export function makeRows(): (key: string, object: KubeObject, isManaged: boolean) => LiveRow {
  const apiVersions = sharing<string>();
  const shown = sharing<Shown>();
  const owners = sharing<readonly string[]>();
  const times = sharing<string>();
  const ownersOnce = (uids: readonly string[]): readonly string[] => owners(uids.join(), uids);
  const shownOnce = (object: KubeObject): Shown => {
    const own = shownOf(object);
    return shown(JSON.stringify(own), own);
  };
  return (key, object, isManaged) => {
    const { uid = '', resourceVersion = '', creationTimestamp = '', generation, ownerReferences } = object.metadata;
    const ownerUids = ownerReferences === undefined ? noOwners : ownersOnce(ownerReferences.map((owner) => owner.uid));
    // All fields at once: one that is added later costs each row a table of its own.
    return {
      key,
      apiVersion: apiVersions(object.apiVersion, object.apiVersion),
      uid,
      resourceVersion,
      createdAt: times(creationTimestamp, creationTimestamp),
      generation,
      ownerUids,
      shown: isManaged || ownerUids.length === 0 ? undefined : shownOnce(object),
      object: isManaged ? object : undefined,
    };
  };
}

function shownOf(object: KubeObject): Shown {
  const found = health(object);
  return { images: images([object]), ...(found === undefined ? {} : { health: found }) };
}

/** Answers the first value of each name. Forgets all when full: what was given out stays as it is. */
function sharing<T>(): (name: string, value: T) => T {
  const first = new Map<string, T>();
  return (name, value) => {
    const known = first.get(name);
    if (known !== undefined) return known;
    if (first.size >= limits.sharedValuesMax) first.clear();
    first.set(name, value);
    return value;
  };
}
