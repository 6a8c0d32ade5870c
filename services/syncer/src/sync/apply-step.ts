import type { ResourceResult } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { ApplicationSyncOptions, KubeObject, PlannedObject, Step } from '@plumbline/manifests';
import { groupVersionKind, images, managingInstance, resourceIdOf, resourceKey, resourceSyncOptions } from '@plumbline/manifests';
import type { Judge } from '../compare/judge.ts';
import { inBatches } from '../concurrency.ts';
import type { DesiredObject } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import { fieldManager } from '../field-managers.ts';
import { refOf } from '../live/object-ref.ts';
import { limits } from '../limits.ts';
import { readyToWrite, takenOverFrom } from './hand-over.ts';
import { isOfThisRun, markedWithRun, prepareHook } from './hooks.ts';

export interface StepContext {
  kube: KubeClient;
  judge: Judge;
  operation: OperationRecord;
  instance: string;
  options: ApplicationSyncOptions;
  desired(object: KubeObject): DesiredObject;
  live(key: string): KubeObject | undefined;
  /** Why the project forbids an object, if it does: asked immediately before each write. */
  forbidden(object: KubeObject): string | undefined;
  /** Whether an application of that instance name exists. */
  isApplication(instance: string): boolean;
  /** Throws when this process may not write to the cluster any more. */
  assertOwner(): void;
  observe(object: KubeObject): void;
}

export interface StepOutcome {
  results: ResourceResult[];
  /** Something failed that time may change. */
  canRetry: boolean;
}

/**
 * Does one step: prunes, then applies kind by kind, the objects of one kind together. Every object gets a result; a
 * failure doesn't stop the others of its step. Doing it again is harmless: what is as it should be isn't written.
 */
export async function applyStep(step: Step, context: StepContext): Promise<StepOutcome> {
  const outcome: StepOutcome = { results: [], canRetry: false };
  const collect = (done: { result: ResourceResult; canRetry: boolean }[]): void => {
    for (const { result, canRetry } of done) {
      outcome.results.push(result);
      outcome.canRetry ||= canRetry;
    }
  };
  const attempt = async (
    object: KubeObject,
    work: () => Promise<Partial<ResourceResult> & Pick<ResourceResult, 'status' | 'message'>>,
  ): Promise<{ result: ResourceResult; canRetry: boolean }> => {
    const base = { ...groupVersionKind(object), namespace: object.metadata.namespace ?? '', name: object.metadata.name, syncPhase: step.phase };
    const forbidden = context.forbidden(object);
    if (forbidden !== undefined) return { result: { ...base, status: 'SyncFailed', message: forbidden }, canRetry: false };
    try {
      return { result: { ...base, ...(await work()) }, canRetry: false };
    } catch (error) {
      // Another instance owns the cluster now: what became of this object is no longer ours to say.
      context.assertOwner();
      const failure = AppError.from(error);
      return { result: { ...base, status: 'SyncFailed', message: failure.message }, canRetry: !isFinal(failure) };
    }
  };

  collect(await inBatches(step.prune, limits.writesPerApplicationMax, (object) => attempt(object, () => prune(object, context))));
  for (const group of byKind(step.objects)) {
    context.assertOwner();
    collect(await inBatches(group, limits.writesPerApplicationMax, (planned) => attempt(planned.object, () => apply(planned, step, context))));
  }
  return outcome;
}

/** What only another manifest or another policy can change. */
const isFinal = (error: AppError): boolean => ['immutable-field', 'manifest-invalid', 'owned-by-another', 'too-large'].includes(error.code);

function byKind(objects: readonly PlannedObject[]): PlannedObject[][] {
  const groups: PlannedObject[][] = [];
  for (const planned of objects) {
    const last = groups.at(-1);
    if (last !== undefined && last[0]!.object.kind === planned.object.kind && last[0]!.object.apiVersion === planned.object.apiVersion) last.push(planned);
    else groups.push([planned]);
  }
  return groups;
}

async function prune(object: KubeObject, context: StepContext): Promise<Pick<ResourceResult, 'status' | 'message'>> {
  const { operation, kube, options } = context;
  if (operation.operation.prune !== true) return { status: 'PruneSkipped', message: 'ignored (requires pruning)' };
  const own = resourceSyncOptions(object, options);
  if (own.prune === 'never') return { status: 'PruneSkipped', message: 'ignored (no prune)' };
  if (own.prune === 'when-confirmed') return { status: 'PruneSkipped', message: 'ignored (pruning has to be confirmed)' };
  if (operation.operation.dryRun === true) return { status: 'Pruned', message: 'pruned (dry run)' };
  const uid = object.metadata.uid;
  context.assertOwner();
  await kube.delete(refOf(object), { propagationPolicy: options.prunePropagation, ...(uid === undefined ? {} : { uid }) });
  context.judge.forget(resourceKey(resourceIdOf(object)));
  return { status: 'Pruned', message: 'pruned' };
}

async function apply(
  { object, isHook }: PlannedObject,
  step: Step,
  context: StepContext,
): Promise<Partial<ResourceResult> & Pick<ResourceResult, 'status' | 'message'>> {
  const wanted = context.desired(object);
  const desired = isHook ? markedWithRun(wanted, context.operation) : wanted;
  const live = context.live(desired.key);
  const used = images([object]);
  const extra = { ...(used.length === 0 ? {} : { images: used }), ...(isHook ? { hookType: step.phase, hookPhase: 'Running' as const } : {}) };
  const owner = live === undefined ? undefined : managingInstance(live);
  if (owner !== undefined && owner !== context.instance && context.isApplication(owner)) {
    throw new AppError('owned-by-another', `it belongs to application ${owner}: remove it from one of the two`);
  }
  if (isHook) {
    if (isOfThisRun(live, context.operation)) return { ...extra, status: 'Synced', message: `${described(object)} runs already` };
    context.assertOwner();
    if (context.operation.operation.dryRun !== true) await prepareHook(desired, live, context.kube);
  } else if ((await context.judge.judge(desired, live, true)).status === 'Synced')
    return { ...extra, status: 'Synced', message: `${described(object)} unchanged` };
  const ready = await readyToWrite(desired, live, {
    ...context,
    isDryRun: context.operation.operation.dryRun === true,
    beside: step.objects.map((other) => other.object),
  });
  const answer = await write(ready.desired, live, context);
  if (context.operation.operation.dryRun === true) return { ...extra, status: 'Synced', message: `${described(object)} ${verb(live, answer)} (dry run)` };
  context.observe(answer);
  await context.judge.applied(desired, answer);
  const from = takenOverFrom(live, answer, ready.adoptedFrom);
  const message = `${described(object)} ${verb(live, answer)}`;
  return {
    ...extra,
    status: 'Synced',
    ...(from.length === 0 ? { message } : { message: `${message}, taken over from ${from.join(', ')}`, takenOverFrom: from }),
  };
}

function verb(live: KubeObject | undefined, answer: KubeObject): string {
  if (live === undefined) return 'created';
  return live.metadata.resourceVersion === answer.metadata.resourceVersion ? 'unchanged' : 'configured';
}

async function write(desired: DesiredObject, live: KubeObject | undefined, context: StepContext): Promise<KubeObject> {
  const { kube, operation } = context;
  // Before each write, not only before the many of one kind: this process may have stood still since the last one.
  context.assertOwner();
  const isDryRun = operation.operation.dryRun === true;
  const isForced = desired.options.force || operation.operation.syncStrategy?.hook?.force === true || operation.operation.syncStrategy?.apply?.force === true;
  if (desired.options.replace && live !== undefined && !isDryRun) {
    const resourceVersion = live.metadata.resourceVersion;
    return kube.replace(
      { ...desired.object, metadata: { ...desired.object.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) } },
      { fieldManager: fieldManager.objects },
    );
  }
  const options = {
    fieldManager: fieldManager.objects,
    dryRun: isDryRun,
    fieldValidation: desired.options.validate ? ('Strict' as const) : ('Ignore' as const),
  };
  try {
    return await kube.apply(desired.object, options);
  } catch (error) {
    const failure = AppError.from(error);
    if (failure.code !== 'immutable-field' || !isForced || isDryRun) throw failure;
    const uid = live?.metadata.uid;
    context.assertOwner();
    await kube.delete(refOf(desired.object), { propagationPolicy: 'Background', ...(uid === undefined ? {} : { uid }) });
    return kube.apply(desired.object, options);
  }
}

/** `deployment.apps/web`, as kubectl writes it. */
function described(object: KubeObject): string {
  const { group, kind } = groupVersionKind(object);
  return `${kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${object.metadata.name}`;
}
