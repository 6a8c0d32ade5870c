import type { NewEvent, RecordedEvent } from '@plumbline/contracts';

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
  /** Append as the last statement of this transaction; the announcement is made when `announce` is called after commit. */
  tx?: Tx;
}

/**
 * The log. `append` is all or nothing over its streams. Events whose id is already recorded in that stream are not
 * appended again: the recorded ones are answered, in the request's order (and the expected version is not checked then).
 */
export interface EventLog<Tx = SqlExecutor> {
  append(batch: readonly StreamAppend[], options?: AppendOptions<Tx>): Promise<RecordedEvent[]>;
  /** `after` is exclusive; limit 1..1000. */
  readFeed(query: { after: number; limit: number }): Promise<FeedPage>;
  /** Events of one stream after a version, in order. */
  readStream(stream: string, query?: { afterVersion?: number; limit?: number }): Promise<RecordedEvent[]>;
  head(): Promise<{ position: number; generation: string }>;
  transaction<R>(work: (tx: Tx) => Promise<R>): Promise<R>;
  close(): Promise<void>;
}

/**
 * A named reader of the feed with its checkpoint. `apply` gets the events of one bucket of streams in order and runs in
 * the transaction that also stores the checkpoint, so what it writes through `tx` happens exactly once.
 */
export interface Consumer<Tx = SqlExecutor> {
  /** `<service>.<name>`; the key of its checkpoints. */
  name: string;
  /** Only these types are passed to `apply`; others still move the checkpoint. Undefined = all. */
  types?: readonly string[];
  apply(events: readonly RecordedEvent[], tx: Tx): Promise<void>;
  /** Called after the commit, for effects outside the database; at least once is not promised here: re-read the world. */
  committed?(events: readonly RecordedEvent[]): void;
  /** A projection drops and recreates its tables here; see `rebuild`. */
  reset?(tx: Tx): Promise<void>;
}

export interface RunningConsumer {
  /** Position up to which everything is applied. */
  position(): number;
  /** Resolves when `position()` has reached it; rejects with `deadline-exceeded`. */
  waitFor(position: number, timeoutMs: number): Promise<void>;
  /** Reset the projection and replay the feed from the start; resolves when it has caught up again. */
  rebuild(): Promise<void>;
  stop(): Promise<void>;
}

/** Where announcements come from: NATS in production, a direct call in one process. Losing one loses nothing. */
export interface AnnouncementSource {
  subscribe(listener: (announcement: import('@plumbline/contracts').Announcement) => void): () => void;
}
