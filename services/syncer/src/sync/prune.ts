import type { ResourceResult } from '@plumbline/contracts';
import type { ApplicationSyncOptions, KubeObject } from '@plumbline/manifests';
import { groupVersionKind, isNamespace, resourceIdOf, resourceKey, resourceSyncOptions } from '@plumbline/manifests';
import { refOf } from '../live/object-ref.ts';
import type { StepContext } from './step-context.ts';

/** Deletes what is no longer wanted, or says why it stays (argocd-compat B021). */
export async function prune(object: KubeObject, context: StepContext): Promise<Pick<ResourceResult, 'status' | 'message'>> {
  const { operation, kube, options } = context;
  if (operation.operation.prune !== true) return { status: 'PruneSkipped', message: 'ignored (requires pruning)' };
  if (resourceSyncOptions(object, options).prune === 'never') return { status: 'PruneSkipped', message: 'ignored (no prune)' };
  if (operation.operation.dryRun === true) return { status: 'Pruned', message: 'pruned (dry run)' };
  const { uid, deletionTimestamp } = object.metadata;
  context.assertOwner();
  // What is on its way out waits for its finalizers; asked again, it would only be another version of itself at each look.
  if (deletionTimestamp === undefined) await kube.delete(refOf(object), { propagationPolicy: options.prunePropagation, ...(uid === undefined ? {} : { uid }) });
  context.judge.forget(resourceKey(resourceIdOf(object)));
  return { status: 'Pruned', message: 'pruned' };
}

/**
 * What the step waits for before it prunes: somebody has to confirm it (`Prune=confirm` or `Delete=confirm`; argocd-compat
 * B023) by an annotation on the Application that is not older than the operation. Undefined: nothing.
 */
export function awaitedConfirmation(
  objects: readonly KubeObject[],
  context: Pick<StepContext, 'operation' | 'options' | 'deletionApprovedAt'>,
): string | undefined {
  const { operation, options, deletionApprovedAt } = context;
  if (operation.operation.prune !== true || operation.operation.dryRun === true) return undefined;
  if (isApproved(deletionApprovedAt, operation.requestedAt)) return undefined;
  const waiting = objects.filter((object) => isToBeConfirmed(object, options));
  if (waiting.length === 0) return undefined;
  const shown = waiting.slice(0, namesShown).map(nameOf);
  if (waiting.length > namesShown) shown.push(`${waiting.length - namesShown} more`);
  return `waiting for pruning confirmation of ${shown.join(', ')}`;
}

const namesShown = 5;

function isToBeConfirmed(object: KubeObject, options: ApplicationSyncOptions): boolean {
  const own = resourceSyncOptions(object, options);
  return object.metadata.deletionTimestamp === undefined && own.prune !== 'never' && (own.prune === 'when-confirmed' || own.delete === 'when-confirmed');
}

function nameOf(object: KubeObject): string {
  const { group, kind } = groupVersionKind(object);
  const { namespace, name } = object.metadata;
  return [group, kind, isNamespace(object) ? undefined : namespace, name].filter((part) => part !== undefined && part !== '').join('/');
}

/** Annotations have whole seconds. Something that isn't a time approves of nothing. */
export function isApproved(approvedAt: string | undefined, since: string): boolean {
  const at = Date.parse(approvedAt ?? '');
  return at >= Math.floor(Date.parse(since) / 1_000) * 1_000;
}
