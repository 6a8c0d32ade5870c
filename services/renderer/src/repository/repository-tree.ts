import { posix } from 'node:path';
import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import type { GitTreeEntry } from './git-tree.ts';
import type { ObjectCache } from './object-cache.ts';

/** What a path of a repository leads to at one commit, symbolic links followed. Ids are Git's. */
export type Resolved = { kind: 'file'; id: string } | { kind: 'directory'; id: string; path: string } | { kind: 'absent' };

const absent: Resolved = { kind: 'absent' };

/** The tree of one commit, read from the blob store: there is nothing outside it. Paths are relative, `.` is the root. */
export interface RepositoryTree {
  /** @throws AppError `manifest-invalid` when a symbolic link leads out of the repository or in a circle. */
  resolve(path: string): Promise<Resolved>;
  entries(treeId: string): Promise<ReadonlyMap<string, GitTreeEntry>>;
  /** As ObjectCache.read. */
  read(ids: readonly string[]): Promise<(id: string) => Buffer>;
}

export function makeRepositoryTree(objects: ObjectCache, scope: string, rootTree: string): RepositoryTree {
  const resolved = new Map<string, Resolved>([['.', { kind: 'directory', id: rootTree, path: '.' }]]);

  const resolve = async (path: string, links = 0): Promise<Resolved> => {
    const known = resolved.get(path);
    if (known !== undefined) return known;
    const answer = await find(path, links);
    resolved.set(path, answer);
    return answer;
  };

  const find = async (path: string, links: number): Promise<Resolved> => {
    const parent = await resolve(posix.dirname(path), links);
    if (parent.kind !== 'directory') return absent;
    const entry = (await objects.tree(scope, parent.id)).get(posix.basename(path));
    switch (entry?.type) {
      case 'file':
        return { kind: 'file', id: entry.id };
      case 'directory':
        return { kind: 'directory', id: entry.id, path: posix.join(parent.path, posix.basename(path)) };
      case 'link':
        return follow(path, parent.path, entry.id, links);
      // A submodule is another repository.
      case 'submodule':
      case undefined:
        return absent;
    }
  };

  const follow = async (path: string, directory: string, linkId: string, links: number): Promise<Resolved> => {
    if (links === limits.linksMax) throw new AppError('manifest-invalid', `${path}: the symbolic link leads in a circle`, { details: { file: path } });
    const target = (await objects.read(scope, [linkId]))(linkId).toString('utf8');
    const joined = posix.join(directory, target).replace(/\/$/, '');
    if (posix.isAbsolute(target) || joined === '..' || joined.startsWith('../')) {
      throw new AppError('manifest-invalid', `${path}: the symbolic link leads out of the repository: replace it by the file itself`, {
        details: { file: path },
      });
    }
    return resolve(joined, links + 1);
  };

  return {
    resolve: (path) => resolve(path),
    entries: (treeId) => objects.tree(scope, treeId),
    read: (ids) => objects.read(scope, ids),
  };
}
