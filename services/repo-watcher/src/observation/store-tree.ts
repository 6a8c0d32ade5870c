import type { BlobStore } from '@plumbline/blobs';
import type { Mirror } from '@plumbline/git';
import { limits } from '../limits.ts';

export interface StoreTree {
  mirror: Mirror;
  blobs: BlobStore;
  scope: string;
  tree: string;
  /** A tree that is stored completely. */
  base: string | undefined;
}

/**
 * Puts what is new below a tree into the blob store, deepest first: once the tree itself is there, so is everything
 * below it (but for objects that are too big to be manifests). Answers how many objects were offered.
 */
export async function storeTree({ mirror, blobs, scope, tree, base }: StoreTree): Promise<number> {
  const found = await mirror.newObjects(tree, base);
  const ids = found.filter((object) => object.sizeBytes <= limits.blobBytesMax).map((object) => object.id);
  const wanted = ids.length <= limits.offerWithoutAsking ? new Set(ids) : await missing(blobs, scope, ids);
  const offered = ids.filter((id) => wanted.has(id)).reverse();
  let batch: { id: string; bytes: Uint8Array }[] = [];
  let batchBytes = 0;
  for await (const { id, bytes } of mirror.readObjects(offered, limits.blobBytesMax)) {
    batch.push({ id, bytes });
    batchBytes += bytes.length;
    if (batch.length < limits.batchObjects && batchBytes < limits.batchBytes) continue;
    await blobs.put(scope, batch);
    batch = [];
    batchBytes = 0;
  }
  if (batch.length > 0) await blobs.put(scope, batch);
  return offered.length;
}

async function missing(blobs: BlobStore, scope: string, ids: readonly string[]): Promise<Set<string>> {
  const lacking = new Set<string>();
  for (let from = 0; from < ids.length; from += limits.missingQueryIds) {
    for (const id of await blobs.missing(scope, ids.slice(from, from + limits.missingQueryIds))) lacking.add(id);
  }
  return lacking;
}
