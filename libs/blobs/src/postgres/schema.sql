-- The blob store's tables, schema "blobs". Idempotent: run by migrateBlobs under an advisory lock.
--
-- blob    one row per scope and id, with the first chunk; its presence says that the blob is there, whole.
-- chunk   the rest of what doesn't fit one row. Written in the statement that writes the blob, deleted with it.
--
-- Bytes come compressed, so PostgreSQL is told not to try.

create schema if not exists blobs;

create table if not exists blobs.blob (
  scope       text     not null,
  id          text     not null,
  size_bytes  integer  not null,
  encoding    text     not null check (encoding in ('raw', 'zstd')),
  chunk_count integer  not null check (chunk_count > 0),
  bytes       bytea    not null,
  primary key (scope, id)
);
alter table blobs.blob alter column bytes set storage external;

create table if not exists blobs.chunk (
  scope  text    not null,
  id     text    not null,
  number integer not null check (number > 0),
  bytes  bytea   not null,
  primary key (scope, id, number),
  foreign key (scope, id) references blobs.blob (scope, id) on delete cascade
);
alter table blobs.chunk alter column bytes set storage external;
