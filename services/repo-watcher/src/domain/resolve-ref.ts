import { AppError } from '@plumbline/contracts';
import { parseConstraint, parseVersion, type Version } from './version-constraint.ts';

/** What a remote says: full name → commit in the remote's order, and the branch that HEAD points to. */
export interface Refs {
  refs: ReadonlyMap<string, string>;
  head?: string;
}

/** A commit; `name` is the ref that leads there, absent when the commit itself was typed. */
export interface Resolution {
  commit: string;
  name?: string;
}

/**
 * What a ref as typed means at a remote. In this order: a full commit id is itself; nothing or HEAD is the remote's HEAD;
 * a version constraint is the highest tag that satisfies it; then a short or full ref name, the first in the remote's
 * order; then a shortened commit id of something that a ref points to. (Argo CD: util/git `lsRemote`, util/versions.)
 *
 * @throws AppError `revision-not-found`
 */
export function resolveRef(remote: Refs, typed: string): Resolution {
  if (/^[0-9a-f]{40}$/i.test(typed)) return { commit: typed.toLowerCase() };
  const found = typed === '' || typed === 'HEAD' ? headOf(remote) : (byConstraint(remote, typed) ?? byName(remote, typed) ?? byShortId(remote, typed));
  if (found === undefined) throw new AppError('revision-not-found', `unable to resolve '${typed}' to a commit SHA`, { details: { ref: typed } });
  return found;
}

function headOf({ refs, head }: Refs): Resolution | undefined {
  return lookUp(refs, head) ?? lookUp(refs, 'HEAD');
}

function byConstraint({ refs }: Refs, typed: string): Resolution | undefined {
  // A pinned version (1.0, v1.0.0) is a name, not a constraint.
  if (parseVersion(typed) !== undefined) return undefined;
  const satisfies = parseConstraint(typed);
  if (satisfies === undefined) return undefined;
  let best: { name: string; version: Version } | undefined;
  for (const name of refs.keys()) {
    const version = name.startsWith('refs/tags/') ? parseVersion(name.slice('refs/tags/'.length)) : undefined;
    if (version !== undefined && satisfies(version) && (best === undefined || version.compare(best.version) > 0)) best = { name, version };
  }
  return lookUp(refs, best?.name);
}

function byName({ refs }: Refs, typed: string): Resolution | undefined {
  for (const [name, commit] of refs) {
    if (name === typed || (name.startsWith('refs/') && name.slice(name.indexOf('/', 'refs/'.length) + 1) === typed)) return { commit, name };
  }
  return undefined;
}

function byShortId({ refs }: Refs, typed: string): Resolution | undefined {
  if (!/^[0-9a-f]{7,39}$/i.test(typed)) return undefined;
  const prefix = typed.toLowerCase();
  for (const [name, commit] of refs) if (commit.startsWith(prefix)) return { commit, name };
  return undefined;
}

function lookUp(refs: ReadonlyMap<string, string>, name: string | undefined): Resolution | undefined {
  if (name === undefined) return undefined;
  const commit = refs.get(name);
  return commit === undefined ? undefined : { commit, name };
}
