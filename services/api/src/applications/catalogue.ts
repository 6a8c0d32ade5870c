import { applicationStream, initialApplicationStatus, shownStatus } from '@plumbline/contracts';
import type { Application } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import type { KnownApplication, StatusProjection } from './status-projection.ts';

/** The Applications of the control namespace as they are now declared, each with the status that the log tells. */
export interface Catalogue {
  isKnown(): boolean;
  get(name: string): Application | undefined;
  list(): Application[];
  known(application: Application): KnownApplication | undefined;
  /** What a write answered: it may be there before the watch says so, and who writes must be able to read. */
  take(object: KubeObject): Application;
  /** What was deleted at once (without finalizers). */
  forget(uid: string): void;
  resourceVersion(): string;
  stop(): Promise<void>;
}

export function watchApplications(kube: KubeClient, namespace: string, statuses: StatusProjection): Catalogue {
  const objects = new Map<string, KubeObject>();
  let newest = 0n;

  /** Versions of one kind in one API server are comparable numbers (Kubernetes KEP-5504). */
  const take = (object: KubeObject): void => {
    const { name, uid } = object.metadata;
    const known = objects.get(name);
    if (known !== undefined && known.metadata.uid === uid && versionOf(known) > versionOf(object)) return;
    objects.set(name, object);
    if (versionOf(object) > newest) newest = versionOf(object);
  };
  const drop = (uid: string | undefined): void => {
    for (const [name, object] of objects) if (object.metadata.uid === uid) objects.delete(name);
  };

  const watch = kube.watch({
    group: 'argoproj.io',
    version: 'v1alpha1',
    kind: 'Application',
    namespace,
    listener: { upsert: take, remove: (object) => drop(object.metadata.uid) },
  });

  const known = ({ metadata: { name, uid = '' } }: Application): KnownApplication | undefined => statuses.find(applicationStream({ namespace, name, uid }));
  const view = (object: KubeObject): Application => {
    const { managedFields: _, ...metadata } = object.metadata;
    const application = { ...object, metadata } as unknown as Application;
    return { ...application, status: { ...shownStatus(known(application)?.status ?? initialApplicationStatus) } };
  };

  return {
    isKnown: () => watch.hasSynced(),
    get: (name) => {
      const object = objects.get(name);
      return object === undefined ? undefined : view(object);
    },
    list: () => [...objects.values()].map(view),
    known,
    take: (object) => {
      take(object);
      return view(object);
    },
    forget: drop,
    resourceVersion: () => (newest === 0n ? '' : String(newest)),
    stop: () => watch.stop(),
  };
}

function versionOf(object: KubeObject): bigint {
  const version = object.metadata.resourceVersion ?? '';
  return /^\d{1,30}$/.test(version) ? BigInt(version) : 0n;
}
