-- The log's functions. They run with the rights of the schema's owner: who appends needs EXECUTE here and nothing on
-- the tables. Planner settings are pinned, because a plan that is cached while the tables are nearly empty would
-- otherwise scan them when they are not.

do $$ begin -- an earlier form answered nothing
  if exists (select from pg_proc where oid = to_regprocedure('log.add_partition(bigint)') and prorettype = 'void'::regtype) then
    drop function log.add_partition(bigint);
  end if;
end $$;

-- Adds the partition behind the last one; answers the last position that has room now. ATTACH, not CREATE … PARTITION OF, which would lock out readers.
create or replace function log.add_partition(positions bigint default 10000000) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  first_position bigint;
  partition_name text;
begin
  select h.capacity + 1 into strict first_position from log.head h where h.is_only_row for update;
  partition_name := format('event_from_%s', first_position);
  execute format('create table log.%I (like log.event including all)', partition_name);
  execute format('create unique index on log.%I (stream, version)', partition_name);
  execute format('create trigger event_is_never_emptied before truncate on log.%I execute function log.refuse_change()', partition_name);
  execute format('alter table log.event attach partition log.%I for values from (%s) to (%s)',
                 partition_name, first_position, first_position + positions);
  update log.head h set capacity = first_position + positions - 1 where h.is_only_row;
  return first_position + positions - 1;
end $$;

-- Removes the oldest partition, which must have been exported and its file found right. What the feed can still show and
-- from where the chain can be followed is kept in the head, in the same transaction.
create or replace function log.drop_partition(first_position bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  head log.head%rowtype;
  exported log.export%rowtype;
  last_hash bytea;
begin
  select h.* into strict head from log.head h where h.is_only_row for update;
  if head.oldest <> first_position then
    raise exception 'the oldest partition begins at %, not at %', head.oldest, first_position using errcode = 'object_not_in_prerequisite_state';
  end if;
  select x.* into exported from log.export x where x.first_position = drop_partition.first_position and x.verified_at is not null;
  if exported.last_position is null then
    raise exception 'partition % is not exported, or its file was not verified', first_position using errcode = 'object_not_in_prerequisite_state';
  end if;
  if exported.last_position >= head.position then
    raise exception 'partition % is the newest', first_position using errcode = 'object_not_in_prerequisite_state';
  end if;
  select e.hash into last_hash from log.event e where e.position = exported.last_position;
  if last_hash is distinct from exported.hash_after then
    raise exception 'partition % has changed since it was exported', first_position using errcode = 'object_not_in_prerequisite_state';
  end if;
  execute format('alter table log.event detach partition log.%I', 'event_from_' || first_position);
  execute format('drop table log.%I', 'event_from_' || first_position);
  update log.head h set oldest = exported.last_position + 1, oldest_hash = exported.hash_after where h.is_only_row;
  return exported.last_position + 1;
end $$;

-- To be called when the database was recovered from an older copy: what readers know about positions ends here, and so
-- do the epochs of leases, since the copy may not know the last of them.
create or replace function log.begin_generation() returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  answer uuid;
begin
  update log.head h set generation = gen_random_uuid() where h.is_only_row returning h.generation into strict answer;
  insert into log.generation (id, began_after) select h.generation, h.position from log.head h;
  update log.lease l set epoch = l.epoch + 1000000, expires_at = clock_timestamp();
  return answer;
end $$;

-- An earlier form, without fences: two of the same name would make every call ambiguous.
drop function if exists log.append(integer[], text[], integer[], integer[], uuid[], text[], text[], text[]);

-- Appends several requests, each all or nothing over its streams, in one round trip.
--
--   part_*    one entry per stream of a request: number of the request, stream, version it must be at (null: any).
--             A stream may appear once.
--   event_*   one entry per event: index of its part (from 1), id, type, canonical JSON of metadata and of data.
--   fence_*   one entry per request that only the owner of a lease may make: its number, lease, epoch.
--
-- Answers, for each event:
--   position and version   it was appended
--   position, no version   its id was recorded in its stream before; that is where
--   neither                its request was refused: a stream of it is in `conflicts` [{request, stream, expected, actual}],
--                          or its fence is in `fenced` [{request, lease, epoch, current}] (current: null without a lease)
--
-- Order of locks: the head row, nothing else. It is held until the caller's transaction ends, so positions are handed
-- out in commit order, and a rollback leaves no gap. log.claim_lease changes an epoch under the same lock: what is
-- appended with an epoch commits before the next one begins, or not at all.
--
-- The chain: hash(n) = SHA-256(hash(n - 1) || UTF-8 of eight lines joined by U+000A, without one at the end):
--   position, id, stream, version, type, at, metadata, data
-- Numbers in decimal; id as lower-case 8-4-4-4-12; at as 2026-01-31T23:59:59.000001Z; metadata and data as stored.
-- hash(0) is 32 zero bytes.
create or replace function log.append(
  part_request integer[], part_stream text[], part_expected integer[],
  event_part integer[], event_id uuid[], event_type text[], event_metadata text[], event_data text[],
  fence_request integer[] default '{}', fence_lease text[] default '{}', fence_epoch bigint[] default '{}',
  out generation uuid, out at text, out positions bigint[], out versions integer[], out conflicts jsonb, out fenced jsonb
) language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
  set plan_cache_mode = force_generic_plan set jit = off
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  head       log.head%rowtype;
  actual     integer[];
  refused    integer[] := '{}';
  hashes     bytea[];
  link       bytea;
  place      bigint;
  part       integer;
  moment     timestamptz;
  event_sum  constant integer := cardinality(event_id);
begin
  select h.* into strict head from log.head h where h.is_only_row for update;
  generation := head.generation;
  moment := greatest(clock_timestamp(), head.at); -- never backwards, so that a moment can be looked up
  at := to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
  positions := array_fill(null::bigint, array[event_sum]);
  versions := array_fill(null::integer, array[event_sum]);
  hashes := array_fill(null::bytea, array[event_sum]);

  if cardinality(fence_request) > 0 then
    select coalesce(array_agg(f.request), '{}'), jsonb_agg(jsonb_build_object('request', f.request, 'lease', f.lease, 'epoch', f.epoch, 'current', l.epoch))
    into refused, fenced
    from unnest(fence_request, fence_lease, fence_epoch) f(request, lease, epoch) left join log.lease l on l.name = f.lease
    where l.epoch is distinct from f.epoch;
  end if;

  select array_agg(coalesce(s.version, 0) order by p.n) into actual
  from unnest(part_stream) with ordinality p(stream, n) left join log.stream s on s.id = p.stream;

  -- One look for all ids: nearly always none is there. A new stream has none.
  if 0 < any (actual) and exists (select from log.event e where e.id = any (event_id)) then
    select array_agg(e.position order by i.n) into positions
    from unnest(event_id, event_part) with ordinality i(id, part, n)
    -- Not "=", which would invite the planner to walk the index on (stream, version) through a whole stream.
    left join log.event e on e.id = i.id and e.stream is not distinct from part_stream[i.part];
  end if;

  if exists (select from unnest(part_expected, actual) p(expected, actual) where p.expected <> p.actual) then
    select refused || coalesce(array_agg(p.request), '{}'),
      jsonb_agg(jsonb_build_object('request', p.request, 'stream', p.stream, 'expected', p.expected, 'actual', p.actual) order by p.n)
    into refused, conflicts
    from unnest(part_request, part_stream, part_expected, actual) with ordinality p(request, stream, expected, actual, n)
    where p.expected <> p.actual
      and exists (select from unnest(event_part, positions) i(part, position) where i.part = p.n and i.position is null);
  end if;

  place := head.position;
  link := head.hash;
  for i in 1 .. event_sum loop
    continue when positions[i] is not null;
    part := event_part[i];
    continue when part_request[part] = any (refused);
    place := place + 1;
    actual[part] := actual[part] + 1;
    link := sha256(link || convert_to(concat_ws(E'\n', place, event_id[i], part_stream[part], actual[part], event_type[i], at, event_metadata[i], event_data[i]), 'UTF8'));
    positions[i] := place;
    versions[i] := actual[part];
    hashes[i] := link;
  end loop;

  if place = head.position then
    return;
  end if;
  while place > head.capacity loop
    head.capacity := log.add_partition();
  end loop;

  insert into log.event (position, id, stream, version, type, metadata, data, at, hash)
  select e.position, e.id, part_stream[e.part], e.version, e.type, e.metadata, e.data, moment, e.hash
  from unnest(positions, versions, hashes, event_part, event_id, event_type, event_metadata, event_data)
    as e(position, version, hash, part, id, type, metadata, data)
  where e.version is not null;

  insert into log.stream as s (id, version)
  select p.stream, p.version from unnest(part_stream, actual) p(stream, version) where p.version > 0
  on conflict (id) do update set version = excluded.version where s.version <> excluded.version;

  update log.head h set position = place, hash = link, at = moment where h.is_only_row;
end $$;

-- Makes `owner` the owner of a lease for `life`, or answers no row when somebody else holds it.
--
--   held_epoch   the epoch that the caller holds: renewed while it is the current one, otherwise lost; null at a first claim
--
-- A first claim succeeds when the lease is free, has run out, or was this owner's before (a restart): with a new epoch, which
-- begins under the lock of the head row. Nothing with an older epoch is appended after that. Renewing takes no such lock.
create or replace function log.claim_lease(lease text, claimant text, life interval, held_epoch bigint default null) returns table (epoch bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
#variable_conflict use_column
begin
  if held_epoch is not null then
    return query update log.lease l set expires_at = clock_timestamp() + life, owner = claimant where l.name = lease and l.epoch = held_epoch returning l.epoch;
    return;
  end if;
  perform from log.head h where h.is_only_row for update;
  return query
    insert into log.lease as l (name, owner, epoch, expires_at) values (lease, claimant, 1, clock_timestamp() + life)
    on conflict (name) do update set owner = excluded.owner, epoch = l.epoch + 1, expires_at = excluded.expires_at
    where l.expires_at < clock_timestamp() or l.owner = excluded.owner
    returning l.epoch;
end $$;

-- Whoever waits for the lease need not wait until it has run out.
create or replace function log.release_lease(lease text, held_epoch bigint) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update log.lease l set expires_at = clock_timestamp() where l.name = lease and l.epoch = held_epoch
$$;

-- Functions are everybody's unless that is taken away; see grantLogAccess.
revoke all on all functions in schema log from public;
