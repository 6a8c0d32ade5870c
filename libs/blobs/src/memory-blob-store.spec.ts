import { describe, expect, it } from 'vitest';
import { withCache } from './cache.ts';
import { describeBlobStore } from './contract.ts';
import { makeMemoryBlobStore } from './memory-blob-store.ts';
import type { BlobStore } from './port.ts';

describeBlobStore('in memory', async () => makeMemoryBlobStore());
describeBlobStore('in memory, cached', async () => withCache(makeMemoryBlobStore(), { bytesMax: 1_000_000 }));

/** A store that tells what was read from it. */
function watched(): { store: BlobStore; reads: string[][] } {
  const reads: string[][] = [];
  const inner = makeMemoryBlobStore();
  return { reads, store: { ...inner, get: (scope, ids) => (reads.push([...ids]), inner.get(scope, ids)) } };
}

describe('cache', () => {
  const blob = (id: string, sizeBytes = 1000) => ({ id, bytes: Buffer.alloc(sizeBytes, id) });

  it('reads a blob once', async () => {
    const { store, reads } = watched();
    await store.put('s', [blob('a'), blob('b')]);
    const cached = withCache(store, { bytesMax: 100_000 });
    await cached.get('s', ['a']);
    expect((await cached.get('s', ['a', 'b', 'none'])).get('a')).toEqual(blob('a').bytes);
    expect(reads).toEqual([['a'], ['b', 'none']]);
  });

  it('forgets what was used least lately', async () => {
    const { store, reads } = watched();
    const cached = withCache(store, { bytesMax: 6000 });
    await cached.put('s', [blob('a'), blob('b'), blob('c'), blob('d')]);
    await cached.get('s', ['a']);
    await cached.put('s', [blob('e')]);
    await cached.get('s', ['a', 'b', 'c', 'd', 'e']);
    expect(reads).toEqual([['b']]);
  });

  it('does not keep what would push most others out', async () => {
    const { store, reads } = watched();
    const cached = withCache(store, { bytesMax: 6000 });
    await cached.put('s', [blob('a'), blob('large', 5000)]);
    await cached.get('s', ['a', 'large']);
    expect(reads).toEqual([['large']]);
  });

  it('asks the store what is missing', async () => {
    const inner = makeMemoryBlobStore();
    const cached = withCache(inner, { bytesMax: 6000 });
    await cached.put('s', [blob('a')]);
    await inner.dropScope('s');
    expect(await cached.missing('s', ['a'])).toEqual(['a']);
  });

  it('keeps nothing that was read while its scope was dropped', async () => {
    const inner = makeMemoryBlobStore();
    await inner.put('s', [blob('a')]);
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow: BlobStore = {
      ...inner,
      async get(scope, ids) {
        const found = await inner.get(scope, ids);
        await promise;
        return found;
      },
    };
    const cached = withCache(slow, { bytesMax: 6000 });
    const reading = cached.get('s', ['a']);
    await cached.dropScope('s');
    resolve();
    await reading;
    expect(await cached.get('s', ['a'])).toEqual(new Map());
  });
});
