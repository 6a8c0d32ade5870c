import { AppError, type RecordedEvent, type Upcast } from '@plumbline/contracts';
import type { Pool } from 'pg';
import { announcementOf, type Announce, type Appended } from '../announce.ts';
import type { AuditedLog } from '../audit/audited-log.ts';
import { makeGroupCommit, type Outcome } from '../group-commit.ts';
import { feedPageEventsMax } from '../limits.ts';
import type { EventLog, FeedPage, SqlExecutor } from '../port.ts';
import { checkFeedQuery, checkTime, goneBefore, prepareAppend, streamGoneBefore, type PreparedAppend } from '../prepare.ts';
import { appendRequests, eventLines, recordedEventOf } from './append.ts';
import { auditOf } from './audit.ts';
import { noHead } from './postgres-errors.ts';
import { openPool, prepared, preparingExecutorOf, transactionsOf, type TransactionRunner } from './sql-executor.ts';

export interface PostgresEventLogOptions {
  /** A URL: the log opens a pool of its own and closes it. A pool (see `openPool`): it stays its owner's. */
  connection: string | Pool;
  /** Called after each commit; must not throw. */
  announce: Announce;
  /** Lifts what was recorded to the versions that this process knows; never throws. Default: as recorded. */
  upcast?: Upcast;
}

export interface PostgresEventLog extends EventLog<SqlExecutor>, AuditedLog {
  /**
   * Wraps somebody else's transactions (TypeORM's): what is appended with their `tx` is announced after their commit.
   * `work` must get the very executor that it passes on as `tx`.
   */
  announcing(run: TransactionRunner<SqlExecutor>): TransactionRunner<SqlExecutor>;
}

/** The log in PostgreSQL; its schema is made by `migrateEventLog`. */
export function makePostgresEventLog({ connection, announce, upcast = asRecorded }: PostgresEventLogOptions): PostgresEventLog {
  const pool = typeof connection === 'string' ? openPool(connection) : connection;
  const executor = preparingExecutorOf(pool);
  const openTransactions = new WeakMap<SqlExecutor, Appended>();

  const appendInGroup = makeGroupCommit(async (group) => {
    const { outcomes, appended } = await appendApart(executor, group, upcast);
    announceAppended(appended);
    return outcomes;
  });

  function announceAppended(appended: readonly Appended[]): void {
    for (const part of appended) {
      const announcement = announcementOf(part);
      if (announcement !== undefined) announce(announcement);
    }
  }

  async function appendWithin(tx: SqlExecutor, request: PreparedAppend): Promise<RecordedEvent[]> {
    // A consumer's transaction need not wait for the disk, because it can be done again; what is announced can't.
    await tx.query('set local synchronous_commit to default');
    const { outcomes, appended } = await appendRequests(tx, [request], upcast);
    const open = openTransactions.get(tx);
    if (open !== undefined) {
      open.generation = appended.generation;
      open.events.push(...appended.events);
      open.sizeBytes += appended.sizeBytes;
    }
    const outcome = outcomes[0];
    if (outcome === undefined || 'error' in outcome) throw outcome?.error;
    return outcome.answer;
  }

  function announcing(run: TransactionRunner<SqlExecutor>): TransactionRunner<SqlExecutor> {
    return async (work) => {
      let appended: Appended | undefined;
      const result = await run((tx) => {
        appended = { generation: '', events: [], sizeBytes: 0 };
        openTransactions.set(tx, appended);
        return work(tx);
      });
      if (appended !== undefined) announceAppended([appended]);
      return result;
    };
  }

  return {
    async append(batch, options = {}) {
      const request = prepareAppend(batch, options.fence);
      if (request.eventCount === 0) return [];
      return options.tx === undefined ? appendInGroup(request) : appendWithin(options.tx, request);
    },
    readFeed: (query) => readFeed(executor, query, upcast),
    readStream: (stream, query = {}) => readStream(executor, stream, query, upcast),
    positionAt: (time) => positionAt(executor, time),
    head: () => readHead(executor),
    resumeAfter: (generation) => resumeAfter(executor, generation),
    ...auditOf(executor),
    transaction: announcing(transactionsOf(pool)),
    announcing,
    async close() {
      if (typeof connection === 'string') await pool.end();
    },
  };
}

/**
 * One call for the group. When PostgreSQL refuses the call itself, each request is tried alone, so that only the one
 * that it can't take fails; when it is away, all fail alike.
 */
async function appendApart(
  executor: SqlExecutor,
  group: readonly PreparedAppend[],
  upcast: Upcast,
): Promise<{ outcomes: Outcome<RecordedEvent[]>[]; appended: Appended[] }> {
  try {
    const { outcomes, appended } = await appendRequests(executor, group, upcast);
    return { outcomes, appended: [appended] };
  } catch (error) {
    if (group.length === 1 || AppError.from(error).code !== 'internal') return { outcomes: group.map(() => ({ error })), appended: [] };
  }
  const apart: { outcomes: Outcome<RecordedEvent[]>[]; appended: Appended[] } = { outcomes: [], appended: [] };
  for (const request of group) {
    const { outcomes, appended } = await appendApart(executor, [request], upcast);
    apart.outcomes.push(...outcomes);
    apart.appended.push(...appended);
  }
  return apart;
}

// One statement, so that the page and the head are of one moment. The head comes first.
const feedSql = prepared(
  'feed',
  `select event from (
     select 0 as position, concat_ws(E'\\n', position, generation, oldest) as event from log.head
     union all
     (select position, ${eventLines} from log.event where position > $1 order by position limit $2)
   ) page order by position`,
);

async function readFeed(executor: SqlExecutor, query: { after: number; limit: number }, upcast: Upcast): Promise<FeedPage> {
  checkFeedQuery(query, feedPageEventsMax);
  const [first, ...rows] = await executor.query<{ event: string }>(feedSql, [query.after, query.limit]);
  if (first === undefined) throw noHead();
  const [head, generation = '', oldest] = first.event.split('\n');
  if (query.after < Number(oldest) - 1) throw goneBefore(query.after, Number(oldest));
  return { events: rows.map((row) => recordedEventOf(row, upcast)), head: Number(head), generation };
}

async function readStream(executor: SqlExecutor, stream: string, query: { afterVersion?: number; limit?: number }, upcast: Upcast): Promise<RecordedEvent[]> {
  const afterVersion = query.afterVersion ?? 0;
  const rows = await executor.query<{ event: string }>(streamSql, [stream, afterVersion, query.limit ?? null]);
  const events = rows.map((row) => recordedEventOf(row, upcast));
  const first = events[0]?.version ?? (await versionWithoutEvents(executor, stream, afterVersion));
  if (first !== undefined && first > afterVersion + 1) throw streamGoneBefore(stream, afterVersion, first);
  return events;
}

/** Times never go backwards along positions, and positions have no gaps: halved, each look one row of the primary key. */
const positionAtSql = `with recursive search(low, high) as (
    select h.oldest - 1, h.position from log.head h
    union all
    select case when e.at <= $1::timestamptz then s.middle else s.low end, case when e.at <= $1::timestamptz then s.high else s.middle - 1 end
    from (select low, high, (low + high + 1) / 2 as middle from search where low < high) s join log.event e on e.position = s.middle
  ) select low as position from search where low >= high`;

async function positionAt(executor: SqlExecutor, time: string): Promise<number> {
  const [row] = await executor.query<{ position: string }>(positionAtSql, [checkTime(time)]);
  if (row === undefined) throw noHead();
  return Number(row.position);
}

const streamSql = prepared('stream', `select ${eventLines} as event from log.event where stream = $1 and version > $2 order by version limit $3`);

/** When all events that would come next were dropped: the version of the next one that the stream will have. */
async function versionWithoutEvents(executor: SqlExecutor, stream: string, afterVersion: number): Promise<number | undefined> {
  const [row] = await executor.query<{ version: number }>(
    `select s.version from log.stream s where s.id = $1 and s.version > $2
     and not exists (select from log.event e where e.stream = $1 and e.version > $2)`,
    [stream, afterVersion],
  );
  return row === undefined ? undefined : row.version + 1;
}

async function readHead(executor: SqlExecutor): Promise<{ position: number; generation: string }> {
  const [row] = await executor.query<{ position: string; generation: string }>('select position, generation from log.head');
  if (row === undefined) throw noHead();
  return { position: Number(row.position), generation: row.generation };
}

const resumeAfterSql = `select case when not exists (select from log.generation where id::text = $1) then 0 else
  coalesce((select min(later.began_after) from log.generation later join log.generation known on known.id::text = $1 and later.ordinal > known.ordinal), h.position) end as position
  from log.head h`;

async function resumeAfter(executor: SqlExecutor, generation: string): Promise<number> {
  const [row] = await executor.query<{ position: string }>(resumeAfterSql, [generation]);
  if (row === undefined) throw noHead();
  return Number(row.position);
}

const asRecorded: Upcast = (recorded) => recorded;
