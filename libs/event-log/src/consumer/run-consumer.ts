import { AppError, noMetrics, silentLogger, type Announcement, type Clock, type Logger, type Metrics, type RecordedEvent } from '@plumbline/contracts';
import { bucketCount, consumerPageEventsMax, consumerTransactionsMax, pollIntervalMs } from '../limits.ts';
import type { AnnouncementSource, Consumer, EventLog, RunningConsumer } from '../port.ts';
import { Bucket, traceOf, type BucketShared, type Timer } from './bucket.ts';
import { bucketOf, type CheckpointStore } from './checkpoints.ts';
import { makeSlots } from './slots.ts';

export interface RunConsumerOptions<Tx> {
  log: EventLog<Tx>;
  announcements: AnnouncementSource;
  checkpoints: CheckpointStore<Tx>;
  consumer: Consumer<Tx>;
  clock: Clock;
  logger?: Logger;
  metrics?: Metrics;
  /** Default: setTimeout. */
  timer?: Timer;
}

const realTimer: Timer = (delayMs, run) => {
  const timeout = setTimeout(run, delayMs);
  return () => clearTimeout(timeout);
};

/**
 * Runs a consumer until it is stopped. Several replicas may run the same one: each event is applied by one of them.
 * Resolves when its checkpoints are loaded; rejects when they can't be.
 */
export async function runConsumer<Tx>(options: RunConsumerOptions<Tx>): Promise<RunningConsumer> {
  const run = new ConsumerRun(options);
  await run.start();
  return run;
}

class ConsumerRun<Tx> implements RunningConsumer {
  readonly #options: RunConsumerOptions<Tx>;
  readonly #shared: BucketShared<Tx>;
  readonly #timer: Timer;
  #buckets: Bucket<Tx>[] = [];
  #generation = '';
  #head = 0;
  #reading: Promise<void> | undefined;
  #isReadWanted = false;
  #isStopped = false;
  /** One rebuild, retry, skip or change of generation at a time. */
  #exclusive: Promise<unknown> = Promise.resolve();
  #waiters = new Set<() => void>();
  #cancelPoll: () => void = () => undefined;
  #unsubscribe: () => void = () => undefined;

  constructor(options: RunConsumerOptions<Tx>) {
    this.#options = options;
    this.#timer = options.timer ?? realTimer;
    this.#shared = {
      log: options.log,
      checkpoints: options.checkpoints,
      consumer: options.consumer,
      clock: options.clock,
      timer: this.#timer,
      logger: options.logger ?? silentLogger,
      metrics: options.metrics ?? noMetrics,
      slots: makeSlots(consumerTransactionsMax),
      generation: () => this.#generation,
      progressed: () => this.#progressed(),
    };
  }

  async start(): Promise<void> {
    const { log, checkpoints, consumer, announcements } = this.#options;
    const head = await log.head();
    this.#generation = head.generation;
    this.#head = head.position;
    const state = await checkpoints.load(consumer.name, head.generation);
    this.#buckets = state.checkpoints.map((checkpoint) => new Bucket(this.#shared, checkpoint, state.parked));
    if (state.checkpoints.some((checkpoint) => checkpoint.generation !== head.generation)) await this.#adopt(head);
    this.#unsubscribe = announcements.subscribe((announcement) => this.#hear(announcement));
    this.#schedulePoll();
    this.#read();
  }

  position(): number {
    return Math.min(...this.#buckets.map((bucket) => bucket.appliedTo()));
  }

  waitFor(position: number, timeoutMs: number): Promise<void> {
    if (this.position() >= position) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { name } = this.#options.consumer;
    const finish = (error?: AppError): void => {
      this.#waiters.delete(check);
      cancel();
      if (error === undefined) resolve();
      else reject(error);
    };
    const check = (): void => {
      if (this.position() >= position) finish();
      else if (this.#isStopped)
        finish(new AppError('unavailable', `consumer ${name} was stopped at position ${this.position()}, before ${position}`, { retry: 'later' }));
    };
    const cancel = this.#timer(timeoutMs, () =>
      finish(
        new AppError('deadline-exceeded', `consumer ${name} is at position ${this.position()}, not yet at ${position}, after ${timeoutMs} ms`, {
          retry: 'later',
        }),
      ),
    );
    this.#waiters.add(check);
    check();
    return promise;
  }

  async rebuild(): Promise<void> {
    const { log, consumer } = this.#options;
    if (consumer.reset === undefined) throw new AppError('failed-precondition', `consumer ${consumer.name} is not a projection: it has no reset`);
    const { position } = await log.head();
    await this.#alone(() => this.#restart(() => 0, true));
    this.#read();
    await this.#reached(position);
  }

  async parked() {
    const { checkpoints, consumer } = this.#options;
    return (await checkpoints.load(consumer.name, this.#generation)).parked;
  }

  retryParked(stream: string): Promise<void> {
    return this.#unpark(stream);
  }

  skipParked(stream: string, reason: string): Promise<void> {
    if (reason.trim() === '') return Promise.reject(new AppError('invalid-argument', `skipping an event of ${stream} needs a reason`));
    return this.#unpark(stream, reason);
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#unsubscribe();
    this.#cancelPoll();
    await this.#reading;
    await this.#exclusive;
    // Idle ones store how far they are, busy ones end what they are at.
    for (const bucket of this.#buckets) bucket.storeLag(true);
    await Promise.all(this.#buckets.map((bucket) => bucket.halt()));
    this.#progressed();
  }

  #hear({ generation, from, to, events }: Announcement): void {
    if (this.#isStopped) return;
    const isWhole = generation === this.#generation && events?.length === to - from + 1 && events.every((event, index) => event.position === from + index);
    if (isWhole) this.#offer(from, to, events);
    // Too big, a gap, another generation, a full bucket: the feed has it.
    if (generation !== this.#generation || this.#buckets.some((bucket) => bucket.hasRoom() && bucket.taken < to)) this.#read();
  }

  #offer(from: number, to: number, events: readonly RecordedEvent[]): void {
    this.#head = Math.max(this.#head, to);
    const byBucket: RecordedEvent[][] = Array.from({ length: bucketCount }, () => []);
    for (const event of events) byBucket[bucketOf(event.stream)]?.push(event);
    this.#buckets.forEach((bucket, index) => bucket.offer(from, to, byBucket[index] ?? []));
    this.#progressed();
  }

  /** Reads the feed to its end; asked again meanwhile, once more. */
  #read(): void {
    this.#isReadWanted = true;
    if (this.#reading !== undefined || this.#isStopped) return;
    this.#reading = this.#readAll().then(
      () => {
        this.#reading = undefined;
        if (this.#isReadWanted || this.#isBehind()) this.#read();
      },
      (error: unknown) => {
        this.#reading = undefined;
        this.#shared.logger.warn('a consumer could not read the feed; the next poll tries again', {
          consumer: this.#options.consumer.name,
          error: traceOf(error),
        });
      },
    );
  }

  /** A bucket that was full has room again, or one was set back: only the feed helps those. */
  #isBehind(): boolean {
    return !this.#isStopped && this.#buckets.some((bucket) => bucket.hasRoom() && bucket.taken < this.#head);
  }

  async #readAll(): Promise<void> {
    while (this.#isReadWanted) {
      this.#isReadWanted = false;
      while (!this.#isStopped && (await this.#readPage()));
    }
  }

  /** True when there is more to read, and somebody to take it. */
  async #readPage(): Promise<boolean> {
    const after = this.#nextWanted();
    if (after === undefined) return false;
    const page = await this.#options.log.readFeed({ after, limit: consumerPageEventsMax });
    if (page.generation !== this.#generation || page.head < after) {
      await this.#alone(() => this.#adopt({ position: page.head, generation: page.generation }));
      return true;
    }
    this.#head = page.head;
    const last = page.events.at(-1);
    if (last !== undefined) this.#offer(after + 1, last.position, page.events);
    const next = this.#nextWanted();
    return last !== undefined && next !== undefined && next < page.head;
  }

  #nextWanted(): number | undefined {
    let wanted: number | undefined;
    for (const bucket of this.#buckets) {
      if (bucket.hasRoom() && (wanted === undefined || bucket.taken < wanted)) wanted = bucket.taken;
    }
    return wanted;
  }

  #schedulePoll(): void {
    this.#cancelPoll = this.#timer(pollIntervalMs, () => {
      if (this.#isStopped) return;
      this.#read();
      for (const bucket of this.#buckets) bucket.storeLag();
      this.#shared.metrics.gauge('plumbline_consumer_lag_events', Math.max(0, this.#head - this.position()), { consumer: this.#options.consumer.name });
      this.#schedulePoll();
    });
  }

  #progressed(): void {
    for (const check of this.#waiters) check();
    if (this.#reading === undefined && this.#isBehind()) this.#read();
  }

  #reached(position: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = (): void => {
      if (this.position() < position && !this.#isStopped) return;
      this.#waiters.delete(check);
      if (this.position() >= position) resolve();
      else
        reject(
          new AppError('unavailable', `consumer ${this.#options.consumer.name} was stopped while it was rebuilt; it goes on when it is started again`, {
            retry: 'later',
          }),
        );
    };
    this.#waiters.add(check);
    check();
    return promise;
  }

  /** The log's positions begin anew: a projection is rebuilt, anything else goes on from where the log ends at most. */
  async #adopt(head: { position: number; generation: string }): Promise<void> {
    const { consumer } = this.#options;
    this.#shared.logger.warn('the log was recovered from an older copy: the consumer is rewound', {
      consumer: consumer.name,
      generation: head.generation,
      head: head.position,
    });
    this.#generation = head.generation;
    this.#head = head.position;
    await this.#restart((position) => (consumer.reset === undefined ? Math.min(position, head.position) : 0), consumer.reset !== undefined);
  }

  /** Halts all buckets, moves their stored checkpoints, and lets them go on from there. */
  async #restart(positionOf: (position: number) => number, isReset: boolean): Promise<void> {
    const { checkpoints, consumer } = this.#options;
    await Promise.all(this.#buckets.map((bucket) => bucket.halt()));
    try {
      const state = await checkpoints.load(consumer.name, this.#generation);
      await checkpoints.transaction(async (tx) => {
        const moves = state.checkpoints.map((from) => ({ from, position: positionOf(from.position), generation: this.#generation }));
        if (!(await checkpoints.move(tx, consumer.name, moves))) {
          throw new AppError('unavailable', `the checkpoints of consumer ${consumer.name} were moved by another replica meanwhile: try again`, {
            retry: 'later',
          });
        }
        for (const parked of state.parked) {
          if (isReset || parked.position > positionOf(parked.position)) await checkpoints.unpark(tx, consumer.name, parked.stream);
        }
        if (isReset) await consumer.reset?.(tx);
      });
    } finally {
      await this.#resume(this.#buckets);
    }
  }

  /** From what is stored; in an outage, as soon as that can be read. */
  async #resume(halted: readonly Bucket<Tx>[]): Promise<void> {
    const { checkpoints, consumer } = this.#options;
    for (;;) {
      try {
        const state = await checkpoints.load(consumer.name, this.#generation);
        for (const bucket of halted) {
          bucket.become(state.checkpoints[bucket.checkpoint.bucket] ?? bucket.checkpoint, state.parked);
          bucket.resume();
        }
        return;
      } catch (error) {
        if (this.#isStopped) return;
        this.#shared.logger.warn('a consumer could not load its checkpoints; tried again', { consumer: consumer.name, error: traceOf(error) });
        await new Promise<void>((resolve) => void this.#timer(pollIntervalMs, resolve));
      }
    }
  }

  async #unpark(stream: string, skipReason?: string): Promise<void> {
    const bucket = this.#buckets[bucketOf(stream)];
    if (bucket === undefined || this.#isStopped) throw new AppError('unavailable', `consumer ${this.#options.consumer.name} is stopped`);
    await this.#alone(async () => {
      await bucket.halt();
      try {
        const { checkpoints, parked } = await this.#options.checkpoints.load(this.#options.consumer.name, this.#generation);
        bucket.become(checkpoints[bucketOf(stream)] ?? bucket.checkpoint, parked);
        if (!parked.some((each) => each.stream === stream)) {
          throw new AppError('not-found', `stream ${stream} is not parked for consumer ${this.#options.consumer.name}`);
        }
        await bucket.unpark(stream, skipReason);
      } finally {
        await this.#resume([bucket]);
      }
    });
    this.#read();
  }

  #alone<R>(work: () => Promise<R>): Promise<R> {
    const result = this.#exclusive.then(work);
    this.#exclusive = result.catch(() => undefined);
    return result;
  }
}
