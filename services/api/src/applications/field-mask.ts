import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';

/**
 * Only the members that a `fields` parameter names (`items.metadata.name,items.spec`; with a leading `-`, all but
 * those), as Argo CD's web interface asks for them. A path goes through arrays.
 */
export function applyFieldMask(value: unknown, fields: string | undefined): unknown {
  if (fields === undefined || fields === '') return value;
  const isExclusion = fields.startsWith('-');
  const paths = (isExclusion ? fields.slice(1) : fields).split(',').filter((path) => path !== '');
  if (paths.length > limits.fieldPathsMax) throw new AppError('invalid-argument', `fields names more than ${limits.fieldPathsMax} paths`);
  const tree: PathTree = new Map();
  for (const path of paths) {
    let node = tree;
    for (const name of path.split('.')) {
      const below: PathTree = node.get(name) ?? new Map();
      node.set(name, below);
      node = below;
    }
  }
  return isExclusion ? without(value, tree) : only(value, tree);
}

type PathTree = Map<string, PathTree>;

function only(value: unknown, tree: PathTree): unknown {
  if (tree.size === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => only(item, tree));
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const below = tree.get(name);
      return below === undefined ? [] : [[name, only(member, below)]];
    }),
  );
}

function without(value: unknown, tree: PathTree): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => without(item, tree));
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const below = tree.get(name);
      return below?.size === 0 ? [] : [[name, below === undefined ? member : without(member, below)]];
    }),
  );
}
