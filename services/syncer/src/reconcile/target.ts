import type { Application, ApplicationSource } from '@plumbline/contracts';
import { AppError, inClusterName, inClusterServer, projectOf, refOf } from '@plumbline/contracts';
import { repositoryId } from '@plumbline/git';
import { permitsDestination, permitsSource } from '@plumbline/policy';
import type { Target } from '../desired/desired-state.ts';
import { limits } from '../limits.ts';
import type { World } from '../world/world.ts';

/** The one source of the application. Throws `invalid-argument` or `unsupported` with what to change. */
export function sourceOf(application: Application): ApplicationSource {
  const { source, sources } = application.spec;
  const all = sources !== undefined && sources.length > 0 ? sources : source === undefined ? [] : [source];
  const [first] = all;
  if (first === undefined) throw new AppError('invalid-argument', 'spec.source is missing: name a repository and a path');
  if (all.length > 1) throw new AppError('unsupported', `spec.sources has ${all.length} members: this version renders one source`);
  if (first.repoURL === '') throw new AppError('invalid-argument', 'spec.source.repoURL is empty');
  if (first.chart !== undefined && first.chart !== '')
    throw new AppError('unsupported', 'spec.source.chart: this version reads charts from Git repositories only (spec.source.path)');
  if (first.path === undefined || first.path === '') throw new AppError('invalid-argument', 'spec.source.path is missing: name the directory of the manifests');
  return first;
}

/** Which cluster is meant; this version deploys to the one it runs in. */
export function assertDestination(application: Application): void {
  const { server, name } = application.spec.destination;
  if (server !== undefined && server !== '' && name !== undefined && name !== '') {
    throw new AppError('invalid-argument', `spec.destination has both name (${name}) and server (${server}): give one of them`);
  }
  const { namespace = '' } = application.spec.destination;
  if (namespace !== '' && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace)) {
    throw new AppError(
      'invalid-argument',
      `spec.destination.namespace ${JSON.stringify(namespace)} is not the name of a namespace: use lower-case letters, digits and dashes`,
    );
  }
  const isHere = server === inClusterServer || name === inClusterName;
  if (!isHere)
    throw new AppError('not-found', `there are no clusters with this ${name === undefined || name === '' ? `server: ${server ?? ''}` : `name: ${name}`}`);
}

/** Throws `permission-denied` when the project doesn't exist or forbids source or destination. */
export function assertProject(application: Application, source: ApplicationSource, world: World): void {
  const name = projectOf(application);
  const project = world.project(name);
  if (project?.spec === undefined) throw new AppError('permission-denied', `application references project ${name} which does not exist`);
  const rules = { name, spec: project.spec };
  const { namespace = '' } = application.spec.destination;
  for (const verdict of [permitsSource(rules, source.repoURL), permitsDestination(rules, { server: inClusterServer, name: inClusterName, namespace })]) {
    if (!verdict.allowed) throw new AppError('permission-denied', verdict.reason);
  }
}

export type Resolved = { kind: 'known'; target: Target } | { kind: 'problem'; error: AppError } | { kind: 'waiting' };

/**
 * Where the source points. A repository that was reachable keeps its last commit for a while when it isn't any more
 * (`limits.unreachableGraceMs`): a blink of the Git server is not every application's problem.
 */
export function resolveTarget(source: ApplicationSource, world: World, now: number): Resolved {
  const repository = repositoryId(source.repoURL);
  const ref = world.ref(repository, refOf(source));
  const outage = world.outage(repository);
  if (outage !== undefined && (ref?.commit === undefined || now - outage.sinceMs > limits.unreachableGraceMs)) {
    return { kind: 'problem', error: new AppError('repository-unreachable', outage.message) };
  }
  if (ref?.problem !== undefined) return { kind: 'problem', error: new AppError('revision-not-found', ref.problem) };
  if (ref?.commit === undefined || ref.tree === undefined) return { kind: 'waiting' };
  return { kind: 'known', target: { repository, commit: ref.commit, tree: ref.tree } };
}
