-- The event log's tables, schema "log". Idempotent: run by migrateEventLog under an advisory lock, then append.sql.
--
-- event   the facts. Partitions of a fixed number of positions, added by log.add_partition. A partition has its own
--         unique index (stream, version); over all partitions versions are unique because log.append alone numbers them.
-- stream  the version each stream is at: optimistic concurrency.
-- head    one row: where the log ends. Its row lock is what makes commit order and position order the same thing.

create schema if not exists log;

create table if not exists log.event (
  position bigint      not null primary key,
  id       uuid        not null,
  stream   text        not null,
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
  id      text    not null primary key,
  version integer not null
) with (fillfactor = 80); -- room to update a version in its own page

create table if not exists log.head (
  is_only_row boolean     not null primary key default true check (is_only_row),
  position    bigint      not null,
  hash        bytea       not null,
  at          timestamptz not null,
  generation  uuid        not null,
  capacity    bigint      not null -- last position that has a partition
) with (fillfactor = 10); -- updated by every append: old row versions are cleaned up within the page

insert into log.head (position, hash, at, generation, capacity)
values (0, decode(repeat('00', 32), 'hex'), '-infinity', gen_random_uuid(), 0)
on conflict do nothing;

create or replace function log.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'events are facts: % of log.% is refused', tg_op, tg_table_name
    using errcode = 'modifying_sql_data_not_permitted', hint = 'append an event that says what is true now';
end $$;

create or replace trigger event_is_never_changed before update or delete on log.event
  for each row execute function log.refuse_change();
create or replace trigger event_is_never_emptied before truncate on log.event
  for each statement execute function log.refuse_change();
