import { AppError } from '@plumbline/contracts';
import { isFullRefName, isObjectId, type Mirror, type RemoteRefs } from '@plumbline/git';
import { resolveRef, type Resolution } from '../domain/resolve-ref.ts';
import { limits } from '../limits.ts';

/** What each typed ref means at a remote, or why it means nothing. */
export function resolveAll(remote: RemoteRefs, typed: Iterable<string>): Map<string, Resolution | AppError> {
  const found = new Map<string, Resolution | AppError>();
  for (const ref of typed) {
    try {
      found.set(ref, resolveRef(remote, ref));
    } catch (error) {
      found.set(ref, AppError.from(error));
    }
  }
  return found;
}

/** Those of the moved refs that any of the typed ones is read through; a push to another branch is nobody's business. */
export function relevantMoves(remote: RemoteRefs, moved: readonly string[], typed: readonly string[]): string[] {
  return moved.filter((name) => {
    const elsewhere = 'f'.repeat(40);
    const after = resolveAll({ ...remote, refs: new Map(remote.refs).set(name, elsewhere) }, typed);
    return [...after.values()].some((resolution) => !AppError.is(resolution) && resolution.commit === elsewhere && resolution.name === name);
  });
}

/**
 * Fetches targets (full ref names or commit ids) together, and one by one when the remote lacks one of them: a branch
 * that was deleted a moment ago must not hide the others. Answers the commit, or what is wrong with that target.
 */
export async function fetchTargets(mirror: Mirror, targets: readonly string[]): Promise<Map<string, string | AppError>> {
  const found = new Map<string, string | AppError>();
  const sound = targets.filter((target) => isObjectId(target) || isFullRefName(target));
  for (const target of targets)
    if (!sound.includes(target))
      found.set(target, new AppError('revision-not-found', `the remote's ref ${JSON.stringify(target)} has a name that Git forbids`));
  for (let from = 0; from < sound.length; from += limits.fetchRefs) {
    const group = sound.slice(from, from + limits.fetchRefs);
    for (const [target, commit] of await fetchGroup(mirror, group)) found.set(target, commit);
  }
  return found;
}

async function fetchGroup(mirror: Mirror, group: readonly string[]): Promise<Map<string, string | AppError>> {
  try {
    return await mirror.fetch(group);
  } catch (error) {
    if (!isMissing(error)) throw error;
    if (group.length === 1) return new Map(group.map((target) => [target, error]));
    const found = new Map<string, string | AppError>();
    for (const alone of group) for (const [name, commit] of await fetchGroup(mirror, [alone])) found.set(name, commit);
    return found;
  }
}

const hasCode = (error: unknown, ...codes: readonly AppError['code'][]): error is AppError => AppError.is(error) && codes.includes(error.code);

/** The remote is there, but not this revision. */
export const isMissing = (error: unknown): error is AppError => hasCode(error, 'revision-not-found');

/** The remote can't be read now: worth another try, and a fact about the repository. */
export const isUnreachable = (error: unknown): boolean => hasCode(error, 'repository-unreachable', 'deadline-exceeded', 'too-large');

export const isTooLarge = (error: unknown): error is AppError => hasCode(error, 'too-large');

/** The mirror on disk is not what git left there. */
export const isDamage = (error: unknown): boolean => hasCode(error, 'internal', 'not-found');
