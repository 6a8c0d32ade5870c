/**
 * The content store: bytes by the hash that their owner gave them, apart by scope, compressed and chunked in PostgreSQL
 * (schema `blobs`); and the sealer, which keeps secret values unreadable in whatever is stored.
 *
 * It never makes up or checks an id (Git's hash is not ours), never serves one scope what another has put, and never
 * shows half a blob. It keeps nothing that could not be put again by whoever put it.
 */
export * from './port.ts';
export { withCache } from './cache.ts';
export { blobBytesMax } from './limits.ts';
export { makeMemoryBlobStore } from './memory-blob-store.ts';
export { migrateBlobs, openBlobPool } from './postgres/pool.ts';
export { makePostgresBlobStore } from './postgres/postgres-blob-store.ts';
export { makeSealer } from './sealer.ts';
