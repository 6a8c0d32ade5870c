import type { Announcement, NewEvent, RecordedEvent } from '@plumbline/contracts';

/** One stream's part of an append. */
export interface StreamAppend {
  stream: string;
  /** Version the stream must be at: 0 = must not exist, undefined = any. Otherwise the append is refused (`conflict`). */
  expectedVersion?: number;
  events: readonly NewEvent[];
}

/** What an SQL transaction offers; TypeORM's EntityManager.query and a pg client are both adapted to it. */
export interface SqlExecutor {
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

export interface FeedPage {
  /** In position order, dense from `after + 1`. */
  events: RecordedEvent[];
  /** Position of the last committed event, 0 for an empty log. */
  head: number;
  /** Changes when the log was recovered from an older copy: positions before and after are not comparable. */
  generation: string;
}

export interface AppendOptions<Tx> {
  /**
   * Append in this transaction, as its last statement if possible: from then on until it ends, nobody else appends.
   * Announced after the commit when the transaction was begun by `transaction()` of the log (or a runner that the
   * adapter wrapped); otherwise consumers find it with their next poll.
   */
  tx?: Tx;
  /** Append only while this lease is at this epoch: nothing that its former owner still has in hand gets in. */
  fence?: Fence;
}

/** Under which ownership something is written; see `Leases`. */
export interface Fence {
  lease: string;
  epoch: number;
}

/**
 * Leases: who may do something alone, until when. Each new owner begins a new epoch; from the moment a claim answers,
 * nothing that carries an older epoch is appended. Times are the database's.
 *
 * Errors: `unavailable` (retry later).
 */
export interface Leases {
  /**
   * Makes `owner` the owner for `lifeMs`. With the epoch that it holds: renews. Without: takes what is free, has run out,
   * or was this owner's before (a restart). Undefined: somebody else has it.
   */
  claim(lease: string, owner: string, options: { lifeMs: number; epoch?: number }): Promise<{ epoch: number } | undefined>;
  /** Lets the next one claim at once, if `epoch` is still the current one. The epoch stays as it is until then. */
  release(lease: string, epoch: number): Promise<void>;
}

/**
 * The log. `append` is all or nothing over its streams. Events whose id is already recorded in that stream are not
 * appended again: the recorded ones are answered, in the request's order. The expected version of a stream counts only
 * if something is new for it: a plain retry succeeds, a retry that decided differently is a `conflict`.
 *
 * Errors: `conflict` (details: stream, expected, actual), `owned-by-another` (the fence is of a former epoch; details:
 * lease, epoch, current), `too-large`, `invalid-argument`, `gone` (reading what was exported and dropped; details: oldest), `unavailable` and `deadline-exceeded` (retry later; the same ids append once).
 */
export interface EventLog<Tx = SqlExecutor> {
  /** Parts without events are left out. A stream may appear once. */
  append(batch: readonly StreamAppend[], options?: AppendOptions<Tx>): Promise<RecordedEvent[]>;
  /** `after` is exclusive; limit 1..1000. */
  readFeed(query: { after: number; limit: number }): Promise<FeedPage>;
  /**
   * Events of one stream after a version, in order; all of them without a limit. `gone` when those that come next were
   * dropped with their partition: a stream is never told without its beginning.
   */
  readStream(stream: string, query?: { afterVersion?: number; limit?: number }): Promise<RecordedEvent[]>;
  head(): Promise<{ position: number; generation: string }>;
  /**
   * Up to which position what was read in a generation is still what the log says: its end for the current one, where the
   * recovery began for a former one, 0 for one that the log doesn't know.
   */
  resumeAfter(generation: string): Promise<number>;
  /**
   * Position of the last event that was recorded at or before this moment (RFC 3339); the one before the oldest that is kept
   * when all came later.
   */
  positionAt(time: string): Promise<number>;
  /** Commits when `work` resolves, rolls back when it rejects; what it appended is announced after the commit. */
  transaction<R>(work: (tx: Tx) => Promise<R>): Promise<R>;
  close(): Promise<void>;
}

/**
 * A table that a projection keeps. The statements are the only place where it is described: the migration, a rebuild and
 * the repair of a lost table all run them.
 */
export interface ProjectionTable {
  /** Without a schema: it is in the service's own, and while it is rebuilt in a shadow of that. */
  name: string;
  /** `create table if not exists …` and its indexes likewise, with no name of a schema. In memory there is nothing to make. */
  ddl: readonly string[];
  /** Columns that are no function of the log, each with the reason: a comparison leaves them out. */
  incomparable?: Readonly<Record<string, string>>;
}

/**
 * A named reader of the feed with its checkpoint. `apply` gets events in order within each stream and runs in the
 * transaction that also stores the checkpoint, so what it writes through `tx` happens exactly once.
 */
export interface Consumer<Tx = SqlExecutor> {
  /** `<service>.<name>`; the key of its checkpoints. */
  name: string;
  /** Only these types are passed to `apply`; others still move the checkpoint. Undefined = all. */
  types?: readonly string[];
  /**
   * Of a projection: writes to `tables` only, by names without a schema, and depends on nothing but the events and those
   * tables: a rebuild calls it for a shadow while the live tables go on.
   */
  apply(events: readonly RecordedEvent[], tx: Tx): Promise<void>;
  /**
   * Told after the commit what is applied now, in order within each stream, by this process or by another replica: for
   * copies in memory and effects outside the database. At least once is not promised here: re-read the world.
   */
  committed?(events: readonly RecordedEvent[]): void;
  /**
   * Replaces what is in memory by what is stored: at the start, and whenever that is not what `committed` told, because
   * it was rebuilt or a parked stream was retried elsewhere. Of one moment with the checkpoint. May throw: tried again.
   */
  load?(tx: Tx): Promise<void>;
  /** Makes it a projection: what can be rebuilt, compared and repaired. */
  tables?: readonly ProjectionTable[];
}

/** A rebuild or a comparison: the one that runs, or the last one. */
export interface ProjectionRun {
  consumer: string;
  kind: 'rebuild' | 'compare';
  /** `waiting`: none so far. `refused`: an event could not be applied, so nothing was swapped. */
  state: 'waiting' | 'running' | 'done' | 'refused' | 'failed';
  /** Instance that does it. */
  owner: string;
  /** Events up to here are replayed, of those that were in the log. */
  position: number;
  head: number;
  eventsPerSecond: number;
  /** Streams set aside in the shadow. */
  parked: number;
  /** RFC 3339, UTC. */
  startedAt: string;
  /** When it last said something. */
  at: string;
  /** What came of it, in a sentence. */
  message: string;
}

/** What a comparison found. */
export interface ProjectionVerdict {
  consumer: string;
  /** Both had applied everything up to here; single buckets may be further. */
  position: number;
  rows: number;
  /** Rows that only one of both has; a changed row counts twice. */
  differences: number;
  /** Of the first ones: table and primary key, nothing else. */
  sample: readonly string[];
}

export interface ConsumerStatus {
  name: string;
  isProjection: boolean;
  position: number;
  head: number;
  parked: number;
  run?: ProjectionRun;
}

/** Who doesn't wait for the end. */
export interface Begun {
  /** Called when it is claimed and begins: from then on its progress is in the status. */
  begun?(): void;
}

export interface RunningConsumer {
  readonly name: string;
  /** Position up to which everything is applied. */
  position(): number;
  /** Resolves when `position()` has reached it; rejects with `deadline-exceeded`. */
  waitFor(position: number, timeoutMs: number): Promise<void>;
  status(): Promise<ConsumerStatus>;
  /**
   * Replays the feed into new tables beside the live ones and swaps them when they have caught up. Errors: `conflict`
   * (a rebuild or comparison of this consumer runs), `failed-precondition` (no projection, or an event could not be
   * applied and `acceptParked` is not given).
   */
  rebuild(options?: { acceptParked?: boolean } & Begun): Promise<void>;
  /** Rebuilds beside the live tables and tells the difference at the same positions. Changes nothing. */
  compare(options?: Begun): Promise<ProjectionVerdict>;
  /** As `compare`, when the last rebuild or comparison of any replica is a day old. */
  compareIfDue(): Promise<ProjectionVerdict | undefined>;
  /** Streams that are set aside since an event of theirs could not be applied. */
  parked(): Promise<ParkedStream[]>;
  /** Applies what a parked stream has missed, in order; rejects with the error of the event that fails again. */
  retryParked(stream: string): Promise<void>;
  /** Like `retryParked`, but without the event it is parked at. The reason is kept. */
  skipParked(stream: string, reason: string): Promise<void>;
  stop(): Promise<void>;
}

/** A stream that a consumer has set aside at an event which it failed to apply; its later events wait behind it. */
export interface ParkedStream {
  consumer: string;
  stream: string;
  /** Of the event that failed, and the one that comes next when it is retried. */
  position: number;
  version: number;
  eventId: string;
  type: string;
  error: string;
  stack: string;
  attempts: number;
  /** RFC 3339, UTC: when it was parked. */
  at: string;
  /** Version of the software that tried last: another one tries once more by itself. */
  triedBy: string;
}

/** Where announcements come from: NATS in production, a direct call in one process. Losing one loses nothing. */
export interface AnnouncementSource {
  subscribe(listener: (announcement: Announcement) => void): () => void;
}
