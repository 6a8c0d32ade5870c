import { AppError, type Clock, type Logger, type Metrics } from '@plumbline/contracts';
import { compareEveryMs, compareJitterMs, rebuildSilenceMsMax } from '../limits.ts';
import type { Consumer, EventLog, ProjectionRun, ProjectionVerdict } from '../port.ts';
import type { Timer } from './bucket.ts';
import { bucketOf, type CheckpointStore } from './checkpoints.ts';
import { Rebuild } from './rebuild.ts';

export interface UpkeepParts<Tx> {
  log: EventLog<Tx>;
  checkpoints: CheckpointStore<Tx>;
  consumer: Consumer<Tx>;
  clock: Clock;
  timer: Timer;
  logger: Logger;
  metrics: Metrics;
  owner: string;
  version: string;
}

/** Rebuilds and comparisons of one consumer by this replica, one at a time over all replicas. */
export class Upkeep<Tx> {
  readonly #parts: UpkeepParts<Tx>;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: UpkeepParts<Tx>) {
    this.#parts = parts;
  }

  /** Ends what this replica, or one that is dead, was at. Live tables are as they were. */
  async begin(): Promise<void> {
    const { checkpoints, consumer, clock, owner } = this.#parts;
    if (consumer.tables === undefined) return;
    const { projections } = checkpoints;
    await projections.watch(consumer.name, owner, clock());
    const run = await projections.lastRun(consumer.name);
    if (run?.state !== 'running' || (run.owner !== owner && clock() - Date.parse(run.at) < rebuildSilenceMsMax)) return;
    await projections.abandon(consumer.name, `its process ended at position ${run.position}; nothing was swapped`);
  }

  async lastRun(): Promise<ProjectionRun | undefined> {
    const { checkpoints, consumer } = this.#parts;
    const run = consumer.tables === undefined ? undefined : await checkpoints.projections.lastRun(consumer.name);
    return run?.state === 'waiting' ? undefined : run;
  }

  async damage(): Promise<string[]> {
    const { checkpoints, consumer } = this.#parts;
    return consumer.tables === undefined ? [] : checkpoints.projections.damage(consumer.tables);
  }

  async rebuild(acceptParked: boolean, begun?: () => void): Promise<void> {
    const rebuild = await this.#claimed('rebuild');
    begun?.();
    await this.#keep(rebuild.swap(acceptParked));
  }

  async compare(begun?: () => void): Promise<ProjectionVerdict> {
    const rebuild = await this.#claimed('compare');
    begun?.();
    return this.#keep(rebuild.compare());
  }

  async compareIfDue(): Promise<ProjectionVerdict | undefined> {
    const { checkpoints, consumer, clock } = this.#parts;
    if (consumer.tables === undefined) return undefined;
    const last = await checkpoints.projections.lastRun(consumer.name);
    // The same for all replicas, and another for each consumer.
    const startedBeforeMs = clock() - compareEveryMs - (bucketOf(consumer.name) * compareJitterMs) / 16;
    if (last === undefined || Date.parse(last.startedAt) >= startedBeforeMs) return undefined;
    const rebuild = this.#rebuild('compare');
    return (await rebuild.claim(startedBeforeMs)) ? this.#keep(rebuild.compare()) : undefined;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #claimed(kind: ProjectionRun['kind']): Promise<Rebuild<Tx>> {
    const rebuild = this.#rebuild(kind);
    if (await rebuild.claim()) return rebuild;
    const { name } = this.#parts.consumer;
    const run = await this.lastRun();
    throw new AppError('conflict', `a ${run?.kind ?? 'rebuild'} of consumer ${name} runs already, since ${run?.startedAt} on ${run?.owner}: wait for its end`);
  }

  #rebuild(kind: ProjectionRun['kind']): Rebuild<Tx> {
    const { consumer } = this.#parts;
    const { tables, name } = consumer;
    if (tables === undefined) throw new AppError('failed-precondition', `consumer ${name} is not a projection: it has no tables`);
    return new Rebuild({ ...this.#parts, tables, signal: this.#stopping.signal }, kind);
  }

  #keep<R>(work: Promise<R>): Promise<R> {
    this.#running = work.catch(() => undefined);
    return work;
  }
}
