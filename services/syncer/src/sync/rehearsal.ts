import type { ResourceResult } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { KubeObject, PlannedObject, Step } from '@plumbline/manifests';
import { groupVersionKind, isCustomResourceDefinition, isNamespace, resourceKey, servedByDefinition } from '@plumbline/manifests';
import { inBatches } from '../concurrency.ts';
import type { DesiredObject } from '../desired/desired-object.ts';
import { limits } from '../limits.ts';
import type { StepOutcome } from './apply-step.ts';
import { attempt, ownerOf } from './apply-step.ts';
import { isOfThisRun, isReplaced, markedWithRun } from './hooks.ts';
import type { StepContext } from './step-context.ts';
import { writeObject } from './write.ts';

/** The namespace that `CreateNamespace=true` brings, if there is one to bring. */
export type PlannedNamespace = KubeObject | undefined;

/**
 * Looks at the whole plan before anything of it is done: may the project have all of it (argocd-compat B018; threat T9),
 * has the cluster all of its kinds (B017),
 * is all of it this application's (`FailOnSharedResource`), would the API server take it (a dry run of every object).
 * Undefined: nothing speaks against it. What would fail is told object by object, and nothing has been written.
 */
export async function rehearse(steps: readonly Step[], namespace: PlannedNamespace, context: StepContext): Promise<StepOutcome | undefined> {
  const checks: { refusal: string; check(): Promise<StepOutcome> }[] = [
    { refusal: 'one or more synchronization tasks are not valid', check: () => validTasks(steps, namespace, context) },
    ...(context.options.failOnSharedResource ? [{ refusal: 'Shared resource found', check: () => sharedOnes(steps, context) }] : []),
    ...(isDryRunDue(steps, context) ? [{ refusal: 'one or more objects failed to apply (dry run)', check: () => dryRun(steps, namespace, context) }] : []),
  ];
  for (const { refusal, check } of checks) {
    context.assertOwner();
    const outcome = await check();
    if (outcome.results.length > 0) return { ...outcome, refusal };
  }
  return undefined;
}

/** A single wave is applied directly: the API server says the same about it then, with one request less per object. */
function isDryRunDue(steps: readonly Step[], { options, operation }: StepContext): boolean {
  const { dryRunFirst } = options;
  const isMultiStep = steps.length > 1 || steps.some(({ objects }) => objects.some(({ isHook }) => isHook));
  // All that is wrong is told, not only what is wrong in the first wave.
  if (operation.operation.dryRun === true) return true;
  return dryRunFirst === 'always' || (dryRunFirst === 'multi-step' && isMultiStep);
}

type Check = (planned: PlannedObject, step: Step) => Promise<Pick<ResourceResult, 'status' | 'message'> | undefined>;

/** What fails of the plan's objects, prunes included. */
async function eachObject(steps: readonly Step[], namespace: PlannedNamespace, context: StepContext, check: Check): Promise<StepOutcome> {
  const created = namespace === undefined ? [] : [{ object: namespace, isHook: false }];
  const pruned = context.operation.operation.prune === true ? steps.flatMap((step) => step.prune.map((object) => ({ object, step }))) : [];
  const first: Step = { phase: 'PreSync', wave: 0, objects: [], prune: [] };
  const all = [
    ...created.map((planned) => ({ planned, step: first })),
    ...steps.flatMap((step) => step.objects.map((planned) => ({ planned, step }))),
    ...pruned.map(({ object, step }) => ({ planned: { object, isHook: false }, step })),
  ];
  const done = await inBatches(all, limits.dryRunsPerApplicationMax, ({ planned, step }) => attempt(planned.object, step, context, () => check(planned, step)));
  const failed = done.filter((one) => one?.result.status === 'SyncFailed').map((one) => one!);
  return { results: failed.map(({ result }) => result), canRetry: failed.some(({ canRetry }) => canRetry) };
}

/** Project and kind of every object. */
const validTasks = (steps: readonly Step[], namespace: PlannedNamespace, context: StepContext): Promise<StepOutcome> =>
  eachObject(steps, namespace, context, async ({ object }) => {
    const unknown = context.unknownKind(object);
    if (unknown !== undefined) throw unknown;
    return undefined;
  });

const sharedOnes = (steps: readonly Step[], context: StepContext): Promise<StepOutcome> =>
  eachObject(withoutPrunes(steps), undefined, context, async ({ object }) => {
    const owner = ownerOf(context.live(context.desired(object).key), context);
    if (owner === undefined) return undefined;
    const message = `${object.kind}/${object.metadata.name} is part of applications ${context.instance} and ${owner}`;
    throw new AppError('owned-by-another', message);
  });

const withoutPrunes = (steps: readonly Step[]): Step[] => steps.map((step) => ({ ...step, prune: [] }));

/**
 * Asks the API server about every object that a step would write. What lives in a namespace, or is of a kind, that the
 * plan itself brings can't be asked about yet: its wave does it.
 */
async function dryRun(steps: readonly Step[], namespace: PlannedNamespace, context: StepContext): Promise<StepOutcome> {
  const brought = new Set(
    [...(namespace === undefined ? [] : [namespace]), ...steps.flatMap((step) => step.objects.map(({ object }) => object))].flatMap(provided),
  );
  const discovery = await context.kube.discover();
  const isServed = (object: KubeObject): boolean => {
    const { group, version, kind } = groupVersionKind(object);
    return discovery.find(group, version, kind) !== undefined;
  };
  return eachObject(withoutPrunes(steps), undefined, context, async ({ object, isHook }, step) => {
    const desired = context.desired(object);
    const { group, kind } = groupVersionKind(object);
    const { namespace: home } = object.metadata;
    if (!isServed(object) && (brought.has(`kind ${group}/${kind}`) || desired.options.skipDryRunOnMissingResource)) return undefined;
    if (home !== undefined && brought.has(`namespace ${home}`) && !context.exists(namespaceKey(home))) return undefined;
    await tryObject(isHook ? markedWithRun(desired, context) : desired, isHook, step, context);
    return undefined;
  });
}

async function tryObject(desired: DesiredObject, isHook: boolean, step: Step, context: StepContext): Promise<void> {
  const live = context.live(desired.key);
  const owner = ownerOf(live, context);
  if (owner !== undefined) throw new AppError('owned-by-another', `it belongs to application ${owner}: remove it from one of the two`);
  if (isHook && isOfThisRun(live, context.operation)) return;
  if (isHook && isReplaced(desired, live)) {
    // It will be made anew: what is there says nothing about it, and has its name.
    await context.kube.create(namelessCopy(desired.object), { dryRun: true, fieldValidation: desired.options.validate ? 'Strict' : 'Ignore' });
    return;
  }
  if (!isHook && context.isDoneAndGone(desired)) return;
  if (!isHook && (await context.judge.judge(desired, live, true)).status === 'Synced') return;
  await writeObject(desired, live, { context, isDryRun: true, beside: step.objects.map(({ object }) => object) });
}

function namelessCopy(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, name: '', generateName: `${object.metadata.name.slice(0, 50)}-` } };
}

function provided(object: KubeObject): string[] {
  if (isNamespace(object)) return [`namespace ${object.metadata.name}`];
  const served = isCustomResourceDefinition(object) ? servedByDefinition(object) : undefined;
  return served === undefined ? [] : [`kind ${served.group}/${served.kind}`];
}

const namespaceKey = (name: string): string => resourceKey({ group: '', kind: 'Namespace', namespace: '', name });
