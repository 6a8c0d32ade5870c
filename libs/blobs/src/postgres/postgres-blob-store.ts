import type { Pool } from 'pg';
import { checkBlob, checkNames, decode, encode, type Encoded, type Encoding } from '../encoding.ts';
import { chunkBytesMax, statementBlobsMax, statementBytesMax } from '../limits.ts';
import type { BlobStore } from '../port.ts';
import { openBlobPool, query } from './pool.ts';

/** `connection`: a URL, for a pool of its own that `close` ends; or a pool that stays its owner's. */
export function makePostgresBlobStore({ connection }: { connection: string | Pool }): BlobStore {
  const pool = typeof connection === 'string' ? openBlobPool(connection) : connection;
  return {
    async put(scope, blobs) {
      for (const blob of blobs) checkBlob(scope, blob);
      // One order for all: two writers of the same blobs wait for one another instead of deadlocking.
      const distinct = [...new Map(blobs.map((blob) => [blob.id, blob])).values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
      let group: EncodedBlob[] = [];
      let groupBytes = 0;
      for (const { id, bytes } of distinct) {
        const encoded = await encode(bytes);
        if (group.length > 0 && (group.length === statementBlobsMax || groupBytes + encoded.bytes.byteLength > statementBytesMax)) {
          await insert(pool, scope, group);
          group = [];
          groupBytes = 0;
        }
        group.push({ id, sizeBytes: bytes.byteLength, ...encoded });
        groupBytes += encoded.bytes.byteLength;
      }
      if (group.length > 0) await insert(pool, scope, group);
    },
    async get(scope, ids) {
      checkNames(scope, ids);
      const found = new Map<string, Buffer>();
      for (const some of slices([...new Set(ids)])) await read(pool, scope, some, found);
      return found;
    },
    async missing(scope, ids) {
      checkNames(scope, ids);
      const missing: string[] = [];
      for (const some of slices([...new Set(ids)])) {
        const rows = await query<{ id: string }>(
          pool,
          'select w.id from unnest($2::text[]) with ordinality w(id, n) where not exists (select from blobs.blob b where b.scope = $1 and b.id = w.id) order by w.n',
          [scope, some],
        );
        missing.push(...rows.map((row) => row.id));
      }
      return missing;
    },
    async dropScope(scope) {
      checkNames(scope, []);
      await query(pool, 'delete from blobs.blob where scope = $1', [scope]);
    },
    async close() {
      if (typeof connection === 'string') await pool.end();
    },
  };
}

interface EncodedBlob extends Encoded {
  id: string;
  sizeBytes: number;
}

// One statement: a reader sees a blob with all its chunks, or nothing. Chunks go only to blobs that this one inserted.
const insertSql = `with inserted as (
    insert into blobs.blob (scope, id, size_bytes, encoding, chunk_count, bytes)
    select $1, b.* from unnest($2::text[], $3::int[], $4::text[], $5::int[], $6::bytea[]) b
    on conflict do nothing returning id
  )
  insert into blobs.chunk (scope, id, number, bytes)
  select $1, c.id, c.number, c.bytes from unnest($7::text[], $8::int[], $9::bytea[]) c(id, number, bytes) join inserted using (id)`;

async function insert(pool: Pool, scope: string, blobs: readonly EncodedBlob[]): Promise<void> {
  const chunks: { id: string; number: number; bytes: Buffer }[] = [];
  for (const { id, bytes } of blobs) {
    for (let number = 1; number * chunkBytesMax < bytes.byteLength; number++) {
      chunks.push({ id, number, bytes: bytes.subarray(number * chunkBytesMax, (number + 1) * chunkBytesMax) });
    }
  }
  await query(pool, insertSql, [
    scope,
    blobs.map((blob) => blob.id),
    blobs.map((blob) => blob.sizeBytes),
    blobs.map((blob) => blob.encoding),
    blobs.map((blob) => Math.max(1, Math.ceil(blob.bytes.byteLength / chunkBytesMax))),
    blobs.map((blob) => blob.bytes.subarray(0, chunkBytesMax)),
    chunks.map((chunk) => chunk.id),
    chunks.map((chunk) => chunk.number),
    chunks.map((chunk) => chunk.bytes),
  ]);
}

interface BlobRow {
  id: string;
  size_bytes: number;
  encoding: Encoding;
  chunk_count: number;
  bytes: Buffer;
}

async function read(pool: Pool, scope: string, ids: readonly string[], found: Map<string, Buffer>): Promise<void> {
  const rows = await query<BlobRow>(pool, 'select id, size_bytes, encoding, chunk_count, bytes from blobs.blob where scope = $1 and id = any ($2::text[])', [
    scope,
    ids,
  ]);
  for (const row of rows) {
    let { bytes } = row;
    if (row.chunk_count > 1) {
      const rest = await query<{ bytes: Buffer }>(pool, 'select bytes from blobs.chunk where scope = $1 and id = $2 order by number', [scope, row.id]);
      // Its scope was dropped between the two statements: it is not there any more.
      if (rest.length !== row.chunk_count - 1) continue;
      bytes = Buffer.concat([bytes, ...rest.map((chunk) => chunk.bytes)]);
    }
    found.set(row.id, await decode(row.id, { encoding: row.encoding, bytes }, row.size_bytes));
  }
}

function* slices(ids: readonly string[]): Generator<string[]> {
  for (let i = 0; i < ids.length; i += statementBlobsMax) yield ids.slice(i, i + statementBlobsMax);
}
