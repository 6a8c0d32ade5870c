import { AppError } from '@plumbline/contracts';

export type EntryType = 'file' | 'directory' | 'link' | 'submodule';

export interface GitTreeEntry {
  type: EntryType;
  id: string;
}

/**
 * Git's binary tree: `mode SP name NUL`, then the id's bytes: 20, or 32 in a SHA-256 repository.
 * See gitformat-index(5) for the modes.
 */
export function parseGitTree(treeId: string, bytes: Buffer): ReadonlyMap<string, GitTreeEntry> {
  const idBytes = treeId.length / 2;
  const entries = new Map<string, GitTreeEntry>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const nul = bytes.indexOf(0, space);
    if (space < 0 || nul < 0 || nul + 1 + idBytes > bytes.length) throw damaged(treeId);
    const name = bytes.toString('utf8', space + 1, nul);
    entries.set(name, { type: typeOf(bytes.toString('latin1', at, space)), id: bytes.toString('hex', nul + 1, nul + 1 + idBytes) });
    at = nul + 1 + idBytes;
  }
  return entries;
}

const damaged = (id: string): AppError =>
  new AppError('internal', `the stored Git tree ${id} is damaged: drop the repository's blobs, so that repo-watcher delivers them again`);

function typeOf(mode: string): EntryType {
  switch (mode) {
    case '40000':
      return 'directory';
    case '120000':
      return 'link';
    case '160000':
      return 'submodule';
    default:
      return 'file';
  }
}
