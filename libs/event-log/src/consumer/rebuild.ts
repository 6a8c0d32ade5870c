import { AppError, type Clock, type Logger, type Metrics, type RecordedEvent } from '@plumbline/contracts';
import { differencesShownMax, rebuildFinishTriesMax, rebuildReportMs, rebuildRestEventsMax } from '../limits.ts';
import type { Consumer, EventLog, ProjectionRun, ProjectionTable, ProjectionVerdict } from '../port.ts';
import type { Timer } from './bucket.ts';
import { bucketOf, type CheckpointStore, type ConsumerState } from './checkpoints.ts';
import { traceOf } from './parking.ts';
import type { Shadow } from './projection-store.ts';
import { Replay } from './replay.ts';

export interface RebuildParts<Tx> {
  log: EventLog<Tx>;
  checkpoints: CheckpointStore<Tx>;
  consumer: Consumer<Tx>;
  tables: readonly ProjectionTable[];
  clock: Clock;
  timer: Timer;
  logger: Logger;
  metrics: Metrics;
  owner: string;
  version: string;
  /** Aborted when the consumer is stopped. */
  signal: AbortSignal;
}

/** Too much is left to do it now. */
class Behind extends Error {}

/**
 * One rebuild or comparison: claims the consumer, replays the feed into a shadow of its tables, and ends with a swap or a
 * comparison. Whatever happens to it, the live tables are touched by the swap only, and that is one transaction.
 */
export class Rebuild<Tx> {
  readonly #parts: RebuildParts<Tx>;
  readonly #run: ProjectionRun;
  readonly #token: string;
  readonly #startedMs: number;
  #replay: Replay<Tx> | undefined;
  #isLost = false;
  #cancelReport: () => void = () => undefined;

  constructor(parts: RebuildParts<Tx>, kind: ProjectionRun['kind']) {
    const { consumer, clock, owner } = parts;
    this.#parts = parts;
    this.#startedMs = clock();
    this.#token = `${owner}@${this.#startedMs}`;
    const startedAt = new Date(this.#startedMs).toISOString();
    const none = { position: 0, head: 0, eventsPerSecond: 0, parked: 0 };
    this.#run = { consumer: consumer.name, kind, state: 'running', owner, ...none, startedAt, at: startedAt, message: 'replays the log' };
  }

  /** False: somebody else is at it, or (with `startedBeforeMs`) was lately. */
  claim(startedBeforeMs?: number): Promise<boolean> {
    const { checkpoints, consumer, owner } = this.#parts;
    const before = startedBeforeMs === undefined ? {} : { startedBeforeMs };
    return checkpoints.projections.claim({ consumer: consumer.name, kind: this.#run.kind, owner, token: this.#token, nowMs: this.#startedMs, ...before });
  }

  /** After a claim: new tables in place of the live ones. */
  swap(acceptParked: boolean): Promise<void> {
    return this.#finally(async (shadow) => {
      const replay = await this.#replayOn(shadow, new Map());
      await replay.run();
      await this.#finish(
        () => replay.run(),
        async () => {
          if (replay.parked.size > 0 && !acceptParked) throw refusedFor(replay);
          await this.#swapIn(shadow, replay);
        },
      );
      return `swapped at position ${replay.head}`;
    });
  }

  /** After a claim: what is different. */
  async compare(): Promise<ProjectionVerdict> {
    const { consumer, checkpoints, log } = this.#parts;
    let verdict: ProjectionVerdict | undefined;
    await this.#finally(async (shadow) => {
      const { generation } = await log.head();
      const { parked } = await checkpoints.load(consumer.name, generation);
      const replay = await this.#replayOn(shadow, new Map(parked.map((each) => [each.stream, each.position])));
      // Not beyond what each bucket of the live one has stored: the rest is applied at the same moment that is compared.
      const advance = async (): Promise<void> => replay.run(lowest(await checkpoints.load(consumer.name, generation)));
      await advance();
      await this.#finish(advance, async () => {
        verdict = await this.#compared(shadow, replay, new Set(parked.map((each) => `${each.position} ${each.stream}`)));
      });
      return verdict?.differences === 0 ? `${verdict.rows} rows, no difference` : `${verdict?.differences} differences`;
    });
    if (verdict === undefined) throw new AppError('internal', `the comparison of ${consumer.name} ended without a verdict`);
    return verdict;
  }

  async #replayOn(shadow: Shadow<Tx>, leftOut: ReadonlyMap<string, number>): Promise<Replay<Tx>> {
    const { log, consumer, checkpoints, clock, version } = this.#parts;
    const { generation } = await log.head();
    const skipped = new Set(await checkpoints.skipped(consumer.name));
    this.#replay = new Replay({
      log,
      consumer,
      shadow,
      generation,
      skipped,
      leftOut,
      clock,
      version,
      pause: (delayMs) => this.#pause(delayMs),
      check: () => this.#check(),
    });
    return this.#replay;
  }

  /** Until it goes through: a lock that isn't to be had, or a log that has moved on, is a matter of trying again. */
  async #finish(advance: () => Promise<void>, end: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      this.#check();
      try {
        return await end();
      } catch (error) {
        const isPassing = error instanceof Behind || AppError.from(error).code === 'unavailable';
        if (!isPassing || tries >= rebuildFinishTriesMax) throw error instanceof Behind ? tooFast(this.#run.consumer) : error;
        await this.#pause(50 * tries);
        await advance();
      }
    }
  }

  async #swapIn(shadow: Shadow<Tx>, replay: Replay<Tx>): Promise<void> {
    const { checkpoints, consumer, log } = this.#parts;
    const { name } = consumer;
    const head = await shadow.transaction(async (tx) => {
      const live = await checkpoints.lock(tx, name);
      // Nobody applies now, so what is in the log at this moment is all that the live tables can have.
      const { position, generation } = await log.head();
      if (live.checkpoints.some((checkpoint) => checkpoint.generation !== generation)) throw new Behind();
      if (position - replay.position > rebuildRestEventsMax) throw new Behind();
      await restOf(replay, tx, position, ({ stream }) => !replay.parked.has(stream));
      await shadow.swap(tx);
      const moves = live.checkpoints.map((from) => ({ from, position, generation, build: from.build + 1 }));
      if (!(await checkpoints.move(tx, name, moves))) throw new Behind();
      for (const { stream } of live.parked) await checkpoints.unpark(tx, name, stream);
      for (const parked of replay.parked.values()) await checkpoints.park(tx, parked);
      return position;
    });
    replay.position = head;
    replay.head = head;
  }

  async #compared(shadow: Shadow<Tx>, replay: Replay<Tx>, parkedBefore: ReadonlySet<string>): Promise<ProjectionVerdict> {
    const { checkpoints, consumer, log } = this.#parts;
    const { generation } = await log.head();
    return shadow.transaction(
      async (tx) => {
        const live = await checkpoints.read(tx, consumer.name);
        const isSame = live.checkpoints.every((checkpoint) => checkpoint.generation === generation);
        if (!isSame || live.parked.length !== parkedBefore.size || live.parked.some((each) => !parkedBefore.has(`${each.position} ${each.stream}`))) {
          throw new AppError(
            'failed-precondition',
            `a stream of consumer ${consumer.name} was parked or retried, or it was begun anew, while it was compared`,
            {
              retry: 'later',
            },
          );
        }
        const positions = live.checkpoints.map((checkpoint) => checkpoint.position);
        const position = Math.min(...positions);
        const end = Math.max(...positions);
        if (position < replay.position || end - replay.position > rebuildRestEventsMax) throw new Behind();
        await restOf(replay, tx, end, (event) => !replay.parked.has(event.stream) && event.position <= (positions[bucketOf(event.stream)] ?? 0));
        const tables = await shadow.compare(tx);
        // In PostgreSQL a moment is a moment; in memory somebody may have applied something since.
        const revisions = (await checkpoints.read(tx, consumer.name)).checkpoints.map((checkpoint) => checkpoint.revision);
        if (live.checkpoints.some((checkpoint, bucket) => checkpoint.revision !== revisions[bucket])) throw new Behind();
        return {
          consumer: consumer.name,
          position,
          rows: tables.reduce((sum, each) => sum + each.rows, 0),
          differences: tables.reduce((sum, each) => sum + each.differences, 0),
          sample: tables.flatMap((each) => each.sample.map((key) => `${each.table} ${key}`)).slice(0, differencesShownMax),
        };
      },
      { isOfOneMoment: true },
    );
  }

  /** Opens the shadow, says how far it is meanwhile, and leaves nothing behind but the record of what came of it. */
  async #finally(work: (shadow: Shadow<Tx>) => Promise<string>): Promise<void> {
    const { checkpoints, tables, logger } = this.#parts;
    const { kind, consumer: name } = this.#run;
    logger.info(`${kind} begins`, { consumer: name });
    this.#reportAgain();
    try {
      const shadow = await checkpoints.projections.openShadow(name, this.#token, tables);
      if (shadow === undefined) throw lostClaim(name);
      const message = await work(this.#held(shadow));
      await this.#end('done', message);
    } catch (error) {
      const { code, message } = AppError.from(error);
      logger.error(`${kind} ended without success`, { consumer: name, error: traceOf(error) });
      await this.#end(code === 'failed-precondition' && kind === 'rebuild' ? 'refused' : 'failed', message).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Each transaction in the shadow holds the claim. Without it another run may have dropped the shadow, and a table that
   * is not found there would be the live one.
   */
  #held(shadow: Shadow<Tx>): Shadow<Tx> {
    const { checkpoints, consumer } = this.#parts;
    const held: Shadow<Tx>['transaction'] = (work, options) =>
      shadow.transaction(async (tx) => {
        this.#isLost ||= !(await checkpoints.projections.hold(tx, consumer.name, this.#token));
        this.#check();
        return work(tx);
      }, options);
    return { ...shadow, transaction: held };
  }

  async #end(state: ProjectionRun['state'], message: string): Promise<void> {
    const { checkpoints, logger } = this.#parts;
    this.#cancelReport();
    this.#measure();
    await checkpoints.projections.report(this.#token, { ...this.#run, state, message });
    if (state === 'done') logger.info(`${this.#run.kind} is done`, { ...this.#run, message });
  }

  #reportAgain(): void {
    this.#cancelReport = this.#parts.timer(rebuildReportMs, () => {
      this.#measure();
      this.#parts.logger.info(`${this.#run.kind} is under way`, { ...this.#run });
      this.#parts.checkpoints.projections.report(this.#token, this.#run).then(
        (isOurs) => (this.#isLost ||= !isOurs),
        () => undefined,
      );
      this.#reportAgain();
    });
  }

  #measure(): void {
    const { clock, metrics } = this.#parts;
    const run = this.#run;
    const now = clock();
    run.at = new Date(now).toISOString();
    run.position = this.#replay?.position ?? 0;
    run.head = this.#replay?.head ?? 0;
    run.parked = this.#replay?.parked.size ?? 0;
    run.eventsPerSecond = Math.round(run.position / Math.max(0.001, (now - this.#startedMs) / 1_000));
    const labels = { consumer: run.consumer };
    metrics.gauge('projection_run_position', run.position, labels);
    metrics.gauge('projection_run_head', run.head, labels);
    metrics.gauge('projection_run_events_per_second', run.eventsPerSecond, labels);
  }

  #check(): void {
    const { consumer } = this.#run;
    if (this.#isLost) throw lostClaim(consumer);
    if (this.#parts.signal.aborted) throw new AppError('unavailable', `consumer ${consumer} was stopped while it was rebuilt`, { retry: 'later' });
  }

  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { timer, signal } = this.#parts;
    const cancel = timer(delayMs, resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    cancel();
  }
}

/** An event that can't be applied is found and parked by the next advance, in transactions that it can't spoil. */
async function restOf<Tx>(replay: Replay<Tx>, tx: Tx, end: number, isIncluded: (event: RecordedEvent) => boolean): Promise<void> {
  await replay.rest(tx, end, isIncluded).catch((error: unknown) => {
    throw AppError.from(error).code === 'unavailable' ? error : new Behind();
  });
}

const lowest = ({ checkpoints }: ConsumerState): number => Math.min(...checkpoints.map((checkpoint) => checkpoint.position));

function refusedFor<Tx>({ parked }: Replay<Tx>): AppError {
  const [first] = parked.values();
  return new AppError(
    'failed-precondition',
    `${parked.size} streams could not be applied, the first is ${first?.stream} at position ${first?.position}: ${first?.error}. ` +
      `Nothing was swapped; with acceptParked they are parked in the new tables`,
    { details: { parked: parked.size } },
  );
}

const lostClaim = (consumer: string): AppError =>
  new AppError('conflict', `another rebuild of consumer ${consumer} took over: this one was silent for too long`);

const tooFast = (consumer: string): AppError =>
  new AppError('unavailable', `the log grows faster than consumer ${consumer} can be rebuilt: try when less is written`, { retry: 'later' });
