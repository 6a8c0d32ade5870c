import { limits } from '../limits.ts';

/** What was said to whom, in the order it was said: what an outside observer may hold the platform to. */
export interface Acknowledged {
  kind: 'sync' | 'create' | 'update' | 'delete';
  application: string;
  /** Of an update: the number that the annotation was set to. */
  edit?: number;
}

export interface PushedCommit {
  commit: string;
  /** Folders of the applications that it changed. */
  applications: readonly string[];
}

export class History {
  /** Position → event id, as any subscriber saw it. */
  readonly #seen = new Map<number, string>();
  readonly acknowledged: Acknowledged[] = [];
  /** In the order of Git. */
  readonly pushed: PushedCommit[] = [];
  /** Asked to be deleted, whatever was answered. */
  readonly deletions = new Set<string>();
  readonly problems: string[] = [];
  /** Calls whose answer never came or was an error: nothing may be concluded from them. */
  unknown = 0;
  refused = 0;
  pushesFailed = 0;
  manualEdits = 0;

  readonly #edits = new Map<string, { count: number; lastMs: number }>();

  /** Counts an edit by hand, unless it would be one too many without a quiet time. */
  mayEdit(application: string, nowMs: number): boolean {
    const { count, lastMs } = this.#edits.get(application) ?? { count: 0, lastMs: nowMs };
    const before = nowMs - lastMs > limits.quietMs ? 0 : count;
    if (before >= limits.editsInARowMax) return false;
    this.#edits.set(application, { count: before + 1, lastMs: nowMs });
    return true;
  }

  problem(text: string): void {
    this.problems.push(text);
  }

  saw(subscriber: string, position: number, id: string): void {
    const before = this.#seen.get(position);
    if (before === undefined) this.#seen.set(position, id);
    else if (before !== id) this.problem(`I2: position ${position} was event ${before}, and is ${id} for ${subscriber}`);
  }

  get seen(): ReadonlyMap<number, string> {
    return this.#seen;
  }
}
