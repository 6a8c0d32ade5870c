import type { Application } from '@plumbline/contracts';
import { AppError, inClusterName, inClusterServer, projectOf } from '@plumbline/contracts';
import type { Discovery } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { classify, groupVersionKind, managingInstance, parseResourceKey, resourceIdOf, resourceKey } from '@plumbline/manifests';
import { permitsObject } from '@plumbline/policy';
import type { DesiredState } from '../desired/desired-object.ts';
import { unknownKindsOf } from '../desired/unknown-kinds.ts';
import type { Declared } from '../domain/state.ts';
import type { Cluster } from '../live/cluster.ts';
import type { ListFailure } from '../live/lasting-failure.ts';
import type { World } from '../world/world.ts';
import type { ReconcileContext } from './context.ts';
import type { Entry } from './entry.ts';

/**
 * Makes sure that everything of this application is known: the kinds it wants, those it had, and namespaces. Kinds that the
 * cluster doesn't have are noted. Throws `permission-denied` for a manifest that we may not watch, `unavailable` for one whose
 * API can't be reached or listed, and `cluster-unreachable` while a first list isn't complete: absence is never guessed.
 */
export async function watchEverythingOf(
  entry: Entry,
  desired: DesiredState,
  state: Declared,
  context: Pick<ReconcileContext, 'cluster' | 'namespaces'>,
): Promise<void> {
  const { cluster } = context;
  entry.wanted = cluster.want(
    entry.key,
    entry.wanted,
    desired.objects.map(({ key }) => key),
  );
  for (const { object } of desired.objects) assertWatched(object, context.namespaces);
  await kindsListed(entry, desired, state, cluster);
  // Objects that were seen before this application wanted them are known by their metadata only.
  for (const key of entry.wanted) {
    const row = cluster.state.row(key);
    if (row === undefined || row.object !== undefined) continue;
    const { group, kind, namespace, name } = parseResourceKey(key);
    const { version } = groupVersionKind({ apiVersion: row.apiVersion, kind });
    const object = await cluster.kube.get({ group, version, kind, name, ...(namespace === '' ? {} : { namespace }) });
    if (object !== undefined) cluster.state.complete(object);
  }
}

async function kindsListed(entry: Entry, desired: DesiredState, state: Declared, cluster: Cluster): Promise<void> {
  const wanted = new Map(desired.objects.map(({ object }) => [placeOf(resourceIdOf(object)), object]));
  const told = [...(state.comparison?.resources ?? []), ...(state.operation?.results ?? [])];
  const had = new Set([...told, ...[...cluster.managedBy(entry.instance)].map(parseResourceKey)].map(placeOf));
  const doubted = new Set<string>();
  const unserved = new Set<string>();
  for (const place of new Set([...wanted.keys(), ...had, '/Namespace/'])) {
    const [group = '', kind = '', namespace = ''] = place.split('/');
    const groupKind = `${group}/${kind}`;
    const manifest = wanted.get(place);
    let listed = await cluster.state.whenListed(group, kind, namespace);
    if (listed === 'unserved' && manifest !== undefined) {
      await cluster.refreshKinds();
      listed = await cluster.state.whenListed(group, kind, namespace);
    }
    if (listed === 'unavailable' || listed === 'forbidden' || listed === 'failing') {
      // An API that can't be reached is why its list fails, and where to look.
      const failure = listed === 'failing' ? cluster.state.failure(group, kind, namespace) : undefined;
      if (manifest !== undefined && failure !== undefined) throw failingKind({ group, kind }, failure);
      if (manifest !== undefined) throw listed === 'forbidden' ? forbiddenKind(manifest) : unavailableKind(manifest);
      // Namespaces are looked at for everybody; who has none among its objects does without.
      if (had.has(place)) doubted.add(failure === undefined ? groupKind : `${groupKind} (its list fails since ${failure.since}: ${failure.reason})`);
      continue;
    }
    if (listed === 'unserved') {
      unserved.add(groupKind);
      continue;
    }
    if (listed !== 'synced') throw new AppError('cluster-unreachable', `the list of ${kind} objects is not complete yet`, { retry: 'later' });
  }
  entry.unknownKinds = unknownKindsOf(desired, await cluster.kube.discover(), unserved);
  entry.doubtedKinds = doubted;
}

/** An object where nobody looks would be taken for missing, and written again and again. */
function assertWatched(object: KubeObject, namespaces: readonly string[] | undefined): void {
  const { namespace = '', name } = object.metadata;
  if (namespaces === undefined || namespace === '' || namespaces.includes(namespace)) return;
  throw new AppError(
    'permission-denied',
    `${object.kind} ${name} is in namespace ${namespace}, which is not among those that are managed here: ${namespaces.join(', ')} (PLUMBLINE_SYNCER_NAMESPACES)`,
  );
}

const unavailableKind = (object: KubeObject): AppError => {
  const { group, kind } = groupVersionKind(object);
  return new AppError(
    'unavailable',
    `the API of the group ${group} can't be reached now, so nothing is known of ${kind} ${object.metadata.name}: look at its APIService. Nothing of this group is taken for gone or pruned`,
  );
};

const failingKind = ({ group, kind }: { group: string; kind: string }, { since, reason }: ListFailure): AppError =>
  new AppError(
    'unavailable',
    `the list of ${group === '' ? '' : `${group}/`}${kind} objects fails since ${since}: ${reason}. Nothing of this kind is taken for gone or pruned; it is tried again by itself`,
  );

const forbiddenKind = (object: KubeObject): AppError => {
  const { group, kind } = groupVersionKind(object);
  return new AppError(
    'permission-denied',
    `${kind} ${object.metadata.name}: we may not list and watch ${kind} objects${group === '' ? '' : ` of the group ${group}`}. Give syncer's ServiceAccount the verbs get, list and watch for them`,
  );
};

/** `group/Kind/namespace`: what is known or in doubt as one. */
const placeOf = ({ group, kind, namespace = '' }: { group: string; kind: string; namespace?: string }): string => `${group}/${kind}/${namespace}`;

/**
 * Live objects that are marked as this application's and that it doesn't want; what is on its way out isn't counted, nor
 * what was there before its API could no longer be reached: it may have changed since.
 */
export function extraObjects(entry: Entry, desired: DesiredState, cluster: Cluster): KubeObject[] {
  const extra: KubeObject[] = [];
  for (const key of cluster.managedBy(entry.instance)) {
    const object = cluster.state.row(key)?.object;
    if (object === undefined || desired.byKey.has(key) || managingInstance(object) !== entry.instance || isHook(object)) continue;
    if (object.metadata.deletionTimestamp !== undefined || desired.objects.some((other) => other.key === key)) continue;
    if (isInDoubt(key, cluster)) continue;
    extra.push(object);
  }
  return extra.sort((a, b) => resourceKey(resourceIdOf(a)).localeCompare(resourceKey(resourceIdOf(b))));
}

/** A hook is gone when its delete policy says so, not when no manifest has it any more (argocd-compat B061). */
const isHook = (object: KubeObject): boolean => classify(object).type !== 'resource';

/** Whether an object's kind is namespaced, as the cluster says; for a kind that it doesn't know yet, as the object says. */
export function namespacedBy(discovery: Discovery): (object: KubeObject) => boolean {
  return (object) => {
    const { group, kind } = groupVersionKind(object);
    return discovery.findKind(group, kind)?.namespaced ?? object.metadata.namespace !== undefined;
  };
}

/** What was marked as this application's, is no longer wanted, and can't go: with what it waits for. */
export function lingeringObjects(entry: Entry, desired: DesiredState, cluster: Cluster): KubeObject[] {
  return [...cluster.managedBy(entry.instance)].flatMap((key) => {
    const object = cluster.state.row(key)?.object;
    return object?.metadata.deletionTimestamp === undefined || desired.byKey.has(key) || isHook(object) || isInDoubt(key, cluster) ? [] : [object];
  });
}

/**
 * What was to be pruned when an operation began, or since: objects that are no longer wanted, also those that are on their
 * way out since then. A sync that goes on after a restart waits for them as it did before; what an earlier one could not get
 * rid of holds up nobody. Deletions are stamped in whole seconds by the API server's clock.
 */
export function prunable(entry: Entry, desired: DesiredState, requestedAt: string, cluster: Cluster): KubeObject[] {
  const since = Math.floor(Date.parse(requestedAt) / 1_000) * 1_000;
  const leaving = lingeringObjects(entry, desired, cluster).filter(({ metadata }) => Date.parse(metadata.deletionTimestamp ?? '') >= since);
  return [...extraObjects(entry, desired, cluster), ...leaving];
}

function isInDoubt(key: string, { state }: Cluster): boolean {
  const { group, kind, namespace } = parseResourceKey(key);
  const known = state.kindState(group, kind, namespace);
  return known === 'unavailable' || known === 'forbidden' || known === 'failing';
}

/** The project's word about one object, asked anew each time: policy may have changed since the last write. */
export function projectVerdict(
  application: Application,
  world: World,
  isNamespaced: (object: KubeObject) => boolean,
): (object: KubeObject) => string | undefined {
  return (object) => {
    const name = projectOf(application);
    const project = world.project(name);
    if (project?.spec === undefined) return `project ${name} does not exist`;
    const { group, kind } = groupVersionKind(object);
    const subject = { group, kind, name: object.metadata.name, namespaced: isNamespaced(object), namespace: object.metadata.namespace ?? '' };
    const verdict = permitsObject({ name, spec: project.spec }, subject, { server: inClusterServer, name: inClusterName });
    return verdict.allowed ? undefined : verdict.reason;
  };
}
