-- The event log's tables, schema "log". Idempotent: run by migrateEventLog under an advisory lock, then append.sql.
--
-- event   the facts. Partitions of a fixed number of positions, added by log.add_partition. A partition has its own
--         unique index (stream, version); over all partitions versions are unique because log.append alone numbers them.
-- stream  the version each stream is at: optimistic concurrency.
-- lease   who may do something alone, until when. Its epoch counts the owners: what a former one appends is refused.
-- head    one row: where the log ends, and from where it is still here. Its row lock is what makes commit order and position order the same thing.

create schema if not exists log;

create table if not exists log.event (
  position bigint      not null primary key,
  id       uuid        not null,
  stream   text collate "C" not null, -- compared by bytes: no upgrade of the system's locales can disturb an index
  version  integer     not null check (version > 0),
  type     text        not null,
  metadata text        not null,
  data     text        not null,
  at       timestamptz not null,
  hash     bytea       not null,
  -- What is hashed are lines (see append.sql): no field but the last may hold a line break.
  constraint event_is_lines check (strpos(stream, E'\n') = 0 and strpos(type, E'\n') = 0 and strpos(metadata, E'\n') = 0)
) partition by range (position);

create index if not exists event_id on log.event (id);

create table if not exists log.stream (
  id      text collate "C" not null primary key,
  version integer not null
) with (fillfactor = 80); -- room to update a version in its own page

-- Made before the collation was chosen: the indexes are built again, once.
do $$ begin
  if exists (select from pg_attribute where attrelid = 'log.event'::regclass and attname = 'stream' and attcollation <> 'pg_catalog."C"'::regcollation) then
    alter table log.event alter column stream type text collate "C";
    alter table log.stream alter column id type text collate "C";
  end if;
end $$;

create table if not exists log.head (
  is_only_row boolean     not null primary key default true check (is_only_row),
  position    bigint      not null,
  hash        bytea       not null,
  at          timestamptz not null,
  generation  uuid        not null,
  capacity    bigint      not null -- last position that has a partition
) with (fillfactor = 10); -- updated by every append: old row versions are cleaned up within the page

-- Partitions before `oldest` were exported and dropped; the chain goes on from `oldest_hash`, which is that of the event before.
alter table log.head add column if not exists oldest bigint not null default 1;
alter table log.head add column if not exists oldest_hash bytea not null default decode(repeat('00', 32), 'hex');

create table if not exists log.lease (
  name       text        not null primary key,
  owner      text        not null,
  epoch      bigint      not null,
  expires_at timestamptz not null
) with (fillfactor = 50);

-- Partitions that were written to a file, and whether the file was read again and found right.
create table if not exists log.export (
  first_position bigint      not null primary key,
  last_position  bigint      not null,
  hash_after     bytea       not null,
  exported_at    timestamptz not null default now(),
  verified_at    timestamptz
);

insert into log.head (position, hash, at, generation, capacity)
values (0, decode(repeat('00', 32), 'hex'), '-infinity', gen_random_uuid(), 0)
on conflict do nothing;

-- The generations of positions, oldest first: each recovery from an older copy begins one, and what earlier ones said
-- after `began_after` is no longer true.
create table if not exists log.generation (
  ordinal     bigint generated always as identity primary key,
  id          uuid        not null unique,
  began_after bigint      not null,
  at          timestamptz not null default now()
);

insert into log.generation (id, began_after)
select h.generation, 0 from log.head h where not exists (select from log.generation);

create or replace function log.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'events are facts: % of log.% is refused', tg_op, tg_table_name
    using errcode = 'modifying_sql_data_not_permitted', hint = 'append an event that says what is true now';
end $$;

create or replace trigger event_is_never_changed before update or delete on log.event
  for each row execute function log.refuse_change();
create or replace trigger event_is_never_emptied before truncate on log.event
  for each statement execute function log.refuse_change();
