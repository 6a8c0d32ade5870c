import { AppError, projectOf } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import {
  annotation,
  annotationOf,
  applicationSyncOptions,
  classify,
  isCustomResourceDefinition,
  managingInstance,
  resourceSyncOptions,
  syncWave,
} from '@plumbline/manifests';
import { inBatches } from '../concurrency.ts';
import type { DeletionStage } from '../domain/deletion.ts';
import { deletionStages } from '../domain/deletion.ts';
import type { Declared } from '../domain/state.ts';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';
import { isApproved } from '../sync/prune.ts';
import { removeHook } from '../sync/hooks.ts';
import type { ReconcileContext } from './context.ts';
import type { DeletionNews } from './deletion-conditions.ts';
import { doubtedKind, tell, unconfirmedDeletion, whatStays } from './deletion-conditions.ts';
import { cleanUpDeletionHooks, letDeletionHooksGo, runDeletionHooks } from './deletion-hooks.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import { removeFinalizers } from './finalizers.ts';
import { namespacedBy, projectVerdict } from './observe.ts';
import { assertDestination } from './target.ts';

/**
 * The Application is being deleted or is gone. Its finalizers say what is done before it goes: hooks run, its objects are
 * deleted, hooks run again. One after the other is taken off, and the watch on the Application wakes us for the next.
 */
export async function reconcileDeletion(entry: Entry, state: Declared, context: ReconcileContext): Promise<void> {
  if (!entry.isPresent) return forget(entry, state, context);
  const stages = deletionStages(entry.resource.metadata.finalizers ?? []);
  const [current] = stages;
  if (current === undefined) return tell(entry, state, {});
  const { kube } = context.cluster;
  if (isElsewhere(entry)) return removeFinalizers(entry, (name) => stages.some(({ finalizer }) => finalizer === name), kube);
  await begin(entry, state, stages, context);
  const news = await advance(entry, current, context);
  await tell(entry, declaredState(entry) ?? state, news ?? {});
  if (news !== undefined) return lookAgain(entry, context);
  context.assertOwner();
  await removeFinalizers(entry, (name) => name === current.finalizer, kube);
}

/** When there may be more to tell, or what failed is tried again. */
function lookAgain(entry: Entry, { wakeups, clock }: ReconcileContext): void {
  const retryAt = Date.parse(declaredState(entry)?.deletion?.retry?.at ?? '');
  const tellAt = clock() + limits.deletionToldAfterMs;
  wakeups.at(entry.key, retryAt > clock() ? Math.min(retryAt, tellAt) : tellAt);
}

async function forget(entry: Entry, state: Declared, context: ReconcileContext): Promise<void> {
  if (state.deletion !== undefined) await letDeletionHooksGo(entry, context);
  await entry.log.execute([{ type: 'ForgetApplication', cascaded: state.deletion?.cascade === true }]);
  entry.wanted = context.cluster.want(entry.key, entry.wanted, []);
  context.follows(entry, undefined);
}

/** Records once what will be done, when it is known which objects there are. */
async function begin(entry: Entry, state: Declared, stages: readonly DeletionStage[], context: ReconcileContext): Promise<void> {
  if (state.deletion !== undefined) return;
  const cascade = stages.some(({ stage }) => stage === 'delete-resources');
  if (cascade) await assertKnown(entry, state, context);
  const resources = cascade ? deletable(entry, await permittedBy(entry, context), context).length : 0;
  await entry.log.execute([{ type: 'StartDeletion', cascade, resources }]);
}

/** Undefined: the stage is over. */
function advance(entry: Entry, stage: DeletionStage, context: ReconcileContext): Promise<DeletionNews | undefined> {
  switch (stage.stage) {
    case 'run-hooks':
      return runDeletionHooks(entry, stage, context);
    case 'clean-up-hooks':
      return cleanUpDeletionHooks(entry, stage, context).then(() => undefined);
    case 'delete-resources':
      return deleteResources(entry, stage.propagationPolicy, context);
    default:
      return stage satisfies never;
  }
}

/** Objects go in reversed waves, each wave after the one before has gone (argocd-compat B111). */
async function deleteResources(entry: Entry, propagationPolicy: 'Foreground' | 'Background', context: ReconcileContext): Promise<DeletionNews | undefined> {
  await assertKnown(entry, declaredState(entry)!, context);
  const left = deletable(entry, await permittedBy(entry, context), context);
  if (left.length === 0) return undefined;
  const unconfirmed = left.filter((object) => isUnconfirmed(object, entry));
  if (unconfirmed.length > 0) return { waitsFor: [unconfirmedDeletion(unconfirmed)] };
  await deleteLastWave(left, propagationPolicy, context);
  return { waitsFor: whatStays(left, context.clock()) };
}

/** Throws, and tells what it waits for, while it isn't known which objects of a kind that it had are left. */
async function assertKnown(entry: Entry, state: Declared, context: ReconcileContext): Promise<void> {
  const kinds = [...(state.comparison?.resources ?? []), ...(state.operation?.results ?? [])].map(
    ({ group, kind, namespace }) => `${group}/${kind}/${namespace ?? ''}`,
  );
  for (const place of new Set(kinds)) {
    const [group = '', kind = '', namespace = ''] = place.split('/');
    const listed = await context.cluster.state.whenListed(group, kind, namespace);
    if (listed === 'synced' || listed === 'unserved') continue;
    const doubt = doubtedKind(group, kind, listed);
    await tell(entry, state, doubt === undefined ? {} : { waitsFor: [doubt] });
    throw new AppError('cluster-unreachable', doubt ?? `the list of ${kind} objects is not complete yet`, { retry: 'later' });
  }
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

/**
 * What goes with the Application: neither itself (where it is one of its own objects, it would wait for itself), nor
 * definitions, nor what says that it stays, nor what its project forbids by now (argocd-compat B112), nor hooks of this very
 * deletion.
 */
function deletable(entry: Entry, isPermitted: (object: KubeObject) => boolean, context: ReconcileContext): KubeObject[] {
  const options = applicationSyncOptions(entry.resource.spec.syncPolicy?.syncOptions);
  return [...context.cluster.managedBy(entry.instance)].flatMap((key) => {
    const object = context.cluster.state.row(key)?.object;
    if (object === undefined || managingInstance(object) !== entry.instance || isCustomResourceDefinition(object)) return [];
    if (object.metadata.uid === entry.log.id.uid || !isPermitted(object) || isDeletionHook(object)) return [];
    const isKept = resourceSyncOptions(object, options).delete === 'never' || annotationOf(object, 'helm.sh/resource-policy') === 'keep';
    return isKept ? [] : [object];
  });
}

function isDeletionHook(object: KubeObject): boolean {
  const is = classify(object);
  return is.type === 'hook' && is.phases.some((phase) => phase === 'PreDelete' || phase === 'PostDelete');
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

/** Waves go in reverse; the watch wakes us when the last object of one has gone. */
async function deleteLastWave(objects: readonly KubeObject[], propagationPolicy: 'Foreground' | 'Background', context: ReconcileContext): Promise<void> {
  const last = Math.max(...objects.map(syncWave));
  const due = objects.filter((object) => syncWave(object) === last && object.metadata.deletionTimestamp === undefined);
  const { kube } = context.cluster;
  await inBatches(due, limits.writesPerApplicationMax, async (object) => {
    const { uid } = object.metadata;
    context.assertOwner();
    // What is left of a hook has nothing more to keep.
    if (classify(object).type === 'hook') return removeHook(object, kube);
    await kube.delete(refOf(object), { propagationPolicy, ...(uid === undefined ? {} : { uid }) });
  });
}
