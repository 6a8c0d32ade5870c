import type { BlobStore } from './port.ts';

/** What an entry takes besides its bytes. */
const entryOverheadBytes = 200;

/**
 * Keeps what was read or put lately, up to `bytesMax`, and answers `get` from it. A Buffer from the cache is handed to
 * every reader: nobody may write into it. `missing` always asks the store: another process may have dropped the scope.
 */
export function withCache(store: BlobStore, { bytesMax }: { bytesMax: number }): BlobStore {
  /** In the order of use, the latest last. */
  const entries = new Map<string, { scope: string; bytes: Buffer }>();
  let bytesKept = 0;
  /** Counts drops: what was read before one may not be kept after it. */
  let drops = 0;

  const sizeOf = (key: string, bytes: Buffer): number => bytes.byteLength + 2 * key.length + entryOverheadBytes;
  const keyOf = (scope: string, id: string): string => `${scope}\0${id}`;

  function forget(key: string): void {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    bytesKept -= sizeOf(key, entry.bytes);
  }

  function keep(scope: string, id: string, bytes: Buffer): void {
    const key = keyOf(scope, id);
    forget(key);
    // One that would push most of the others out is better read again.
    if (sizeOf(key, bytes) > bytesMax / 4) return;
    entries.set(key, { scope, bytes });
    bytesKept += sizeOf(key, bytes);
    for (const oldest of entries.keys()) {
      if (bytesKept <= bytesMax) break;
      forget(oldest);
    }
  }

  return {
    async put(scope, blobs) {
      const before = drops;
      await store.put(scope, blobs);
      if (drops === before) for (const { id, bytes } of blobs) if (!entries.has(keyOf(scope, id))) keep(scope, id, Buffer.from(bytes));
    },
    async get(scope, ids) {
      const found = new Map<string, Buffer>();
      const wanted: string[] = [];
      for (const id of ids) {
        const key = keyOf(scope, id);
        const entry = entries.get(key);
        if (entry === undefined) {
          wanted.push(id);
          continue;
        }
        entries.delete(key);
        entries.set(key, entry);
        found.set(id, entry.bytes);
      }
      if (wanted.length === 0) return found;
      const before = drops;
      for (const [id, bytes] of await store.get(scope, wanted)) {
        found.set(id, bytes);
        if (drops === before) keep(scope, id, bytes);
      }
      return found;
    },
    missing: (scope, ids) => store.missing(scope, ids),
    async dropScope(scope) {
      const forgetScope = (): void => {
        drops++;
        for (const [key, entry] of entries) if (entry.scope === scope) forget(key);
      };
      forgetScope();
      await store.dropScope(scope);
      forgetScope();
    },
    close: () => store.close(),
  };
}
