import { AppError, type Clock, type Logger, type Metrics, type RecordedEvent } from '@plumbline/contracts';
import { applyEventsMax, bucketQueueEventsMax, checkpointLagEventsMax, checkpointLagMsMax, retryDelayMsMax, retryDelayMsMin, triesMax } from '../limits.ts';
import type { Consumer, EventLog, ParkedStream } from '../port.ts';
import { postgresError } from '../postgres/postgres-errors.ts';
import { bucketOf, type Checkpoint, type CheckpointStore } from './checkpoints.ts';
import { parkedAt, traceOf } from './parking.ts';
import { Overtaken, type Transactions } from './transactions.ts';

/** Runs something later; the answer cancels it. */
export type Timer = (delayMs: number, run: () => void) => () => void;

/** What the buckets of one running consumer share. */
export interface BucketShared<Tx> {
  log: EventLog<Tx>;
  checkpoints: CheckpointStore<Tx>;
  consumer: Consumer<Tx>;
  clock: Clock;
  /** Of the software that runs. */
  version: string;
  timer: Timer;
  logger: Logger;
  metrics: Metrics;
  transactions: Transactions<Tx>;
  generation(): string;
  /** Ids of events that people skipped: where a projection is made anew in place, they come by again. */
  skipped: Set<string>;
  /** Something was applied, or there is room again. */
  progressed(): void;
  /** What is stored is not what we told: everything is loaded anew, soon. */
  replaced(): void;
  /** True when tables of the projection are lost: they are made and filled again, soon. */
  isDamaged(): Promise<boolean>;
}

/** undefined_table and undefined_column: the event is not to blame. */
const tableTroubles: ReadonlySet<unknown> = new Set(['42P01', '42703']);

/**
 * One of a consumer's sixteen buckets of streams: takes its events from the pages and announcements it is offered, and
 * applies them in order, each batch in one transaction with the checkpoint.
 */
export class Bucket<Tx> {
  readonly #shared: BucketShared<Tx>;
  #checkpoint: Checkpoint;
  #parked: Map<string, ParkedStream>;
  /** Events up to here were taken from the feed; those that concern us are applied, or in the queue. */
  #taken: number;
  #queue: RecordedEvent[] = [];
  #storedAt: number;
  /** Failed tries of the first event in the queue. */
  #tries = 0;
  /** Failed tries in a row that say nothing about the event. */
  #outages = 0;
  /** A batch up to here failed: its events go one by one, to find the one that fails. */
  #carefulUntil = 0;
  #isHalted = false;
  #work: Promise<void> | undefined;
  #endPause: (() => void) | undefined;

  constructor(shared: BucketShared<Tx>, checkpoint: Checkpoint, parked: readonly ParkedStream[]) {
    this.#shared = shared;
    this.#checkpoint = checkpoint;
    this.#taken = checkpoint.position;
    this.#parked = new Map(parked.map((each) => [each.stream, each]));
    this.#storedAt = shared.clock();
  }

  get taken(): number {
    return this.#taken;
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  hasRoom(): boolean {
    return !this.#isHalted && this.#queue.length < bucketQueueEventsMax;
  }

  /** Everything up to here is applied, or parked. */
  appliedTo(): number {
    const [first] = this.#queue;
    return first === undefined ? this.#taken : first.position - 1;
  }

  /** `events` are all of this bucket that the feed has from `from` to `to`; behind a gap they are of no use. */
  offer(from: number, to: number, events: readonly RecordedEvent[]): void {
    if (!this.hasRoom() || from > this.#taken + 1 || to <= this.#taken) return;
    const { types } = this.#shared.consumer;
    for (const event of events) {
      if (event.position <= this.#taken) continue;
      if (types === undefined || types.includes(event.type)) this.#queue.push(event);
    }
    this.#taken = to;
    this.#start();
  }

  /** Stores how far an idle bucket is, when that lags much; so that a restart has little to read again. */
  storeLag(isEnding = false): void {
    const lag = this.#taken - this.#checkpoint.position;
    if (lag <= 0 || this.#work !== undefined || this.#isHalted) return;
    if (isEnding || lag >= checkpointLagEventsMax || this.#shared.clock() - this.#storedAt >= checkpointLagMsMax) this.#start(true);
  }

  /** Ends what is running, and lets nothing begin. */
  async halt(): Promise<void> {
    this.#isHalted = true;
    this.#endPause?.();
    await this.#work;
  }

  /** After a halt. */
  resume(): void {
    this.#isHalted = false;
    this.#start();
  }

  #start(isStoring = false): void {
    if (this.#work !== undefined || this.#isHalted || (this.#queue.length === 0 && !isStoring)) return;
    this.#work = this.#drain().finally(() => {
      this.#work = undefined;
      this.#shared.progressed();
      this.#start();
    });
  }

  async #drain(): Promise<void> {
    do {
      const [first] = this.#queue;
      const size = first !== undefined && first.position <= this.#carefulUntil ? 1 : applyEventsMax;
      const batch = this.#queue.slice(0, size);
      try {
        await this.#apply(batch);
        this.#tries = 0;
        this.#outages = 0;
        this.#shared.progressed();
      } catch (error) {
        await this.#failed(error, batch);
      }
    } while (this.#queue.length > 0 && !this.#isHalted);
  }

  async #apply(batch: readonly RecordedEvent[]): Promise<void> {
    const isElsewhere = ({ position }: RecordedEvent): boolean => position <= this.#checkpoint.position;
    const elsewhere = batch.filter(isElsewhere);
    if (elsewhere.length > 0) {
      // Another replica was quicker: it applied them, all but those that it parked.
      this.#queue.splice(0, elsewhere.length);
      this.#committed(elsewhere.filter(({ stream, position }) => position < (this.#parked.get(stream)?.position ?? Number.POSITIVE_INFINITY)));
      return;
    }
    const events = batch.filter((event) => !this.#parked.has(event.stream) && !this.#shared.skipped.has(event.id));
    // What waits behind the batch is not in it: a checkpoint behind that would lose it in a crash.
    const left = this.#queue[batch.length];
    const position = left === undefined ? this.#taken : left.position - 1;
    const move = { from: this.#checkpoint, position, generation: this.#shared.generation() };
    const isSuspect = this.#tries + this.#outages > 0 || (batch[0] !== undefined && batch[0].position <= this.#carefulUntil);
    await this.#shared.transactions.run({ move, events }, isSuspect);
    this.#moved(position);
    this.#queue.splice(0, batch.length);
    this.#committed(events);
  }

  #committed(events: readonly RecordedEvent[]): void {
    if (events.length === 0) return;
    try {
      this.#shared.consumer.committed?.(events);
    } catch (error) {
      this.#shared.logger.error('committed() of a consumer threw: it must not, its effects are not tried again', {
        consumer: this.#shared.consumer.name,
        error: traceOf(error),
      });
    }
  }

  /** For what must not be lost. First in the transaction: its row lock keeps other replicas out, and tells whether one was quicker. */
  async #move(tx: Tx, position: number): Promise<void> {
    const { checkpoints, consumer, generation } = this.#shared;
    const isOurs = await checkpoints.move(tx, consumer.name, [{ from: this.#checkpoint, position, generation: generation() }]);
    if (!isOurs) throw new Overtaken();
  }

  #moved(position: number): void {
    this.#checkpoint = { ...this.#checkpoint, position, revision: this.#checkpoint.revision + 1 };
    this.#storedAt = this.#shared.clock();
  }

  async #failed(error: unknown, batch: readonly RecordedEvent[]): Promise<void> {
    const { consumer, logger, metrics } = this.#shared;
    const [event] = batch;
    if (error instanceof Overtaken) {
      return this.#reload();
    }
    const failure = postgresError(error, 'apply events');
    // An outage says nothing about the event: it is tried again for as long as it takes, and never parked for it.
    if (event === undefined || failure.code === 'unavailable' || (tableTroubles.has(failure.details['sqlState']) && (await this.#shared.isDamaged()))) {
      logger.warn('a consumer could not store what it applied; tried again', {
        consumer: consumer.name,
        bucket: this.#checkpoint.bucket,
        error: traceOf(error),
      });
      await this.#pause(this.#outages++);
      return;
    }
    metrics.count('consumer_errors_total', { consumer: consumer.name });
    if (batch.length > 1) {
      this.#carefulUntil = batch.at(-1)?.position ?? 0;
      return;
    }
    this.#tries++;
    logger.error('a consumer could not apply an event', {
      consumer: consumer.name,
      event: event.id,
      type: event.type,
      stream: event.stream,
      position: event.position,
      attempt: this.#tries,
      error: traceOf(error),
    });
    if (this.#tries < triesMax) await this.#pause(this.#tries - 1);
    else await this.#park(event, error);
  }

  async #park(event: RecordedEvent, error: unknown): Promise<void> {
    const parked = parkedAt(this.#shared, event, error, this.#tries);
    try {
      await this.#shared.checkpoints.transaction(async (tx) => {
        await this.#move(tx, event.position);
        await this.#shared.checkpoints.park(tx, parked);
      });
      this.#moved(event.position);
      this.#queue.shift();
      this.#parked.set(event.stream, parked);
      this.#tries = 0;
      this.#shared.metrics.count('consumer_parked_total', { consumer: parked.consumer });
      this.#shared.logger.error('a stream is parked: its events wait until it is retried or the event skipped', {
        consumer: parked.consumer,
        stream: parked.stream,
        event: event.id,
      });
    } catch (failure) {
      this.#shared.logger.warn('a stream could not be parked; tried again', { consumer: parked.consumer, stream: parked.stream, error: traceOf(failure) });
      if (failure instanceof Overtaken) await this.#reload();
      else await this.#pause(this.#outages++);
    }
  }

  /** Another replica moved the checkpoint. What it applied is told when it is our turn; anything else must be loaded. */
  async #reload(): Promise<void> {
    try {
      const { checkpoints, parked } = await this.#shared.checkpoints.load(this.#shared.consumer.name, this.#shared.generation());
      const stored = checkpoints[this.#checkpoint.bucket];
      if (stored !== undefined && this.#isContinued(stored, parked)) this.#follow(stored, parked);
      else {
        this.#shared.replaced();
        await this.#pause(this.#outages++);
      }
    } catch (error) {
      this.#shared.logger.warn('a consumer could not load its checkpoints; tried again', { consumer: this.#shared.consumer.name, error: traceOf(error) });
      await this.#pause(this.#outages++);
    }
  }

  /** The same content, only further on. A stream that was retried elsewhere has events in it that we shall not see again. */
  #isContinued(stored: Checkpoint, parked: readonly ParkedStream[]): boolean {
    const { bucket, build, generation, position } = this.#checkpoint;
    const now = new Map(parked.map((each) => [each.stream, each.position]));
    const isUnparked = [...this.#parked.values()].some((each) => bucketOf(each.stream) === bucket && now.get(each.stream) !== each.position);
    return stored.build === build && stored.generation === generation && stored.position >= position && !isUnparked;
  }

  #follow(checkpoint: Checkpoint, parked: readonly ParkedStream[]): void {
    this.#checkpoint = checkpoint;
    this.#parked = new Map(parked.map((each) => [each.stream, each]));
    this.#tries = 0;
    this.#carefulUntil = 0;
    this.#storedAt = this.#shared.clock();
  }

  /** Forgets what it holds and goes on from what is stored. Only while halted, or from its own work. */
  become(checkpoint: Checkpoint, parked: readonly ParkedStream[]): void {
    this.#follow(checkpoint, parked);
    this.#taken = checkpoint.position;
    this.#queue = [];
    this.#outages = 0;
  }

  async #pause(tries: number): Promise<void> {
    if (this.#isHalted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#shared.timer(Math.min(retryDelayMsMin * 2 ** tries, retryDelayMsMax), resolve);
    this.#endPause = resolve;
    await promise;
    cancel();
    this.#endPause = undefined;
  }

  /**
   * Applies what a parked stream has missed, one event a transaction. Only while halted. With `skipReason` the event it
   * is parked at is left out.
   */
  async unpark(stream: string, skipReason?: string): Promise<void> {
    let skip = skipReason;
    for (let parked = this.#parked.get(stream); parked !== undefined; parked = this.#parked.get(stream)) {
      await this.#unparkOne(parked, skip);
      skip = undefined;
    }
  }

  async #unparkOne(parked: ParkedStream, skipReason: string | undefined): Promise<void> {
    const { checkpoints, consumer, log } = this.#shared;
    const { stream } = parked;
    const missed = (await log.readStream(stream, { afterVersion: parked.version - 1, limit: 2 })).filter(
      (event) => event.position <= this.#checkpoint.position,
    );
    const [event, next] = missed;
    const isWanted = event !== undefined && skipReason === undefined && (consumer.types === undefined || consumer.types.includes(event.type));
    const rest = next === undefined ? undefined : { ...parkedAt(this.#shared, next, 'waits behind an event that could not be applied', 0), at: parked.at };
    try {
      await checkpoints.transaction(async (tx) => {
        await this.#move(tx, this.#checkpoint.position);
        if (skipReason !== undefined) await checkpoints.recordSkipped(tx, { ...parked, reason: skipReason });
        if (isWanted) await consumer.apply([event], tx);
        if (rest === undefined) await checkpoints.unpark(tx, consumer.name, stream);
        else await checkpoints.park(tx, rest);
      });
    } catch (error) {
      if (error instanceof Overtaken)
        throw new AppError('unavailable', `stream ${stream} was changed by another replica meanwhile: look again`, { retry: 'later' });
      if (event !== undefined) await this.#stillParked(parked, event, error);
      throw error;
    }
    this.#moved(this.#checkpoint.position);
    if (skipReason !== undefined) this.#shared.skipped.add(parked.eventId);
    if (rest === undefined) this.#parked.delete(stream);
    else this.#parked.set(stream, rest);
    if (isWanted) this.#committed([event]);
  }

  async #stillParked(parked: ParkedStream, event: RecordedEvent, error: unknown): Promise<void> {
    const again = parkedAt(this.#shared, event, error, parked.attempts + 1);
    await this.#shared.checkpoints.transaction(async (tx) => {
      await this.#move(tx, this.#checkpoint.position);
      await this.#shared.checkpoints.park(tx, again);
    });
    this.#moved(this.#checkpoint.position);
    this.#parked.set(parked.stream, again);
  }
}
