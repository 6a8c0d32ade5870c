import type { BlobStore } from '@plumbline/blobs';
import { AppError } from '@plumbline/contracts';
import type { Faults } from '../faults.ts';

/** The way of one service to the blob store. */
export function simulatedBlobs(store: BlobStore, faults: Faults): BlobStore {
  const away = (): AppError => new AppError('unavailable', 'the blob store is away (simulated)', { retry: 'later' });
  return {
    put: (scope, blobs) => faults.call('blobs', `put ${scope}`, away, () => store.put(scope, blobs)),
    get: (scope, ids) => faults.call('blobs', `get ${scope}`, away, () => store.get(scope, ids)),
    missing: (scope, ids) => faults.call('blobs', `missing ${scope}`, away, () => store.missing(scope, ids)),
    dropScope: (scope) => faults.call('blobs', `drop ${scope}`, away, () => store.dropScope(scope)),
    close: () => Promise.resolve(),
  };
}
