import type { RecordedEvent } from '@plumbline/contracts';
import type { SqlExecutor } from '@plumbline/event-log';
import { prepared } from '@plumbline/event-log';
import { limits } from '../limits.ts';
import { matches } from '../events/event-filter.ts';
import type { EventFilter } from '../events/event-filter.ts';

/** A stream of a subscription that somebody may deliver now, and its first event. All times are the database's. */
export interface Claimed {
  subscription: string;
  stream: string;
  claim: string;
  tries: number;
  ageMs: number;
  position: number;
  eventId: string;
}

/** What to do with a claimed stream. */
export type Settlement =
  /** Its event is delivered, or need not be. */
  | { kind: 'done'; isDelivered: boolean }
  | { kind: 'dead-letter'; reason: string }
  | { kind: 'again'; delayMs: number; reason: string }
  /** As if it had not been claimed. */
  | { kind: 'release'; delayMs: number };

export interface Wanted {
  name: string;
  filter: EventFilter;
}

/** Whose event it is can't be judged before the projection of applications has passed it: that waits until it is delivered. */
export function isWanted({ name, filter }: Wanted, event: RecordedEvent): boolean {
  const { projects: _, ...rest } = filter;
  // What a subscription is told about its own deliveries would never end.
  return event.stream !== `subscription-${name}` && matches(rest, event, undefined);
}

/**
 * Puts events aside. The rows of the streams are touched even if they are there: this locks them, so that who has just
 * delivered the last event of one sees this one before removing it, or removes it before this. A position that is there
 * with another event is of the log before it was recovered from an older copy: that event is no more.
 */
export async function enqueue(tx: SqlExecutor, name: string, events: readonly Pick<RecordedEvent, 'position' | 'stream' | 'id'>[]): Promise<void> {
  if (events.length === 0) return;
  const columns = [name, events.map((event) => event.position), events.map((event) => event.stream), events.map((event) => event.id)];
  await tx.query(
    `insert into delivery (subscription, position, stream, event_id) select $1, * from unnest($2::bigint[], $3::text[], $4::uuid[])
     on conflict (subscription, position) do update set stream = excluded.stream, event_id = excluded.event_id where delivery.event_id <> excluded.event_id`,
    columns,
  );
  const streams = [...new Set(events.map((event) => event.stream))].sort();
  await tx.query(
    `insert into delivery_stream (subscription, stream) select $1, * from unnest($2::text[])
     on conflict (subscription, stream) do update set ready_at = delivery_stream.ready_at`,
    [name, streams],
  );
}

const wantedSql = prepared(
  'api subscriptions wanted',
  `select name, filter, greatest(from_position, coalesce(filled_to, 0)) as since from event_subscription
   where full_since is null order by name for share`,
);

/** Subscriptions as the consumer must see them: their rows stay as they are until its transaction ends. */
export async function wantedNow(tx: SqlExecutor): Promise<(Wanted & { since: number })[]> {
  const rows = await tx.query<Wanted & { since: string }>(wantedSql);
  return rows.map(({ name, filter, since }) => ({ name, filter, since: Number(since) }));
}

/** Nothing before everything from the past is put aside; of each stream the first event only. */
export async function claimStreams(database: SqlExecutor, name: string, count: number, claim: string): Promise<Claimed[]> {
  const rows = await database.query<{ stream: string; tries: number; age: string; first: { position: number; event_id: string } | null }>(
    `with ready as (
       select subscription, stream from delivery_stream
        where subscription = $1 and ready_at <= now() and (claimed_until is null or claimed_until < now())
          and exists (select from event_subscription where name = $1 and from_position >= filled_to)
        order by ready_at limit $2 for update skip locked)
     update delivery_stream d set claim = $3, claimed_until = now() + $4::int * interval '1 millisecond' from ready r
      where d.subscription = r.subscription and d.stream = r.stream
      returning d.stream, d.tries, coalesce(extract(epoch from now() - d.first_try_at) * 1000, 0) as age,
        (select json_build_object('position', e.position, 'event_id', e.event_id) from delivery e
          where e.subscription = d.subscription and e.stream = d.stream order by e.position limit 1) as first`,
    [name, count, claim, limits.deliveryClaimMs],
  );
  return rows.map(({ stream, tries, age, first }) => ({
    subscription: name,
    stream,
    claim,
    tries,
    ageMs: Number(age),
    position: first?.position ?? 0,
    eventId: first?.event_id ?? '',
  }));
}

/** False when the claim ran out and somebody else has taken the stream: then nothing is changed. To be called in a transaction. */
export async function settle(tx: SqlExecutor, claimed: Claimed, settlement: Settlement): Promise<boolean> {
  const { subscription, stream, claim } = claimed;
  const itself = [subscription, stream];
  // First: from here on, whoever put an event of this stream aside has committed, or waits.
  const held = await tx.query('select 1 from delivery_stream where subscription = $1 and stream = $2 and claim = $3 for update', [...itself, claim]);
  if (held.length === 0) return false;
  const free = 'update delivery_stream set claim = null, claimed_until = null';
  if (settlement.kind === 'release') {
    await tx.query(`${free}, ready_at = now() + $3::int * interval '1 millisecond' where subscription = $1 and stream = $2`, [...itself, settlement.delayMs]);
    return true;
  }
  if (settlement.kind === 'again') {
    await tx.query(
      `${free}, ready_at = now() + $3::int * interval '1 millisecond', tries = tries + 1, first_try_at = coalesce(first_try_at, now()),
       failure = $4 where subscription = $1 and stream = $2`,
      [...itself, settlement.delayMs, settlement.reason],
    );
  } else {
    if (settlement.kind === 'dead-letter') await bury(tx, claimed, settlement.reason);
    await tx.query('delete from delivery where subscription = $1 and position = $2', [subscription, claimed.position]);
    const left = await tx.query('select 1 from delivery where subscription = $1 and stream = $2 limit 1', itself);
    if (left.length === 0) await tx.query('delete from delivery_stream where subscription = $1 and stream = $2', itself);
    else await tx.query(`${free}, ready_at = now(), tries = 0, first_try_at = null, failure = null where subscription = $1 and stream = $2`, itself);
  }
  await noteHealth(tx, subscription, settlement);
  return true;
}

async function bury(tx: SqlExecutor, { subscription, position, stream, eventId, tries }: Claimed, reason: string): Promise<void> {
  await tx.query(
    `insert into dead_letter (subscription, position, stream, event_id, tries, reason) values ($1, $2, $3, $4, $5, $6)
     on conflict (subscription, position) do update set tries = excluded.tries, reason = excluded.reason, at = excluded.at`,
    [subscription, position, stream, eventId, tries + 1, reason],
  );
}

async function noteHealth(tx: SqlExecutor, subscription: string, settlement: Settlement): Promise<void> {
  if (settlement.kind === 'done' && settlement.isDelivered) {
    await tx.query(
      `insert into delivery_health (subscription, success_at) values ($1, now()) on conflict (subscription) do update set success_at = excluded.success_at`,
      [subscription],
    );
  } else if (settlement.kind === 'again' || settlement.kind === 'dead-letter') {
    await tx.query(
      `insert into delivery_health (subscription, failure_at, failure) values ($1, now(), $2)
       on conflict (subscription) do update set failure_at = excluded.failure_at, failure = excluded.failure`,
      [subscription, settlement.reason],
    );
  }
}

/** Milliseconds until a stream of it may be tried, or a claim runs out; undefined: nothing waits, or its past is not put aside yet. */
export async function nextDueMs(database: SqlExecutor, name: string): Promise<number | undefined> {
  const [row] = await database.query<{ due: string | null }>(
    `select extract(epoch from min(greatest(ready_at, coalesce(claimed_until, ready_at))) - now()) * 1000 as due from delivery_stream where subscription = $1
       and exists (select from event_subscription where name = $1 and from_position >= filled_to)`,
    [name],
  );
  // What is due and was not claimed is somebody's at this moment: not asked for again and again until it is free.
  return row?.due == null ? undefined : Math.max(limits.deliveryLookMsMin, Math.ceil(Number(row.due)));
}

/** How far a subscription is. */
export interface DeliveryState {
  /** Undefined: nothing waits. */
  firstPending: number | undefined;
  pending: number;
  deadLetters: number;
  lastSuccess: string | undefined;
  lastFailure: string | undefined;
  failure: string | undefined;
  /** Nothing after this position was put aside. */
  fullSince: number | undefined;
}

export async function deliveryState(database: SqlExecutor, name: string): Promise<DeliveryState> {
  const [row] = await database.query<Record<'first' | 'success' | 'failed' | 'failure' | 'full', string | null> & Record<'pending' | 'dead', string>>(
    `select (select min(position) from delivery where subscription = $1) as first, (select count(*) from delivery where subscription = $1) as pending,
       (select count(*) from dead_letter where subscription = $1) as dead, to_json(h.success_at)#>>'{}' as success, to_json(h.failure_at)#>>'{}' as failed, h.failure,
       (select full_since from event_subscription where name = $1) as full
     from (select 1) one left join delivery_health h on h.subscription = $1`,
    [name],
  );
  return {
    firstPending: row?.first == null ? undefined : Number(row.first),
    pending: Number(row?.pending ?? 0),
    deadLetters: Number(row?.dead ?? 0),
    lastSuccess: row?.success ?? undefined,
    lastFailure: row?.failed ?? undefined,
    failure: row?.failure ?? undefined,
    fullSince: row?.full == null ? undefined : Number(row.full),
  };
}

/** A stream with something to deliver. */
export interface WaitingStream {
  stream: string;
  /** Of its first event: the one that is tried. */
  position: number;
  eventId: string;
  waiting: number;
  /** Failed ones of the first event. */
  tries: number;
  nextTry: string;
  failure?: string;
}

export async function waitingStreamsOf(database: SqlExecutor, name: string, page: { after: number; limit: number }): Promise<WaitingStream[]> {
  const rows = await database.query<Omit<WaitingStream, 'position' | 'waiting' | 'failure'> & { position: string; waiting: string; failure: string | null }>(
    `select d.stream, f.position, f.event_id as "eventId", f.waiting, d.tries, to_json(d.ready_at)#>>'{}' as "nextTry", d.failure from delivery_stream d
     join (select distinct on (stream) stream, position, event_id, count(*) over (partition by stream) as waiting
             from delivery where subscription = $1 order by stream, position) f on f.stream = d.stream
     where d.subscription = $1 and f.position > $2 order by f.position limit $3`,
    [name, page.after, page.limit],
  );
  return rows.map(({ failure, position, waiting, ...row }) => ({
    ...row,
    position: Number(position),
    waiting: Number(waiting),
    ...(failure === null ? {} : { failure }),
  }));
}

/** An event that was given up on. */
export interface DeadLetter {
  position: number;
  stream: string;
  eventId: string;
  tries: number;
  reason: string;
  time: string;
}

export async function deadLettersOf(database: SqlExecutor, name: string, page: { after: number; limit: number }): Promise<DeadLetter[]> {
  const rows = await database.query<Omit<DeadLetter, 'position'> & { position: string }>(
    `select position, stream, event_id as "eventId", tries, reason, to_json(at)#>>'{}' as time from dead_letter
     where subscription = $1 and position > $2 order by position limit $3`,
    [name, page.after, page.limit],
  );
  return rows.map((row) => ({ ...row, position: Number(row.position) }));
}

/** Puts dead letters aside again; `positions` undefined: all. Answers how many. To be called in a transaction. */
export async function replay(tx: SqlExecutor, name: string, positions: readonly number[] | undefined): Promise<number> {
  const rows = await tx.query<{ position: string; stream: string; id: string }>(
    `delete from dead_letter where subscription = $1 and ($2::bigint[] is null or position = any($2)) returning position, stream, event_id as id`,
    [name, positions ?? null],
  );
  await enqueue(
    tx,
    name,
    rows.map((row) => ({ ...row, position: Number(row.position) })),
  );
  return rows.length;
}

/**
 * Ends the putting aside for subscriptions that let more than `max` events wait: a receiver that is gone for ever must not
 * fill the database. `appliedTo`: where the consumer is, for sure; answers which, and up to where they are whole.
 */
export async function boundWaiting(
  database: SqlExecutor,
  { max, appliedTo }: { max: number; appliedTo: number },
): Promise<{ name: string; fullSince: number }[]> {
  const rows = await database.query<{ name: string; full_since: string }>(
    `with kept as (select subscription, position from delivery union all select subscription, position from dead_letter),
       counted as (select subscription, count(*) as waiting, max(position) as last from kept group by subscription)
     update event_subscription s set full_since = least(c.last, $2::bigint) from counted c
      where c.subscription = s.name and c.waiting > $1 and s.full_since is null returning s.name, s.full_since`,
    [max, appliedTo],
  );
  return rows.map((row) => ({ name: row.name, fullSince: Number(row.full_since) }));
}

/** Events that wait, of all subscriptions. */
export async function deliveryCount(database: SqlExecutor): Promise<number> {
  const [row] = await database.query<{ count: string }>('select count(*) from delivery');
  return Number(row?.count ?? 0);
}
