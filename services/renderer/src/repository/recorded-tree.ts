import { posix } from 'node:path';
import { AppError } from '@plumbline/contracts';
import type { Footprint } from '../domain/trace.ts';
import type { GitTreeEntry } from './git-tree.ts';
import type { RepositoryTree, Resolved } from './repository-tree.ts';

export type FoundFile = { kind: 'file'; bytes: Buffer } | { kind: 'directory' } | { kind: 'absent' };
export interface Entry {
  name: string;
  kind: 'file' | 'directory';
}
export type Listing = { kind: 'directory'; entries: Entry[] } | { kind: 'file' } | { kind: 'absent' };

/** A repository's tree that notes what was looked at: files by id, names that are absent, directories by their names. */
export interface RecordedTree {
  read(paths: readonly string[]): Promise<FoundFile[]>;
  list(paths: readonly string[]): Promise<Listing[]>;
  footprint(): Footprint;
}

export interface RecordedTreeOptions {
  tree: RepositoryTree;
  readBytesMax: number;
  hash: (text: string) => string;
}

export function recordTree({ tree, readBytesMax, hash }: RecordedTreeOptions): RecordedTree {
  const footprint: Footprint = { reads: {}, lists: {} };
  let readBytes = 0;
  return {
    async read(paths) {
      const resolved: Resolved[] = [];
      for (const path of paths) {
        const found = await tree.resolve(path);
        footprint.reads[path] = readMark(found);
        resolved.push(found);
      }
      const bytesOf = await tree.read(resolved.flatMap((found) => (found.kind === 'file' ? [found.id] : [])));
      return resolved.map((found): FoundFile => {
        if (found.kind !== 'file') return { kind: found.kind };
        const bytes = bytesOf(found.id);
        readBytes += bytes.length;
        if (readBytes > readBytesMax)
          throw new AppError(
            'too-large',
            `one render may read ${readBytesMax / 1024 / 1024} MiB of files: keep what is no manifest out of the application's path`,
          );
        return { kind: 'file', bytes };
      });
    },
    async list(paths) {
      const listings: Listing[] = [];
      for (const path of paths) {
        const listing = await listingOf(tree, path);
        footprint.lists[path] = listMark(listing, hash);
        listings.push(listing);
      }
      return listings;
    },
    footprint: () => footprint,
  };
}

/** How a path that was read appears in a footprint. */
export const readMark = (found: Resolved): string => (found.kind === 'file' ? found.id : found.kind);

/** How a directory that was listed appears in a footprint: a hash of the names and kinds in it. */
export const listMark = (listing: Listing, hash: (text: string) => string): string =>
  listing.kind === 'directory' ? hash(listing.entries.map((entry) => `${entry.kind} ${entry.name}\n`).join('')) : listing.kind;

export async function listingOf(tree: RepositoryTree, path: string): Promise<Listing> {
  const found = await tree.resolve(path);
  if (found.kind !== 'directory') return { kind: found.kind };
  const entries: Entry[] = [];
  for (const [name, entry] of await tree.entries(found.id)) {
    const kind = await kindOf(tree, posix.join(path, name), entry);
    if (kind !== 'absent') entries.push({ name, kind });
  }
  return { kind: 'directory', entries: entries.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

async function kindOf(tree: RepositoryTree, path: string, entry: GitTreeEntry): Promise<'file' | 'directory' | 'absent'> {
  switch (entry.type) {
    case 'submodule':
      return 'absent';
    case 'link':
      try {
        return (await tree.resolve(path)).kind;
      } catch (error) {
        // A bad link is an error for whoever reads it, not for a render that passes by.
        if (AppError.is(error) && error.code === 'manifest-invalid') return 'file';
        throw error;
      }
    default:
      return entry.type;
  }
}
