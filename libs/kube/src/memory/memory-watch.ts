import type { KubeObject } from '@plumbline/manifests';
import type { Watch, WatchOptions } from '../port.ts';

/** One change as a watch tells it. */
export interface Change {
  object: KubeObject;
  isGone: boolean;
}

/** What a watch reads: the objects as they are, and the changes in order. */
export interface WatchSource {
  matching(): KubeObject[];
  /** Index behind the last change. */
  end(): number;
  /** Undefined: not there yet. */
  change(index: number): Change | undefined;
}

/** List, then the changes one by one and in order, each told in a turn of its own. Can be cut as a network does it. */
export class MemoryWatch implements Watch {
  readonly options: WatchOptions;
  readonly #source: WatchSource;
  readonly #later: (run: () => void) => void;
  readonly #known = new Map<string, KubeObject>();
  #next = 0;
  #isListed = false;
  #hasSynced = false;
  #isCut = false;
  #isStopped = false;
  #isPumping = false;

  constructor(options: WatchOptions, source: WatchSource, later: (run: () => void) => void) {
    this.options = options;
    this.#source = source;
    this.#later = later;
    this.pump();
  }

  hasSynced(): boolean {
    return this.#hasSynced;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
  }

  /** Tells what is new, in turns to come. */
  pump(): void {
    if (this.#isPumping || this.#isStopped || this.#isCut) return;
    if (this.#isListed && this.#source.end() <= this.#next) return;
    this.#isPumping = true;
    this.#later(() => {
      this.#isPumping = false;
      if (this.#isStopped || this.#isCut) return;
      if (this.#isListed) this.#tellNext();
      else this.#list();
      this.pump();
    });
  }

  cut(error: Error): void {
    if (this.#isStopped || this.#isCut) return;
    this.#isCut = true;
    if (this.#hasSynced) this.options.listener.interrupted?.(error);
  }

  /** `isTooOld`: the server has forgotten the changes since (410), so everything is listed again. */
  reconnect(isTooOld: boolean): void {
    if (!this.#isCut || this.#isStopped) return;
    this.#isCut = false;
    if (isTooOld) this.#isListed = false;
    else if (this.#isListed) this.options.listener.synced?.();
    this.pump();
  }

  #list(): void {
    this.#next = this.#source.end();
    const listed = this.#source.matching();
    for (const object of listed) this.#upsert(object);
    const names = new Set(listed.map(nameOf));
    for (const [name, object] of this.#known) if (!names.has(name)) this.#remove(object);
    this.#isListed = true;
    this.#hasSynced = true;
    this.options.listener.synced?.();
  }

  #tellNext(): void {
    const change = this.#source.change(this.#next++);
    if (change === undefined) return;
    if (change.isGone) this.#remove(change.object);
    else this.#upsert(change.object);
  }

  #upsert(object: KubeObject): void {
    const before = this.#known.get(nameOf(object));
    if (before !== undefined && before.metadata.uid !== object.metadata.uid) this.#remove(before);
    this.#known.set(nameOf(object), object);
    this.options.listener.upsert(structuredClone(object));
  }

  #remove(object: KubeObject): void {
    const before = this.#known.get(nameOf(object));
    if (before === undefined || before.metadata.uid !== object.metadata.uid) return;
    this.#known.delete(nameOf(object));
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const metadata = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    this.options.listener.remove({ apiVersion: object.apiVersion, kind: object.kind, metadata });
  }
}

const nameOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;
