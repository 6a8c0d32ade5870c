import type { Discovery } from '@plumbline/kube';
import type { ApplicationSyncOptions, KubeObject } from '@plumbline/manifests';
import { annotation, resourceIdOf, resourceKey } from '@plumbline/manifests';
import { finishedJobs, isDoneAndGone } from '../compare/finished-jobs.ts';
import type { DesiredState } from '../desired/desired-object.ts';
import { unknownKind } from '../desired/unknown-kinds.ts';
import { syncSettings } from '../settings/sync-settings.ts';
import { desiredIndex } from '../sync/operation.ts';
import type { StepContext } from '../sync/step-context.ts';
import type { ReconcileContext } from './context.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import { namespacedBy, projectVerdict } from './observe.ts';

/** What steps over these objects are done with; `assertOwner` also says no when whoever works on it has to leave it. */
export function stepContextOf(
  entry: Entry,
  desired: DesiredState,
  given: { operation: StepContext['operation']; options: ApplicationSyncOptions; discovery: Discovery; assertOwner(): void },
  context: ReconcileContext,
): StepContext {
  const { cluster, judge, world } = context;
  const { remembersFinishedJobs } = syncSettings(context.settings());
  const finished = finishedJobs(remembersFinishedJobs ? declaredState(entry)?.comparison : undefined);
  // Who names a Job wants it to run.
  const isWhole = given.operation.operation.resources === undefined;
  const approvedAt = entry.resource.metadata.annotations?.[annotation.deletionApproved];
  return {
    kube: cluster.kube,
    judge,
    operation: given.operation,
    instance: entry.instance,
    options: given.options,
    ...(approvedAt === undefined ? {} : { deletionApprovedAt: approvedAt }),
    desired: desiredIndex(desired, given.options),
    live: liveIn(context),
    exists: (key) => cluster.state.row(key) !== undefined,
    forbidden: projectVerdict(entry.resource, world, namespacedBy(given.discovery)),
    unknownKind: (object) => unknownKind(desired.byKey.get(resourceKey(resourceIdOf(object))) ?? { object }, entry.unknownKinds ?? new Set()),
    isApplication: context.isApplication,
    isDoneAndGone: (object) => isWhole && isDoneAndGone(object, liveIn(context)(object.key), finished),
    assertOwner: given.assertOwner,
    observe: (object) => cluster.state.observe(object),
  };
}

/** Live objects that are known whole, by key. */
export const liveIn =
  ({ cluster }: Pick<ReconcileContext, 'cluster'>) =>
  (key: string): KubeObject | undefined =>
    cluster.state.row(key)?.object;
