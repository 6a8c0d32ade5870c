import type { ApplicationCondition } from '@plumbline/contracts';
import { AppError, projectOf } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import {
  annotation,
  annotationOf,
  applicationSyncOptions,
  isCustomResourceDefinition,
  managingInstance,
  resourceSyncOptions,
  syncWave,
} from '@plumbline/manifests';
import { inBatches } from '../concurrency.ts';
import type { Declared } from '../domain/state.ts';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';
import { isApproved } from '../sync/prune.ts';
import type { Entry } from './entry.ts';
import type { ReconcileContext } from './context.ts';
import { namespacedBy, projectVerdict } from './observe.ts';
import { assertDestination } from './target.ts';

/** Argo CD's finalizer: the objects go with the Application. A suffix names how (argocd-compat B110). */
const resourcesFinalizer = 'resources-finalizer.argocd.argoproj.io';

/**
 * The Application is being deleted or is gone. With the finalizer its objects are deleted first, in reversed waves, each
 * wave after the one before has gone; without it they stay as they are.
 */
export async function reconcileDeletion(entry: Entry, state: Declared, context: ReconcileContext): Promise<void> {
  const finalizer = entry.resource.metadata.finalizers?.find(isResourcesFinalizer);
  const cascade = entry.isPresent && finalizer !== undefined;
  if (entry.isPresent && !cascade) return tell(entry, state, hookFinalizers(entry));
  if (cascade && isElsewhere(entry)) return removeFinalizers(entry, isArgoFinalizer, context);
  if (cascade) {
    const kinds = [...(state.comparison?.resources ?? []), ...(state.operation?.results ?? [])].map(
      ({ group, kind, namespace }) => `${group}/${kind}/${namespace ?? ''}`,
    );
    for (const place of new Set(kinds)) {
      const [group = '', kind = '', namespace = ''] = place.split('/');
      const listed = await context.cluster.state.whenListed(group, kind, namespace);
      if (listed === 'synced' || listed === 'unserved') continue;
      const doubt = doubtedKind(group, kind, listed);
      await tell(entry, state, doubt === undefined ? [] : [doubt]);
      throw new AppError('cluster-unreachable', doubt ?? `the list of ${kind} objects is not complete yet`, { retry: 'later' });
    }
    const left = deletable(entry, await permittedBy(entry, context), context);
    await entry.log.execute([{ type: 'StartDeletion', cascade, resources: left.length }]);
    const unconfirmed = left.filter((object) => isUnconfirmed(object, entry));
    if (unconfirmed.length > 0) return tell(entry, state, [unconfirmedDeletion(unconfirmed)]);
    await tell(entry, state, whatStays(left, context.clock()));
    if (left.length > 0) context.wakeups.at(entry.key, context.clock() + limits.deletionToldAfterMs);
    if (left.length > 0) return deleteLastWave(left, finalizer.endsWith('/background') ? 'Background' : 'Foreground', context);
    await removeFinalizers(entry, (name) => name === finalizer, context);
    return;
  }
  await entry.log.execute([{ type: 'ForgetApplication', cascaded: state.isDeleting }]);
  entry.wanted = context.cluster.want(entry.key, entry.wanted, []);
  context.follows(entry, undefined);
}

/** Its destination is a cluster that we don't know: whatever it brought there stays (argocd-compat B113). */
function isElsewhere({ resource }: Entry): boolean {
  try {
    assertDestination(resource);
    return false;
  } catch (error) {
    return AppError.is(error) && error.code === 'not-found';
  }
}

/** Those that let an Application wait for hooks of its deletion. */
const isHookFinalizer = (name: string): boolean => /^(pre|post)-delete-finalizer\.argocd\.argoproj\.io(\/|$)/.test(name);

const isResourcesFinalizer = (name: string): boolean => name === resourcesFinalizer || name.startsWith(`${resourcesFinalizer}/`);

const isArgoFinalizer = (name: string): boolean => isResourcesFinalizer(name) || isHookFinalizer(name);

/**
 * What goes with the Application: neither itself (where it is one of its own objects, it would wait for itself), nor
 * definitions, nor what says that it stays, nor what its project forbids by now (argocd-compat B112).
 */
function deletable(entry: Entry, isPermitted: (object: KubeObject) => boolean, context: ReconcileContext): KubeObject[] {
  const options = applicationSyncOptions(entry.resource.spec.syncPolicy?.syncOptions);
  return [...context.cluster.managedBy(entry.instance)].flatMap((key) => {
    const object = context.cluster.state.row(key)?.object;
    if (object === undefined || managingInstance(object) !== entry.instance || isCustomResourceDefinition(object)) return [];
    if (object.metadata.uid === entry.log.id.uid || !isPermitted(object)) return [];
    const isKept = resourceSyncOptions(object, options).delete === 'never' || annotationOf(object, 'helm.sh/resource-policy') === 'keep';
    return isKept ? [] : [object];
  });
}

/** A project that is gone forbids nothing any more: what is left of its applications can be cleared away. */
async function permittedBy({ resource }: Entry, { cluster, world }: ReconcileContext): Promise<(object: KubeObject) => boolean> {
  if (world.project(projectOf(resource))?.spec === undefined) return () => true;
  const forbidden = projectVerdict(resource, world, namespacedBy(await cluster.kube.discover()));
  return (object) => forbidden(object) === undefined;
}

/** `Delete=confirm`: nothing is deleted until the Application says so, since its own deletion began (argocd-compat B023). */
function isUnconfirmed(object: KubeObject, { resource }: Entry): boolean {
  const options = applicationSyncOptions(resource.spec.syncPolicy?.syncOptions);
  const { annotations, deletionTimestamp } = resource.metadata;
  return resourceSyncOptions(object, options).delete === 'when-confirmed' && !isApproved(annotations?.[annotation.deletionApproved], deletionTimestamp ?? '');
}

/** What a deletion waits for is a condition of the Application: nobody else would say why it is still there. */
async function tell(entry: Entry, { comparison, failure }: Declared, waitsFor: readonly string[]): Promise<void> {
  if (failure !== undefined) {
    // What could not be compared matters no more; what keeps the Application does.
    const condition = failure.condition === 'InvalidSpecError' ? failure.condition : 'ComparisonError';
    if (waitsFor.length > 0) await entry.log.execute([{ type: 'RecordComparisonFailure', failure: { ...failure, condition, message: waitsFor.join('; ') } }]);
    return;
  }
  if (comparison === undefined) return;
  const others = comparison.conditions.filter(({ type }) => type !== deletionWarning);
  const conditions: ApplicationCondition[] = [...others, ...waitsFor.map((message) => ({ type: deletionWarning, message }))];
  await entry.log.execute([{ type: 'RecordComparison', comparison: { ...comparison, conditions }, drift: [] }]);
}

/** Argo CD's finalizers for hooks that this version doesn't run: only a person knows whether their work is done (argocd-compat B031). */
function hookFinalizers({ resource }: Entry): string[] {
  const kept = resource.metadata.finalizers?.filter(isHookFinalizer) ?? [];
  if (kept.length === 0) return [];
  return [
    `the deletion waits for ${kept.join(', ')}: hooks of deletions are not run by this version; do their work, then take these finalizers off the Application`,
  ];
}

/** Absence is never guessed: what of this kind is still there is not known. Undefined: its first list is on its way. */
export function doubtedKind(group: string, kind: string, listed: string | undefined): string | undefined {
  const of = `${kind} objects${group === '' ? '' : ` of the group ${group}`}`;
  switch (listed) {
    case 'unavailable':
      return `the deletion waits: the API of the group ${group} can't be reached now, so it is not known which ${of} are left; look at its APIService`;
    case 'forbidden':
      return `the deletion waits: we may not list and watch ${of}; give syncer's ServiceAccount the verbs get, list and watch for them`;
    case 'failing':
      return `the deletion waits: the list of ${of} fails, so it is not known which are left; see the metric plumbline_kind_list_failing and syncer's log`;
    default:
      return undefined;
  }
}

/** Says which objects wait for a word, and how it is given. */
export function unconfirmedDeletion(objects: readonly KubeObject[]): string {
  const named = objects.slice(0, limits.warningsShownMax).map(({ kind, metadata: { name } }) => `${kind} ${name}`);
  const more = objects.length - named.length;
  return `the deletion waits until somebody confirms it, for ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}: annotate the Application with ${annotation.deletionApproved} and the time as of now (RFC 3339)`;
}

/** Objects that were deleted a while ago and wait for somebody's finalizer; those of the API server's own are its work under way. */
export function whatStays(left: readonly KubeObject[], now: number): string[] {
  const stuck = left.flatMap(({ kind, metadata: { name, deletionTimestamp, finalizers = [] } }) => {
    const foreign = finalizers.filter((finalizer) => !['foregroundDeletion', 'orphan'].includes(finalizer));
    const isStuck = foreign.length > 0 && now - Date.parse(deletionTimestamp ?? '') >= limits.deletionToldAfterMs;
    return isStuck ? [`${kind} ${name} was deleted and is not gone yet: it waits for finalizers ${foreign.join(', ')}`] : [];
  });
  return stuck.slice(0, limits.warningsShownMax);
}

const deletionWarning = 'DeletionWarning';

/** Waves go in reverse; the watch wakes us when the last object of one has gone. */
async function deleteLastWave(objects: readonly KubeObject[], propagationPolicy: 'Foreground' | 'Background', context: ReconcileContext): Promise<void> {
  const last = Math.max(...objects.map(syncWave));
  const due = objects.filter((object) => syncWave(object) === last && object.metadata.deletionTimestamp === undefined);
  await inBatches(due, limits.writesPerApplicationMax, async (object) => {
    const { uid } = object.metadata;
    context.assertOwner();
    await context.cluster.kube.delete(refOf(object), { propagationPolicy, ...(uid === undefined ? {} : { uid }) });
  });
}

async function removeFinalizers(entry: Entry, isMeant: (finalizer: string) => boolean, context: ReconcileContext): Promise<void> {
  const { namespace, name } = entry.log.id;
  const { resourceVersion, finalizers = [] } = entry.resource.metadata;
  const left = finalizers.filter((finalizer) => !isMeant(finalizer));
  // The resourceVersion makes it a precondition: a finalizer that somebody added meanwhile isn't lost.
  const patch = { metadata: { finalizers: left, ...(resourceVersion === undefined ? {} : { resourceVersion }) } };
  await context.cluster.kube.mergePatch({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace, name }, patch, {
    fieldManager: fieldManager.status,
  });
}
