import { makePostgresBlobStore, makeSealer, migrateBlobs, withCache } from '@plumbline/blobs';
import type { BlobStore, Sealer } from '@plumbline/blobs';
import { upcast } from '@plumbline/contracts';
import type { Announcement } from '@plumbline/contracts';
import { makePostgresEventLog, makePostgresLeases, migrateEventLog, sqlExecutorOf } from '@plumbline/event-log';
import type { Leases, PostgresEventLog } from '@plumbline/event-log';
import type { Pool } from 'pg';
import { limits } from './limits.ts';

/** What all services share in PostgreSQL. */
export interface Stores {
  eventLog: PostgresEventLog;
  leases: Leases;
  blobs: BlobStore;
  sealer: Sealer;
  close(): Promise<void>;
}

/** The log and the blob store on one pool, which stays its owner's; their schemas are brought up to date. */
export async function openStores(
  pool: Pool,
  { key, announce, blobCacheBytesMax = limits.blobCacheBytesMax }: { key: Buffer; announce: (announcement: Announcement) => void; blobCacheBytesMax?: number },
): Promise<Stores> {
  await migrateEventLog(pool);
  await migrateBlobs(pool);
  const eventLog = makePostgresEventLog({ connection: pool, announce, upcast });
  const blobs = withCache(makePostgresBlobStore({ connection: pool }), { bytesMax: blobCacheBytesMax });
  return {
    eventLog,
    leases: makePostgresLeases(sqlExecutorOf(pool)),
    blobs,
    sealer: makeSealer(key),
    async close() {
      await Promise.all([eventLog.close(), blobs.close()]);
    },
  };
}
