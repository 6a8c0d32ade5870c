import { checkBlob, checkNames } from './encoding.ts';
import type { BlobStore } from './port.ts';

/** The twin of the store in PostgreSQL; nothing outlives the process. */
export function makeMemoryBlobStore(): BlobStore {
  const scopes = new Map<string, Map<string, Buffer>>();
  return {
    async put(scope, blobs) {
      for (const blob of blobs) checkBlob(scope, blob);
      const stored = scopes.get(scope) ?? new Map<string, Buffer>();
      scopes.set(scope, stored);
      for (const { id, bytes } of blobs) if (!stored.has(id)) stored.set(id, Buffer.from(bytes));
    },
    async get(scope, ids) {
      checkNames(scope, ids);
      const found = new Map<string, Buffer>();
      for (const id of ids) {
        const bytes = scopes.get(scope)?.get(id);
        if (bytes !== undefined) found.set(id, Buffer.from(bytes));
      }
      return found;
    },
    async missing(scope, ids) {
      checkNames(scope, ids);
      return [...new Set(ids)].filter((id) => scopes.get(scope)?.has(id) !== true);
    },
    async dropScope(scope) {
      checkNames(scope, []);
      scopes.delete(scope);
    },
    close: () => Promise.resolve(),
  };
}
