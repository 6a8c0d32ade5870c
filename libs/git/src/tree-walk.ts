import { AppError } from '@plumbline/contracts';
import { parseTree, type TreeObjectEntry } from './git-object.ts';
import { limits } from './limits.ts';

export interface WalkedObject {
  id: string;
  type: 'blob' | 'tree';
}

/** Raw bytes of trees; undefined where the repository doesn't have one. */
export type ReadTrees = (ids: readonly string[]) => Promise<(Buffer | undefined)[]>;

/**
 * Trees and blobs below `tree` that don't lie at the same place below `base`: both trees are walked side by side and equal
 * subtrees are never opened, so the work is proportional to what changed. An object that only moved is listed too.
 *
 * @throws AppError `not-found` (a tree is missing), `too-large` (entries, depth)
 */
export async function walkNew(tree: string, base: string | undefined, readTrees: ReadTrees): Promise<WalkedObject[]> {
  if (tree === base) return [];
  const found = new Map<string, WalkedObject>([[tree, { id: tree, type: 'tree' }]]);
  let level: { tree: string; base: string | undefined }[] = [{ tree, base }];
  let entriesSeen = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limits.treeDepthMax) throw new AppError('too-large', `tree ${tree} is nested deeper than ${limits.treeDepthMax} directories`);
    const [trees, bases] = await Promise.all([readTrees(level.map((pair) => pair.tree)), readTrees(level.flatMap((pair) => pair.base ?? []))]);
    const next: typeof level = [];
    let baseIndex = 0;
    for (const [index, pair] of level.entries()) {
      const bytes = trees[index];
      if (bytes === undefined) throw new AppError('not-found', `tree ${pair.tree} is not in the mirror`, { retry: 'later' });
      const baseBytes = pair.base === undefined ? undefined : bases[baseIndex++];
      const before = byName(pair.base, baseBytes);
      for (const entry of parseTree(pair.tree, bytes)) {
        if (++entriesSeen > limits.treeEntriesMax) throw new AppError('too-large', `tree ${tree} has more than ${limits.treeEntriesMax} entries`);
        const same = before.get(entry.name);
        if (entry.type === 'commit' || same?.id === entry.id || found.has(entry.id)) continue;
        found.set(entry.id, { id: entry.id, type: entry.type });
        if (entry.type === 'tree') next.push({ tree: entry.id, base: same?.type === 'tree' ? same.id : undefined });
      }
    }
    level = next;
  }
  return [...found.values()];
}

function byName(id: string | undefined, bytes: Buffer | undefined): Map<string, TreeObjectEntry> {
  return new Map(id === undefined || bytes === undefined ? [] : parseTree(id, bytes).map((entry) => [entry.name, entry]));
}
