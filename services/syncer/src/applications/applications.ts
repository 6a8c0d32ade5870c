import type { Application, Logger } from '@plumbline/contracts';
import { canonicalJson, parseApplicationStream } from '@plumbline/contracts';
import type { KubeClient, Watch } from '@plumbline/kube';
import { instanceName } from '@plumbline/manifests';
import { isNewerVersion } from '../live/resource-version.ts';
import type { Entry } from '../reconcile/entry.ts';
import { refreshAnnotation } from '../reconcile/entry.ts';
import type { ApplicationLogOptions, Folded } from './application-log.ts';
import { ApplicationLog, unseen } from './application-log.ts';

export interface ApplicationsOptions {
  kube: KubeClient;
  log: Logger;
  controlNamespace: string;
  logOptions: ApplicationLogOptions;
  /** Streams as the projection knows them at start. */
  known: ReadonlyMap<string, Folded>;
  wake(key: string): void;
}

/** The Applications of the control namespace: what the API server says is wanted, joined with their streams. */
export interface Applications {
  get(key: string): Entry | undefined;
  all(): Iterable<Entry>;
  byInstance(instance: string): Entry | undefined;
  byProject(project: string): Entry[];
  /** An answer of the API server to our own write. */
  written(entry: Entry, resource: Application): void;
  /** After `ApplicationDeleted`. */
  forget(entry: Entry): void;
  hasSynced(): boolean;
  start(): void;
  stop(): Promise<void>;
}

export function makeApplications(options: ApplicationsOptions): Applications {
  const entries = new Map<string, Entry>();
  const byInstance = new Map<string, Entry>();
  /** Streams of applications whose resource went while nobody looked. */
  const orphaned = new Map<string, Folded>(options.known);
  let watch: Watch | undefined;

  const add = (resource: Application, folded: Folded): Entry => {
    const { namespace = '', name, uid = '' } = resource.metadata;
    const key = `${namespace}/${name}`;
    const log = new ApplicationLog({ namespace, name, uid }, folded, options.logOptions);
    const entry: Entry = { key, instance: instanceName({ namespace, name }, options.controlNamespace), resource, isPresent: true, log, unanswered: 0, recordsPointer: false, wanted: new Set(), operationClearedAt: '' };
    entries.set(key, entry);
    byInstance.set(entry.instance, entry);
    return entry;
  };

  const upsert = (resource: Application): void => {
    const { namespace = '', name, uid = '', resourceVersion = '' } = resource.metadata;
    const key = `${namespace}/${name}`;
    const known = entries.get(key);
    if (known?.log.id.uid === uid) {
      if (!isNewerVersion(resourceVersion, known.resource.metadata.resourceVersion ?? '')) return;
      const isChanged = whatIsWanted(known.resource) !== whatIsWanted(resource);
      known.resource = resource;
      if (isChanged) options.wake(key);
      return;
    }
    // The name was deleted and made again: the old stream ends, this one is new.
    if (known !== undefined) endStream(known);
    const stream = `application-${namespace}/${name}/${uid}`;
    const folded = orphaned.get(stream) ?? unseen;
    orphaned.delete(stream);
    add(resource, folded);
    options.wake(key);
  };

  const endStream = (entry: Entry): void => {
    entry.isPresent = false;
    void entry.log.execute([{ type: 'ForgetApplication', cascaded: false }]).catch((error: unknown) => options.log.warn('could not record that an application is gone', { application: entry.key, reason: String(error) }));
  };

  const remove = (resource: { metadata: { namespace?: string; name: string; uid?: string } }): void => {
    const entry = entries.get(`${resource.metadata.namespace ?? ''}/${resource.metadata.name}`);
    if (entry === undefined || (resource.metadata.uid !== undefined && entry.log.id.uid !== resource.metadata.uid)) return;
    entry.isPresent = false;
    options.wake(entry.key);
  };

  const forgetOrphans = (): void => {
    for (const [stream, folded] of orphaned) {
      const id = parseApplicationStream(stream);
      if (id === undefined || folded.state.status !== 'declared') continue;
      const log = new ApplicationLog(id, folded, options.logOptions);
      void log.execute([{ type: 'ForgetApplication', cascaded: folded.state.isDeleting }]).catch((error: unknown) => options.log.warn('could not record that an application is gone', { application: stream, reason: String(error) }));
    }
    orphaned.clear();
  };

  return {
    get: (key) => entries.get(key),
    all: () => entries.values(),
    byInstance: (instance) => byInstance.get(instance),
    byProject: (project) => [...entries.values()].filter(({ resource }) => (resource.spec.project === '' ? 'default' : resource.spec.project) === project),
    written(entry, resource) {
      if (resource.metadata.uid !== entry.log.id.uid) return;
      if (entry.adoptedOperation !== undefined && resource.operation === undefined) {
        delete entry.adoptedOperation;
        entry.operationClearedAt = resource.metadata.resourceVersion ?? '';
      }
      if (isNewerVersion(resource.metadata.resourceVersion ?? '', entry.resource.metadata.resourceVersion ?? '')) entry.resource = resource;
      if (resource.metadata.annotations?.[refreshAnnotation] === undefined) delete entry.refresh;
    },
    forget(entry) {
      if (entries.get(entry.key) !== entry) return;
      entries.delete(entry.key);
      byInstance.delete(entry.instance);
    },
    hasSynced: () => watch?.hasSynced() === true,
    start() {
      watch = options.kube.watch({
        group: 'argoproj.io',
        version: 'v1alpha1',
        kind: 'Application',
        namespace: options.controlNamespace,
        listener: {
          upsert: (object) => upsert(object as unknown as Application),
          remove,
          synced: forgetOrphans,
          interrupted: (error) => options.log.warn('the watch of Applications is interrupted; it retries', { reason: error.message }),
        },
      });
    },
    async stop() {
      await watch?.stop();
    },
  };
}

/** What a reconcile depends on; our own writes of status and metadata are not in it. */
function whatIsWanted({ spec, operation, metadata }: Application): string {
  return canonicalJson([spec, operation ?? null, metadata.annotations?.[refreshAnnotation] ?? null, metadata.deletionTimestamp ?? null, metadata.finalizers ?? []]);
}
