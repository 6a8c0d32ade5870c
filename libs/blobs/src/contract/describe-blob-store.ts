import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobBytesMax, chunkBytesMax, statementBlobsMax } from '../limits.ts';
import type { BlobStore } from '../port.ts';

interface Blob {
  id: string;
  bytes: Buffer;
}

const blobOf = (bytes: Uint8Array | string): Blob => ({ id: createHash('sha256').update(bytes).digest('hex'), bytes: Buffer.from(bytes) });
const asMap = (blobs: readonly Blob[]): Map<string, Buffer> => new Map(blobs.map(({ id, bytes }) => [id, bytes]));

/** Everything a blob store promises. */
export function describeBlobStore(name: string, make: () => Promise<BlobStore>): void {
  describe(`blob store: ${name}`, () => {
    let store: BlobStore;
    beforeEach(async () => {
      store = await make();
    });
    afterEach(() => store.close());

    it('gives back what was put, byte by byte', async () => {
      const blobs = [
        blobOf(''),
        blobOf('small'),
        blobOf('apiVersion: v1\n'.repeat(1000)),
        blobOf(randomBytes(70_000)),
        blobOf('a'.repeat(100_000)),
        blobOf(Buffer.from([0, 255, 92, 34])),
      ];
      await store.put('scope', blobs);
      const found = await store.get('scope', [...blobs.map((blob) => blob.id), 'absent']);
      expect(found.size).toBe(blobs.length);
      for (const { id, bytes } of blobs) expect(found.get(id)?.equals(bytes), id).toBe(true);
    });

    it('gives back what needs several chunks, at their borders too', async () => {
      const blobs = [-1, 0, 1, chunkBytesMax, 2 * chunkBytesMax + 1].map((more) => blobOf(randomBytes(chunkBytesMax + more)));
      await store.put('scope', blobs);
      const found = await store.get(
        'scope',
        blobs.map((blob) => blob.id),
      );
      for (const { id, bytes } of blobs) expect(found.get(id)?.equals(bytes)).toBe(true);
    });

    it('takes and gives more than one statement holds', async () => {
      const blobs = Array.from({ length: statementBlobsMax + 7 }, (_, i) => blobOf(`blob ${i}`));
      await store.put('scope', blobs);
      const ids = blobs.map((blob) => blob.id);
      expect((await store.get('scope', ids)).size).toBe(blobs.length);
      expect(await store.missing('scope', ['no', ...ids, 'none'])).toEqual(['no', 'none']);
    });

    it('takes nothing, and the same twice', async () => {
      const blob = blobOf('twice');
      await store.put('scope', []);
      await store.put('scope', [blob, blob]);
      await store.put('scope', [blob]);
      expect(await store.get('scope', [blob.id, blob.id])).toEqual(asMap([blob]));
      expect(await store.get('scope', [])).toEqual(new Map());
    });

    it('keeps what an id had first', async () => {
      await store.put('scope', [{ id: 'one', bytes: Buffer.from('first') }]);
      await store.put('scope', [{ id: 'one', bytes: Buffer.from('second') }]);
      expect((await store.get('scope', ['one'])).get('one')?.toString()).toBe('first');
    });

    it('serves a scope only what was put into it', async () => {
      const secret = blobOf('of one repository');
      await store.put('one', [secret]);
      expect(await store.get('other', [secret.id])).toEqual(new Map());
      expect(await store.missing('other', [secret.id])).toEqual([secret.id]);
      await store.put('other', [secret]);
      await store.dropScope('one');
      expect(await store.get('one', [secret.id])).toEqual(new Map());
      expect(await store.get('other', [secret.id])).toEqual(asMap([secret]));
    });

    it('forgets a scope with all chunks, and takes them anew', async () => {
      const big = blobOf(randomBytes(2 * chunkBytesMax));
      await store.put('scope', [big]);
      await store.dropScope('scope');
      expect(await store.missing('scope', [big.id])).toEqual([big.id]);
      await store.put('scope', [big]);
      expect((await store.get('scope', [big.id])).get(big.id)?.equals(big.bytes)).toBe(true);
    });

    it('does not keep the memory it was given', async () => {
      const bytes = Buffer.from('before');
      await store.put('scope', [{ id: 'one', bytes }]);
      bytes.write('AFTER!');
      expect((await store.get('scope', ['one'])).get('one')?.toString()).toBe('before');
    });

    it('refuses what is too large, and names without sense', async () => {
      await expect(store.put('scope', [blobOf('fits'), { id: 'large', bytes: Buffer.alloc(blobBytesMax + 1) }])).rejects.toMatchObject({
        code: 'too-large',
        details: { id: 'large' },
      });
      expect(await store.missing('scope', [blobOf('fits').id])).toHaveLength(1);
      await expect(store.put('', [blobOf('x')])).rejects.toMatchObject({ code: 'invalid-argument' });
      await expect(store.get('scope', ['a\0b'])).rejects.toMatchObject({ code: 'invalid-argument' });
    });

    it('shows a blob whole or not at all, to many writers and readers at once', async () => {
      const blobs = Array.from({ length: 12 }, (_, i) => blobOf(i % 3 === 0 ? randomBytes(chunkBytesMax + i) : `blob ${i}`));
      const ids = blobs.map((blob) => blob.id);
      let isWriting = true;
      const seen = new Set<string>();
      async function follow(): Promise<void> {
        for (let isLast = false; !isLast;) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          isLast = !isWriting;
          for (const [id, bytes] of await store.get('scope', ids)) {
            seen.add(id);
            expect(blobOf(bytes).id).toBe(id);
          }
        }
      }
      const following = [follow(), follow()];
      await Promise.all(Array.from({ length: 8 }, (_, i) => store.put('scope', i % 2 === 0 ? blobs : blobs.toReversed())));
      isWriting = false;
      await Promise.all(following);
      expect(seen.size).toBe(blobs.length);
    });
  });
}
