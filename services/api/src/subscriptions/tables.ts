/**
 * `event_subscription`: what the consumer must know, in its own transaction, to put events aside; no key, no address.
 * Events after `from_position` up to `filled_to` come from the log, later ones from the consumer; `generation` is the one
 * of the log that these positions are of. `full_since`: too much waited, and nothing after this position is put aside any more.
 * `delivery_stream`: one row per stream with something to deliver; who holds its claim delivers its first event.
 */
export const subscriptionTables = [
  `create table event_subscription (name text primary key, uid text not null, filter jsonb not null, from_position bigint not null, filled_to bigint)`,
  `create table delivery (subscription text not null references event_subscription on delete cascade, position bigint not null, stream text not null,
     event_id uuid not null, primary key (subscription, position))`,
  `create index delivery_stream_order on delivery (subscription, stream, position)`,
  `create table delivery_stream (subscription text not null references event_subscription on delete cascade, stream text not null,
     ready_at timestamptz not null default now(), tries integer not null default 0, first_try_at timestamptz, claim uuid, claimed_until timestamptz,
     primary key (subscription, stream))`,
  `create index delivery_stream_ready on delivery_stream (subscription, ready_at)`,
  `create table delivery_health (subscription text primary key references event_subscription on delete cascade, success_at timestamptz,
     failure_at timestamptz, failure text)`,
  `create table dead_letter (subscription text not null references event_subscription on delete cascade, position bigint not null, stream text not null,
     event_id uuid not null, tries integer not null, reason text not null, at timestamptz not null default now(), primary key (subscription, position))`,
] as const;

/** In an order in which they can be dropped. */
export const subscriptionTableNames = 'dead_letter, delivery_health, delivery_stream, delivery, event_subscription';

/** `generation` '': of before there was this column, so of the log as it is. */
export const subscriptionColumns = [
  `alter table event_subscription add column generation text not null default ''`,
  `alter table delivery_stream add column failure text`,
  `alter table event_subscription add column full_since bigint`,
] as const;

export const subscriptionColumnsDropped = [
  `alter table event_subscription drop column full_since`,
  `alter table delivery_stream drop column failure`,
  `alter table event_subscription drop column generation`,
] as const;
