import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from './port.ts';

export type Data = Readonly<Record<string, string>>;

/** Argo CD reads only ConfigMaps and Secrets that carry this label; so a watch of it sees no other Secret. */
export const partOfArgocd = { 'app.kubernetes.io/part-of': 'argocd' } as const;

export interface DataWatchOptions {
  kind: 'ConfigMap' | 'Secret';
  namespace: string;
  names: readonly string[];
  /** Called at each change of one of them, and when the first complete view is there. */
  changed?(): void;
}

/** The texts of a few ConfigMaps, or of a few Secrets (decoded), as they now are. In memory only, never logged. */
export interface DataWatch {
  /** Empty: there is no such object, or it isn't known yet. */
  of(name: string): Data;
  hasSynced(): boolean;
  stop(): Promise<void>;
}

export function watchData(kube: Pick<KubeClient, 'watch'>, { kind, namespace, names, changed }: DataWatchOptions): DataWatch {
  const known = new Map<string, Data>();
  let isComplete = false;
  const watch = kube.watch({
    group: '',
    version: 'v1',
    kind,
    namespace,
    labelSelector: 'app.kubernetes.io/part-of=argocd',
    listener: {
      upsert(object) {
        if (!names.includes(object.metadata.name)) return;
        const { name } = object.metadata;
        const data = kind === 'Secret' ? decodedData(object) : dataOf(object);
        // A relist tells everything again.
        if (isDeepStrictEqual(known.get(name), data)) return;
        known.set(name, data);
        changed?.();
      },
      remove(object) {
        if (known.delete(object.metadata.name)) changed?.();
      },
      synced() {
        if (isComplete) return;
        isComplete = true;
        changed?.();
      },
    },
  });
  return { of: (name) => known.get(name) ?? {}, hasSynced: () => isComplete, stop: () => watch.stop() };
}

function dataOf(object: { readonly [field: string]: unknown }): Data {
  const data = object['data'];
  if (typeof data !== 'object' || data === null) return {};
  return Object.fromEntries(Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** A Secret's data, decoded. */
export const decodedData = (object: { readonly [field: string]: unknown }): Data =>
  Object.fromEntries(Object.entries(dataOf(object)).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
