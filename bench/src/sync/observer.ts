import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';

interface Waiting {
  fits: (object: KubeObject) => boolean;
  missing: Set<string>;
  done(atMs: number): void;
}

const patienceMs = 180_000;

/** One watch of one kind in one namespace: when something was first seen, on the clock of `performance.now()`. */
export class Observer {
  readonly latest = new Map<string, KubeObject>();
  readonly #waiting = new Set<Waiting>();
  readonly #watch: ReturnType<KubeClient['watch']>;
  /** Events since the beginning: versions of objects that were seen. */
  seen = 0;

  constructor(kube: KubeClient, kind: { group: string; version: string; kind: string; namespace: string }) {
    this.#watch = kube.watch({
      ...kind,
      listener: {
        upsert: (object) => this.#saw(object),
        remove: (object) => void this.latest.delete(object.metadata.name),
      },
    });
  }

  /** When the last of these was seen to fit. Rejects when that takes longer than anybody would wait. */
  all(names: readonly string[], what: string, fits: (object: KubeObject) => boolean): Promise<number> {
    const missing = new Set(names.filter((name) => !(this.latest.has(name) && fits(this.latest.get(name)!))));
    if (missing.size === 0) return Promise.resolve(performance.now());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        const [first = ''] = missing;
        const seen = JSON.stringify(this.latest.get(first)?.['status'] ?? this.latest.get(first) ?? null);
        reject(new Error(`${what}: ${missing.size} of ${names.length} not within ${patienceMs} ms, the first is ${first}, seen last as ${seen}`));
      }, patienceMs);
      const waiting: Waiting = {
        fits,
        missing,
        done: (at) => {
          clearTimeout(timer);
          resolve(at);
        },
      };
      this.#waiting.add(waiting);
    });
  }

  stop(): Promise<void> {
    return this.#watch.stop();
  }

  #saw(object: KubeObject): void {
    const at = performance.now();
    this.seen++;
    this.latest.set(object.metadata.name, object);
    for (const waiting of this.#waiting) {
      if (!waiting.missing.has(object.metadata.name) || !waiting.fits(object)) continue;
      waiting.missing.delete(object.metadata.name);
      if (waiting.missing.size > 0) continue;
      this.#waiting.delete(waiting);
      waiting.done(at);
    }
  }
}
