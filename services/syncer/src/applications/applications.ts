import type { Application, Logger } from '@plumbline/contracts';
import { AppError, applicationStream, canonicalJson, parseApplicationStream, projectOf } from '@plumbline/contracts';
import type { KubeClient, Watch } from '@plumbline/kube';
import { instanceName } from '@plumbline/manifests';
import { isNewerVersion } from '../live/resource-version.ts';
import type { Entry } from '../reconcile/entry.ts';
import { refreshAnnotation } from '../reconcile/entry.ts';
import { terminatingSince, terminationOf } from '../reconcile/terminate.ts';
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
export class Applications {
  readonly #options: ApplicationsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #byInstance = new Map<string, Entry>();
  /** Streams without a resource so far: not listed yet, or gone while nobody looked. */
  readonly #unclaimed: Map<string, Folded>;
  #watch: Watch | undefined;

  constructor(options: ApplicationsOptions) {
    this.#options = options;
    this.#unclaimed = new Map(options.known);
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  all(): Iterable<Entry> {
    return this.#entries.values();
  }

  byInstance(instance: string): Entry | undefined {
    return this.#byInstance.get(instance);
  }

  byProject(project: string): Entry[] {
    return [...this.#entries.values()].filter(({ resource }) => projectOf(resource) === project);
  }

  /** An answer of the API server to our own write. */
  written(entry: Entry, resource: Application): void {
    if (resource.metadata.uid !== entry.log.id.uid) return;
    const { resourceVersion = '' } = resource.metadata;
    if (entry.adoptedOperation !== undefined && resource.operation === undefined) {
      entry.clearedOperation = entry.adoptedOperation;
      delete entry.adoptedOperation;
    }
    if (isNewerVersion(resourceVersion, entry.resource.metadata.resourceVersion ?? '')) {
      // The answer holds what others wrote meanwhile, and the watch won't tell it again.
      const isChanged = whatIsWanted(entry.resource) !== whatIsWanted(resource);
      entry.resource = resource;
      if (isChanged) this.#options.wake(entry.key);
    }
    if (resource.metadata.annotations?.[refreshAnnotation] === undefined) delete entry.refresh;
  }

  /** After `ApplicationDeleted`. */
  forget(entry: Entry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#byInstance.delete(entry.instance);
  }

  hasSynced(): boolean {
    return this.#watch?.hasSynced() === true;
  }

  /** Does nothing the second time. */
  start(): void {
    const { kube, log, controlNamespace } = this.#options;
    this.#watch ??= kube.watch({
      group: 'argoproj.io',
      version: 'v1alpha1',
      kind: 'Application',
      namespace: controlNamespace,
      listener: {
        upsert: (object) => this.#upsert(object as unknown as Application),
        remove: (object) => this.#remove(object.metadata),
        synced: () => this.#endUnclaimed(),
        interrupted: (error) => log.warn('the watch of Applications is interrupted; it retries', { reason: error.message }),
      },
    });
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
  }

  #upsert(resource: Application): void {
    const { namespace = '', name, uid = '', resourceVersion = '' } = resource.metadata;
    const key = `${namespace}/${name}`;
    const known = this.#entries.get(key);
    if (known?.log.id.uid === uid) {
      if (!isNewerVersion(resourceVersion, known.resource.metadata.resourceVersion ?? '')) return;
      const isChanged = whatIsWanted(known.resource) !== whatIsWanted(resource);
      known.resource = resource;
      if (terminatingSince(resource) !== undefined && terminationOf(known).length > 0) known.interrupt?.();
      if (isChanged) this.#options.wake(key);
      return;
    }
    // The name was deleted and made again: the old stream ends, this one is new.
    if (known !== undefined) {
      known.isPresent = false;
      this.#end(known.log, false);
    }
    this.#add(key, resource, { namespace, name, uid }, known?.wanted ?? new Set());
    this.#options.wake(key);
  }

  #add(key: string, resource: Application, id: { namespace: string; name: string; uid: string }, wanted: ReadonlySet<string>): void {
    const stream = applicationStream(id);
    const log = new ApplicationLog(id, this.#unclaimed.get(stream) ?? unseen, this.#options.logOptions);
    this.#unclaimed.delete(stream);
    const instance = instanceName(id, this.#options.controlNamespace);
    const entry: Entry = { key, instance, resource, isPresent: true, log, unanswered: 0, recordsPointer: false, wanted };
    this.#entries.set(key, entry);
    this.#byInstance.set(instance, entry);
  }

  #remove({ namespace = '', name, uid }: { namespace?: string; name: string; uid?: string }): void {
    const entry = this.#entries.get(`${namespace}/${name}`);
    if (entry === undefined || (uid !== undefined && entry.log.id.uid !== uid)) return;
    entry.isPresent = false;
    this.#options.wake(entry.key);
  }

  /** After the first complete list: streams that nobody claimed are of applications that were deleted meanwhile. */
  #endUnclaimed(): void {
    for (const [stream, folded] of this.#unclaimed) {
      const id = parseApplicationStream(stream);
      if (id !== undefined && folded.state.status === 'declared')
        this.#end(new ApplicationLog(id, folded, this.#options.logOptions), folded.state.deletion?.cascade === true);
    }
    this.#unclaimed.clear();
  }

  #end(log: ApplicationLog, cascaded: boolean): void {
    void this.#forget(log, cascaded).catch((error: unknown) =>
      this.#options.log.error('could not record that an application is gone; the next start will', { stream: log.stream, reason: String(error) }),
    );
  }

  async #forget(log: ApplicationLog, cascaded: boolean): Promise<void> {
    try {
      await log.execute([{ type: 'ForgetApplication', cascaded }]);
    } catch (error) {
      if (!AppError.is(error) || error.code !== 'conflict') throw error;
      // A reconcile that was still running wrote last; the log has read that by now.
      await log.execute([{ type: 'ForgetApplication', cascaded }]);
    }
  }
}

/** What a reconcile depends on: an annotation may be a word that is waited for. Our own writes of status and metadata are not in it. */
function whatIsWanted(resource: Application): string {
  const { spec, operation, metadata } = resource;
  return canonicalJson([
    spec,
    operation ?? null,
    Object.entries(metadata.annotations ?? {}).filter(([name]) => name.startsWith('argocd.argoproj.io/')),
    metadata.deletionTimestamp ?? null,
    metadata.finalizers ?? [],
    terminatingSince(resource) ?? null,
  ]);
}
