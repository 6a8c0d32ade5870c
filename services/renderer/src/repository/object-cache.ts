import type { BlobStore } from '@plumbline/blobs';
import { createHash } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import type { GitTreeEntry } from './git-tree.ts';
import { parseGitTree } from './git-tree.ts';

/** Git objects of all repositories: what is asked for often stays in memory, up to a number of bytes. */
export interface ObjectCache {
  /** Resolves to the bytes by id. That look-up throws `unavailable` (retry later) when an object is not stored. */
  read(scope: string, ids: readonly string[]): Promise<(id: string) => Buffer>;
  tree(scope: string, id: string): Promise<ReadonlyMap<string, GitTreeEntry>>;
}

interface Cached {
  bytes: Buffer;
  /** Kept parsed beside its bytes. */
  tree?: ReadonlyMap<string, GitTreeEntry>;
}

export function makeObjectCache(blobs: Pick<BlobStore, 'get'>, bytesMax: number): ObjectCache {
  // A Map iterates in insertion order: what was used last is at the end.
  const cached = new Map<string, Cached>();
  let size = 0;

  const find = (key: string): Cached | undefined => {
    const entry = cached.get(key);
    if (entry !== undefined) {
      cached.delete(key);
      cached.set(key, entry);
    }
    return entry;
  };
  const keep = (key: string, entry: Cached): Cached => {
    if (!cached.has(key)) size += entry.bytes.length;
    cached.set(key, entry);
    for (const [oldest, { bytes }] of cached) {
      if (size <= bytesMax) break;
      cached.delete(oldest);
      size -= bytes.length;
    }
    return entry;
  };
  const load = async (scope: string, kind: 'blob' | 'tree', ids: readonly string[]): Promise<(id: string) => Cached> => {
    const found = new Map<string, Cached>();
    const unknown = new Set<string>();
    for (const id of ids) {
      const entry = find(`${scope} ${id}`);
      if (entry === undefined) unknown.add(id);
      else found.set(id, entry);
    }
    const stored = unknown.size === 0 ? [] : await blobs.get(scope, [...unknown]);
    for (const [id, bytes] of stored) {
      if (!isContentOf(id, kind, bytes)) throw changed(id);
      found.set(id, keep(`${scope} ${id}`, { bytes }));
    }
    return (id) => {
      const entry = found.get(id);
      if (entry === undefined) throw missing(id);
      return entry;
    };
  };

  return {
    async read(scope, ids) {
      const loaded = await load(scope, 'blob', ids);
      return (id) => loaded(id).bytes;
    },
    async tree(scope, id) {
      const entry = (await load(scope, 'tree', [id]))(id);
      return (entry.tree ??= parseGitTree(id, entry.bytes));
    },
  };
}

/** Git's own name of the content: SHA-1, or SHA-256 in repositories of that format. */
function isContentOf(id: string, kind: 'blob' | 'tree', bytes: Buffer): boolean {
  const algorithm = id.length === 64 ? 'sha256' : 'sha1';
  return createHash(algorithm).update(`${kind} ${bytes.byteLength}\0`).update(bytes).digest('hex') === id;
}

const changed = (id: string): AppError =>
  new AppError(
    'manifest-invalid',
    `Git object ${id} in the blob store is not what Git has under that id: somebody changed it. Nothing is rendered from it; restore that row of blobs.blob from a copy, or commit another content of the file`,
    { details: { object: id } },
  );

const missing = (id: string): AppError =>
  new AppError(
    'unavailable',
    `Git object ${id} is not in the blob store yet, or is over 10 MiB and was never put there: try again later, and keep big files out of an application's path`,
    { retry: 'later', details: { object: id } },
  );
