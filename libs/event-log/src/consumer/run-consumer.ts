import { AppError, noMetrics, silentLogger, type Clock, type Logger, type Metrics } from '@plumbline/contracts';
import { pollIntervalMs, pollsPerStoredCheck } from '../limits.ts';
import type { AnnouncementSource, Begun, Consumer, ConsumerStatus, EventLog, ParkedStream, ProjectionVerdict, RunningConsumer } from '../port.ts';
import { Bucket, type BucketShared, type Timer } from './bucket.ts';
import { bucketOf, type CheckpointStore, type ConsumerState } from './checkpoints.ts';
import { Intake } from './intake.ts';
import { traceOf } from './parking.ts';
import { Transactions } from './transactions.ts';
import { Upkeep } from './upkeep.ts';
import { Waiters } from './waiters.ts';

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
  /** Name of this replica; a rebuild that it left when it died is ended by its next start. */
  owner?: string;
  /** Of the software: what an older one could not apply is tried once at the start of a newer one. */
  version?: string;
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
  #isStopped = false;
  /** One rebuild, retry, skip or change of generation at a time. */
  #exclusive: Promise<unknown> = Promise.resolve();
  readonly #waiters: Waiters;
  readonly #intake: Intake<Tx>;
  readonly #upkeep: Upkeep<Tx>;
  #polls = 0;
  #isReloadWanted = false;
  #cancelPoll: () => void = () => undefined;
  #unsubscribe: () => void = () => undefined;

  constructor(options: RunConsumerOptions<Tx>) {
    this.#options = options;
    this.#timer = options.timer ?? realTimer;
    this.#waiters = new Waiters(options.consumer.name, this.#timer, () => this.position());
    const { log, checkpoints, consumer, clock, logger = silentLogger, metrics = noMetrics, owner = '', version = '' } = options;
    this.#intake = new Intake({
      log,
      consumer: consumer.name,
      logger,
      timer: this.#timer,
      buckets: () => this.#buckets,
      generation: () => this.#generation,
      adopt: (head) => this.#alone(() => this.#adopt(head)),
      offered: () => this.#progressed(),
    });
    this.#upkeep = new Upkeep({ log, checkpoints, consumer, clock, timer: this.#timer, logger, metrics, owner, version });
    this.#shared = {
      log,
      checkpoints,
      consumer,
      clock,
      version,
      timer: this.#timer,
      logger,
      metrics,
      transactions: new Transactions(checkpoints, consumer),
      generation: () => this.#generation,
      skipped: new Set(),
      progressed: () => this.#progressed(),
      replaced: () => this.#reloadSoon(),
      isDamaged: () => this.#isDamaged(),
    };
  }

  async start(): Promise<void> {
    const { log, checkpoints, consumer, announcements } = this.#options;
    const head = await log.head();
    this.#generation = head.generation;
    this.#intake.beginAt(head.position);
    await this.#upkeep.begin();
    const state = await checkpoints.load(consumer.name, head.generation);
    this.#buckets = state.checkpoints.map((checkpoint) => new Bucket(this.#shared, checkpoint, state.parked));
    for (const bucket of this.#buckets) await bucket.halt();
    if (state.checkpoints.some((checkpoint) => checkpoint.generation !== head.generation)) await this.#adopt(head);
    else if (!(await this.#repair())) await this.#reload();
    this.#unsubscribe = announcements.subscribe((announcement) => this.#intake.hear(announcement));
    this.#schedulePoll();
    this.#intake.read();
    this.#retryOlder(state.parked);
  }

  get name(): string {
    return this.#options.consumer.name;
  }

  position(): number {
    return Math.min(...this.#buckets.map((bucket) => bucket.appliedTo()));
  }

  waitFor(position: number, timeoutMs: number): Promise<void> {
    return this.#waiters.until(position, timeoutMs);
  }

  async status(): Promise<ConsumerStatus> {
    const { consumer } = this.#options;
    const [parked, run] = await Promise.all([this.parked(), this.#upkeep.lastRun()]);
    const progress = run === undefined ? {} : { run };
    const head = Math.max(this.#intake.head, this.position());
    return { name: consumer.name, isProjection: consumer.tables !== undefined, position: this.position(), head, parked: parked.length, ...progress };
  }

  async rebuild({ acceptParked = false, begun }: { acceptParked?: boolean } & Begun = {}): Promise<void> {
    await this.#upkeep.rebuild(acceptParked, begun);
    await this.#alone(() => this.#reload());
    this.#intake.read();
  }

  compare({ begun }: Begun = {}): Promise<ProjectionVerdict> {
    return this.#upkeep.compare(begun);
  }

  compareIfDue(): Promise<ProjectionVerdict | undefined> {
    return this.#upkeep.compareIfDue();
  }

  async parked(): Promise<ParkedStream[]> {
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
    await this.#intake.stop();
    await this.#upkeep.stop();
    await this.#exclusive;
    // Idle ones store how far they are, busy ones end what they are at.
    for (const bucket of this.#buckets) bucket.storeLag(true);
    await Promise.all(this.#buckets.map((bucket) => bucket.halt()));
    this.#waiters.stop();
  }

  #schedulePoll(): void {
    this.#cancelPoll = this.#timer(pollIntervalMs, () => {
      if (this.#isStopped) return;
      this.#intake.read();
      for (const bucket of this.#buckets) bucket.storeLag();
      this.#shared.metrics.gauge('consumer_lag', Math.max(0, this.#intake.head - this.position()), { consumer: this.#options.consumer.name });
      if (this.#polls++ % pollsPerStoredCheck === 0) void this.#checkStored();
      this.#schedulePoll();
    });
  }

  /** Buckets that nothing happens in would not notice that another replica swapped the tables, or that a crash lost something. */
  async #checkStored(): Promise<void> {
    const { checkpoints, consumer } = this.#options;
    const known = this.#buckets.map(({ checkpoint }) => checkpoint.revision);
    try {
      // Nor would readers be helped if no event came that misses a lost table.
      if (!(await checkpoints.projections.areThere(consumer.tables ?? []))) await this.#isDamaged();
      const stored = await checkpoints.load(consumer.name, this.#generation);
      this.#shared.metrics.gauge('consumer_parked', stored.parked.length, { consumer: consumer.name });
      const isOther = stored.checkpoints.some(({ build, revision }, index) => {
        const bucket = this.#buckets[index];
        // What need not wait for the disk may be lost when the server crashes, with its effects: it is done again.
        return bucket !== undefined && (bucket.checkpoint.build < build || (bucket.checkpoint.build === build && revision < (known[index] ?? 0)));
      });
      if (isOther) this.#reloadSoon();
    } catch {
      // In an outage: whoever applies an event says so, and the next check comes.
    }
  }

  #progressed(): void {
    this.#waiters.check();
    this.#intake.catchUp();
  }

  /** The log's positions begin anew: a projection is rebuilt, anything else goes on from where the log ends at most. */
  async #adopt(head: { position: number; generation: string }): Promise<void> {
    const { consumer } = this.#options;
    this.#shared.logger.warn('the log was recovered from an older copy: the consumer is rewound', {
      consumer: consumer.name,
      generation: head.generation,
      head: head.position,
    });
    // Not the head: what was appended since the recovery has positions that were applied in the former generation.
    const known = new Set(this.#buckets.map((bucket) => bucket.checkpoint.generation));
    const stands = Math.min(...(await Promise.all([...known].map((generation) => this.#options.log.resumeAfter(generation)))));
    this.#generation = head.generation;
    this.#intake.beginAt(head.position);
    const isProjection = consumer.tables !== undefined;
    await this.#restart((position) => (isProjection ? 0 : Math.min(position, stands)), isProjection);
  }

  /** Halts all buckets, moves their stored checkpoints, and lets them go on from there. */
  async #restart(positionOf: (position: number) => number, isReset: boolean): Promise<void> {
    const { checkpoints, consumer } = this.#options;
    await Promise.all(this.#buckets.map((bucket) => bucket.halt()));
    try {
      const state = await checkpoints.load(consumer.name, this.#generation);
      // Another replica may have done it already, when this one comes to it.
      const isDone = !isReset || state.checkpoints.some((checkpoint, index) => checkpoint.build !== this.#buckets[index]?.checkpoint.build);
      const isNeeded = !isDone || state.checkpoints.some((checkpoint) => checkpoint.generation !== this.#generation);
      if (!isNeeded) return;
      await checkpoints.transaction(async (tx) => {
        const moves = state.checkpoints.map((from) => ({
          from,
          position: positionOf(from.position),
          generation: this.#generation,
          build: from.build + (isReset ? 1 : 0),
        }));
        if (!(await checkpoints.move(tx, consumer.name, moves))) {
          throw new AppError('unavailable', `the checkpoints of consumer ${consumer.name} were moved by another replica meanwhile: try again`, {
            retry: 'later',
          });
        }
        for (const parked of state.parked) {
          if (isReset || parked.position > positionOf(parked.position)) await checkpoints.unpark(tx, consumer.name, parked.stream);
        }
        if (isReset) await checkpoints.projections.recreate(tx, consumer.tables ?? []);
      });
    } finally {
      await this.#reload();
    }
  }

  /** True when tables were lost: they are made, and filled from the log's beginning, because nothing is left to be shown. */
  async #repair(): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      const lost = await this.#upkeep.damage();
      if (lost.length === 0) return tries > 1;
      const { name } = this.#options.consumer;
      this.#shared.logger.error('tables of a projection are missing or damaged: it is made anew from the log', { consumer: name, lost });
      this.#shared.metrics.count('projection_repairs_total', { consumer: name });
      try {
        await this.#restart(() => 0, true);
      } catch (error) {
        if (AppError.from(error).code !== 'unavailable' || tries >= 3) throw error;
      }
      if (tries >= 3) throw new AppError('internal', `the tables of consumer ${name} are not as its statements make them: ${lost.join(', ')}`);
    }
  }

  /** Asked by a bucket that missed a table: it must not wait for the repair, which waits for it. */
  async #isDamaged(): Promise<boolean> {
    if ((await this.#upkeep.damage()).length === 0) return false;
    void this.#alone(() => this.#repair()).then(
      () => this.#intake.read(),
      (error: unknown) => this.#shared.logger.error('a projection could not be repaired', { consumer: this.#options.consumer.name, error: traceOf(error) }),
    );
    return true;
  }

  #reloadSoon(): void {
    if (this.#isReloadWanted || this.#isStopped) return;
    this.#isReloadWanted = true;
    void this.#alone(() => {
      this.#isReloadWanted = false;
      return this.#reload();
    }).then(() => this.#intake.read());
  }

  /** Everything as it is stored: checkpoints, and what the consumer keeps in memory. In an outage, as soon as it can be read. */
  async #reload(): Promise<void> {
    const { checkpoints, consumer } = this.#options;
    await Promise.all(this.#buckets.map((bucket) => bucket.halt()));
    await this.#resume(this.#buckets, async () => {
      for (const event of await checkpoints.skipped(consumer.name)) this.#shared.skipped.add(event);
      return checkpoints.snapshot(consumer.name, this.#generation, async (tx, state) => {
        await consumer.load?.(tx);
        return state;
      });
    });
  }

  /** From what is stored; in an outage, as soon as that can be read. */
  async #resume(halted: readonly Bucket<Tx>[], read: () => Promise<ConsumerState>): Promise<void> {
    const { consumer } = this.#options;
    for (;;) {
      try {
        const state = await read();
        for (const bucket of halted) {
          bucket.become(state.checkpoints[bucket.checkpoint.bucket] ?? bucket.checkpoint, state.parked);
          bucket.resume();
        }
        return;
      } catch (error) {
        if (this.#isStopped) return;
        this.#shared.logger.warn('a consumer could not load what it stored; tried again', { consumer: consumer.name, error: traceOf(error) });
        await new Promise<void>((resolve) => void this.#timer(pollIntervalMs, resolve));
      }
    }
  }

  /** What another version could not apply: once, and in the background. */
  #retryOlder(parked: readonly ParkedStream[]): void {
    const { version, logger } = this.#shared;
    for (const { stream, triedBy } of parked) {
      if (triedBy === version) continue;
      this.#unpark(stream).then(
        () => logger.info('a parked stream was applied by this version', { consumer: this.name, stream }),
        (error: unknown) =>
          logger.warn('a parked stream was tried by this version, in vain', { consumer: this.name, stream, error: AppError.from(error).message }),
      );
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
        await this.#resume([bucket], () => this.#options.checkpoints.load(this.#options.consumer.name, this.#generation));
      }
    });
    this.#intake.read();
  }

  #alone<R>(work: () => Promise<R>): Promise<R> {
    const result = this.#exclusive.then(work);
    this.#exclusive = result.catch(() => undefined);
    return result;
  }
}
