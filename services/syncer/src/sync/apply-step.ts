import type { ResourceResult } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { KubeObject, PlannedObject, Step } from '@plumbline/manifests';
import { groupVersionKind, images, isCustomResourceDefinition, managingInstance } from '@plumbline/manifests';
import { inBatches } from '../concurrency.ts';
import type { DesiredObject } from '../desired/desired-object.ts';
import { limits } from '../limits.ts';
import { definitionsReady } from './definition-ready.ts';
import { isOfThisRun, isReplaced, markedWithRun, prepareHook } from './hooks.ts';
import { prune } from './prune.ts';
import { isFinal, refusalOf } from './refusal.ts';
import type { StepContext } from './step-context.ts';
import { writeObject } from './write.ts';

export interface StepOutcome {
  results: ResourceResult[];
  /** Something failed that time may change. */
  canRetry: boolean;
  /** Nothing was begun: why the operation as a whole is refused. The results say which objects are at fault. */
  refusal?: string;
  /** Nothing was begun: what it waits for. */
  waiting?: string;
}

type Outcome = Partial<ResourceResult> & Pick<ResourceResult, 'status' | 'message'>;
interface Done {
  result: ResourceResult;
  canRetry: boolean;
}

/**
 * Does one step: prunes, then applies kind by kind, the objects of one kind together (argocd-compat B019). Every object
 * gets a result; a failure doesn't stop the others of its step. Doing it again is harmless: what is as it should be isn't
 * written.
 */
export async function applyStep(step: Step, context: StepContext): Promise<StepOutcome> {
  const outcome: StepOutcome = { results: [], canRetry: false };
  const collect = (done: readonly (Done | undefined)[]): void => {
    for (const one of done) {
      if (one === undefined) continue;
      outcome.results.push(one.result);
      outcome.canRetry ||= one.canRetry;
    }
  };

  collect(await inBatches(step.prune, limits.writesPerApplicationMax, (object) => attempt(object, step, context, () => prune(object, context))));
  for (const group of byKind(step.objects)) {
    context.assertOwner();
    const done = await inBatches(group, limits.writesPerApplicationMax, (planned) =>
      attempt(planned.object, step, context, () => apply(planned, step, context)),
    );
    collect(done);
    const definitions = group.filter(({ object }, index) => isCustomResourceDefinition(object) && isWritten(done[index]));
    await definitionsReady(
      definitions.map(({ object }) => object),
      context.kube,
    );
  }
  return outcome;
}

const isWritten = (done: Done | undefined): boolean => done?.result.status === 'Synced' && / (created|configured)(,|$)/.test(done.result.message);

/** Undefined: there is nothing to say about the object. */
export async function attempt(
  object: KubeObject,
  step: Pick<Step, 'phase'>,
  context: StepContext,
  work: () => Promise<Outcome | undefined>,
): Promise<Done | undefined> {
  const base = { ...groupVersionKind(object), namespace: object.metadata.namespace ?? '', name: object.metadata.name, syncPhase: step.phase };
  const forbidden = context.forbidden(object);
  if (forbidden !== undefined) return { result: { ...base, status: 'SyncFailed', message: forbidden }, canRetry: false };
  try {
    const done = await work();
    return done === undefined ? undefined : { result: { ...base, ...done }, canRetry: false };
  } catch (error) {
    // Another instance owns the cluster now: what became of this object is no longer ours to say.
    context.assertOwner();
    const failure = AppError.from(error);
    return { result: { ...base, status: 'SyncFailed', message: refusalOf(failure) }, canRetry: !isFinal(failure) };
  }
}

function byKind(objects: readonly PlannedObject[]): PlannedObject[][] {
  const groups: PlannedObject[][] = [];
  for (const planned of objects) {
    const last = groups.at(-1);
    if (last !== undefined && last[0]!.object.kind === planned.object.kind && last[0]!.object.apiVersion === planned.object.apiVersion) last.push(planned);
    else groups.push([planned]);
  }
  return groups;
}

async function apply({ object, isHook }: PlannedObject, step: Step, context: StepContext): Promise<Outcome | undefined> {
  const { operation, judge, kube } = context;
  const wanted = context.desired(object);
  const desired = isHook ? markedWithRun(wanted, context) : wanted;
  const live = context.live(desired.key);
  const isDryRun = operation.operation.dryRun === true;
  const used = images([object]);
  const extra = { ...(used.length === 0 ? {} : { images: used }), ...(isHook ? { hookType: step.phase, hookPhase: 'Running' as const } : {}) };
  const owner = ownerOf(live, context);
  if (owner !== undefined) throw new AppError('owned-by-another', `it belongs to application ${owner}: remove it from one of the two`);
  if (isHook) {
    if (isOfThisRun(live, operation)) return { ...extra, status: 'Synced', message: `${described(object)} runs already` };
    context.assertOwner();
    if (!isDryRun && isReplaced(desired, live)) {
      await prepareHook(live, kube);
      return { ...extra, ...(await written(desired, undefined, step, context)) };
    }
  } else if (context.isDoneAndGone(desired)) {
    return context.options.applyOutOfSyncOnly ? undefined : { ...extra, status: 'Synced', message: `${described(object)} has run and is gone` };
  } else if ((await judge.judge(desired, live, true)).status === 'Synced') {
    // Who asks for `ApplyOutOfSyncOnly` wants to read of what was out of sync only (argocd-compat B042).
    return context.options.applyOutOfSyncOnly ? undefined : { ...extra, status: 'Synced', message: `${described(object)} unchanged` };
  }
  const outcome = isDryRun ? await tried({ object, isHook }, live, step, context) : await written(desired, live, step, context);
  return { ...extra, ...outcome };
}

async function written(desired: DesiredObject, live: KubeObject | undefined, step: Step, context: StepContext): Promise<Outcome> {
  const { answer, takenOverFrom } = await writeObject(desired, live, { context, isDryRun: false, beside: objectsOf(step) });
  context.observe(answer);
  await context.judge.applied(desired, answer);
  const message = `${described(desired.object)} ${verb(live, answer)}`;
  if (takenOverFrom.length === 0) return { status: 'Synced', message };
  return { status: 'Synced', message: `${message}, taken over from ${takenOverFrom.join(', ')}`, takenOverFrom };
}

const objectsOf = (step: Step): KubeObject[] => step.objects.map(({ object }) => object);

async function tried({ object, isHook }: PlannedObject, live: KubeObject | undefined, step: Step, context: StepContext): Promise<Outcome> {
  const wanted = context.desired(object);
  const desired = isHook ? markedWithRun(wanted, context) : wanted;
  const name = described(object);
  // It would be deleted first, and the rehearsal has tried how it is made.
  if (isHook && isReplaced(desired, live)) return { status: 'Synced', message: `${name} created (dry run)` };
  try {
    const { answer, isMadeAnew = false } = await writeObject(desired, live, { context, isDryRun: true, beside: objectsOf(step) });
    return { status: 'Synced', message: `${name} ${isMadeAnew ? 'configured' : verb(live, answer)} (dry run)` };
  } catch (error) {
    // The rehearsal found nothing wrong with it: what is missing comes with an earlier step of this very sync.
    if (live !== undefined || !['unknown-kind', 'not-found'].includes(AppError.from(error).code)) throw error;
    return { status: 'Synced', message: `${name} created (dry run; it can't be tried before its namespace or kind is there)` };
  }
}

/** Another application that the live object belongs to. */
export function ownerOf(live: KubeObject | undefined, { instance, isApplication }: Pick<StepContext, 'instance' | 'isApplication'>): string | undefined {
  const owner = live === undefined ? undefined : managingInstance(live);
  return owner !== undefined && owner !== instance && isApplication(owner) ? owner : undefined;
}

function verb(live: KubeObject | undefined, answer: KubeObject): string {
  if (live === undefined) return 'created';
  return live.metadata.resourceVersion === answer.metadata.resourceVersion ? 'unchanged' : 'configured';
}

/** `deployment.apps/web`, as kubectl writes it. */
function described(object: KubeObject): string {
  const { group, kind } = groupVersionKind(object);
  return `${kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${object.metadata.name}`;
}
