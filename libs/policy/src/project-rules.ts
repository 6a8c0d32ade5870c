import type { AppProjectSpec, GroupKind } from '@plumbline/contracts';
import { fileMatch, pathGlob, plainGlob } from './glob.ts';
import { forbids, permits } from './pattern.ts';
import { normalizeRepositoryUrl } from './repository-url.ts';

/** What the rules need to know of a project. */
export interface ProjectRules {
  name: string;
  spec: AppProjectSpec;
}

export type Verdict = { allowed: true } | { allowed: false; reason: string };

const allowed: Verdict = { allowed: true };
const refused = (reason: string): Verdict => ({ allowed: false, reason });
const isDeny = (pattern: string): boolean => pattern.startsWith('!');

/**
 * May an application of this project take its manifests from this repository? Argo CD's rule: some entry matches and no
 * deny entry (`!pattern`) hits. A deny entry that doesn't hit counts as a match, so a list of denies alone allows the
 * rest. `*` stays within a path segment, `**` crosses; a bare `*` is everything.
 */
export function permitsSource(project: ProjectRules, repoUrl: string): Verdict {
  const url = normalizeRepositoryUrl(repoUrl);
  let isMatched = false;
  for (const entry of project.spec.sourceRepos ?? []) {
    if (isDeny(entry)) {
      if (forbids(normalizeRepositoryUrl(entry.slice(1)), url, pathGlob)) return sourceRefused(project, repoUrl);
      isMatched = true;
    } else if (permits(normalizeRepositoryUrl(entry), url, pathGlob)) isMatched = true;
  }
  return isMatched ? allowed : sourceRefused(project, repoUrl);
}

/** The reason names the repository without its user info: it ends in conditions and logs. */
const sourceRefused = (project: ProjectRules, repoUrl: string): Verdict =>
  refused(`application repo ${repoUrl.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1')} is not permitted in project '${project.name}'`);

/** `server` and `name` are those of the resolved cluster: an entry may name either. */
export interface ResolvedDestination {
  server?: string;
  name?: string;
  namespace: string;
}

/**
 * May an application of this project deploy there? Some entry matches the namespace and the cluster (by server or by
 * name), and no `!pattern` of any entry's server, name or namespace hits. No separators: `prod-*` crosses anything.
 */
export function permitsDestination(project: ProjectRules, destination: ResolvedDestination): Verdict {
  return matchesDestination(project, destination)
    ? allowed
    : refused(
        `application destination server '${destination.server ?? destination.name ?? ''}' and namespace '${destination.namespace}' ` +
          `do not match any of the allowed destinations in project '${project.name}'`,
      );
}

function matchesDestination(project: ProjectRules, { server = '', name = '', namespace }: ResolvedDestination): boolean {
  let isMatched = false;
  for (const entry of project.spec.destinations ?? []) {
    const byName = compare(entry.name ?? '', name);
    const byServer = compare(entry.server ?? '', server);
    const byNamespace = compare(entry.namespace ?? '', namespace, true);
    if ((byName.matches || byServer.matches) && byNamespace.matches) isMatched = true;
    else if (byName.denies || byServer.denies || byNamespace.denies) return false;
  }
  return isMatched;
}

/** A deny that doesn't hit counts as a match (Argo CD). An unknown server or name matches nothing, and is denied by any deny. */
function compare(pattern: string, text: string, mayBeEmpty = false): { matches: boolean; denies: boolean } {
  const isKnown = text !== '' || mayBeEmpty;
  const matches = isKnown && (isDeny(pattern) ? !forbids(pattern.slice(1), text, plainGlob) : permits(pattern, text, plainGlob));
  return { matches, denies: isDeny(pattern) && !matches };
}

export interface ObjectKind {
  group: string;
  kind: string;
  name: string;
  namespaced: boolean;
}

/**
 * May this kind of object be applied? Namespaced: the whitelist is absent or matches, and the blacklist doesn't.
 * Cluster-scoped: the whitelist must match (absent or empty = nothing is allowed), by group, kind and, where an entry
 * has one, name.
 */
export function permitsResource(project: ProjectRules, object: ObjectKind): Verdict {
  const { spec } = project;
  const isAllowed = object.namespaced
    ? (spec.namespaceResourceWhitelist == null || lists(spec.namespaceResourceWhitelist, object, permits)) &&
      !lists(spec.namespaceResourceBlacklist, object, forbids)
    : lists(spec.clusterResourceWhitelist, object, permits) && !lists(spec.clusterResourceBlacklist, object, forbids);
  return isAllowed ? allowed : refused(`resource ${object.group}:${object.kind} is not permitted in project ${project.name}`);
}

function lists(entries: readonly GroupKind[] | null | undefined, object: ObjectKind, hits: typeof permits): boolean {
  return (entries ?? []).some((entry) => {
    if (!hits(entry.kind, object.kind, fileMatch) || !hits(entry.group, object.group, fileMatch)) return false;
    return object.namespaced || entry.name === undefined || entry.name === '' || hits(entry.name, object.name, fileMatch);
  });
}

/** The kind, and for a namespaced object its namespace in the destination cluster: what is asked before each write. */
export function permitsObject(project: ProjectRules, object: ObjectKind & { namespace: string }, cluster: { server?: string; name?: string }): Verdict {
  const kind = permitsResource(project, object);
  if (!kind.allowed || !object.namespaced) return kind;
  return matchesDestination(project, { ...cluster, namespace: object.namespace })
    ? allowed
    : refused(`namespace ${object.namespace} is not permitted in project '${project.name}'`);
}
