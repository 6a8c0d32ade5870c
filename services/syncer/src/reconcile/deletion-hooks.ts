import type { DeletionHookPhase, DeletionHookResult } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { applicationSyncOptions, groupVersionKind, hookDeletePolicies } from '@plumbline/manifests';
import { inBatches } from '../concurrency.ts';
import type { DesiredObject, DesiredState } from '../desired/desired-object.ts';
import type { DeletionRecord } from '../domain/deletion.ts';
import { hookWave } from '../domain/deletion.ts';
import type { Declared } from '../domain/state.ts';
import { limits } from '../limits.ts';
import { ownerOf } from '../sync/apply-step.ts';
import type { HookRun } from '../sync/hooks.ts';
import { hookFailure, hookOutcome, hookSuccess, isOfOperation, isOfThisRun, markedWithRun, prepareHook, releaseHook, removeHook } from '../sync/hooks.ts';
import { withNamedHooks } from '../sync/operation.ts';
import { refusalOf } from '../sync/refusal.ts';
import type { StepContext } from '../sync/step-context.ts';
import { writeObject } from '../sync/write.ts';
import type { ReconcileContext } from './context.ts';
import type { DeletionNews } from './deletion-conditions.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import { watchEverythingOf } from './observe.ts';
import { liveIn, stepContextOf } from './step-context.ts';

interface Phase {
  phase: DeletionHookPhase;
  /** To be taken off the Application by whoever does the work of these hooks by hand. */
  finalizer: string;
}

/**
 * Brings the hooks of one phase forward, wave by wave (argocd-compat B031): undefined once all have succeeded, else what is
 * to be told of them. A wave that the log says is over isn't looked at again; a hook that failed is kept for whoever wants
 * to read its log, until it runs again.
 */
export async function runDeletionHooks(entry: Entry, of: Phase, context: ReconcileContext): Promise<DeletionNews | undefined> {
  const state = declaredState(entry)!;
  const hooks = await hooksOf(entry, state, of, context);
  await watchEverythingOf(entry, hooks, state, context);
  const waves = [...new Set(hooks.objects.map(({ wave }) => wave))].sort((a, b) => a - b);
  for (const wave of waves) {
    const deletion = declaredState(entry)!.deletion!;
    if (deletion.ended.includes(hookWave(of.phase, wave))) continue;
    const { retry } = deletion;
    // Who took the finalizer of one phase off doesn't wait for it in the next.
    if (retry?.phase === of.phase && Date.parse(retry.at) > context.clock()) return { failed: [blocked(retry, of)] };
    const runs = await runWave(entry, { ...hooks, objects: hooks.objects.filter((hook) => hook.wave === wave) }, waveRun(entry, of, deletion, wave), context);
    const results = runs.flatMap(({ hook, outcome, message }) => (outcome === 'running' ? [] : [resultOf(hook, outcome, message)]));
    const isFailed = results.some(({ status }) => status === 'Failed');
    if (!isFailed && results.length < runs.length) return { waitsFor: lateHooks(runs, of, context) };
    await entry.log.execute([{ type: 'EndDeletionHooks', phase: of.phase, wave, hooks: results, now: context.clock() }]);
    if (!isFailed) continue;
    for (const { hook, outcome } of runs) if (outcome === 'failed') await removeFailed(hook, context);
    const after = declaredState(entry)!.deletion!;
    return after.retry === undefined ? {} : { failed: [blocked(after.retry, of)] };
  }
  return undefined;
}

/** What is done with the hooks of a phase that is over: those go whose policy says so, the others are let go (argocd-compat B032). */
export async function cleanUpDeletionHooks(entry: Entry, of: Phase, context: ReconcileContext): Promise<void> {
  const state = declaredState(entry)!;
  await watchEverythingOf(entry, await hooksOf(entry, state, of, context), state, context);
  await letGo(entry, of.phase, context);
}

/** The Application is gone although its hooks were not done: somebody took the finalizers off. Nothing of it may keep a namespace. */
export async function letDeletionHooksGo(entry: Entry, context: ReconcileContext): Promise<void> {
  await letGo(entry, 'PreDelete', context);
  await letGo(entry, 'PostDelete', context);
}

async function letGo(entry: Entry, phase: DeletionHookPhase, { cluster, assertOwner }: ReconcileContext): Promise<void> {
  // A CustomResourceDefinition doesn't say whose it is; the application wants it all the same.
  for (const key of new Set([...cluster.managedBy(entry.instance), ...entry.wanted])) {
    const live = cluster.state.row(key)?.object;
    if (live === undefined || !isOfOperation(live, { operationId: operationIdOf(entry, phase) })) continue;
    const outcome = hookOutcome(live, live);
    const isRemoved = outcome === 'running' || hookDeletePolicies(live).includes(outcome === 'failed' ? 'HookFailed' : 'HookSucceeded');
    assertOwner();
    await (isRemoved ? removeHook(live, cluster.kube) : releaseHook(live, cluster.kube));
  }
}

/** Of the manifests that were compared last: when an Application goes, its repository may have gone before it. */
async function hooksOf(entry: Entry, { comparison }: Declared, { phase, finalizer }: Phase, context: ReconcileContext): Promise<DesiredState> {
  const byHand = `do the work of its ${phase} hooks, then take the finalizer ${finalizer} off the Application`;
  if (comparison === undefined) {
    throw new AppError('failed-precondition', `the deletion waits: the application was never compared, so its ${phase} hooks are not known; ${byHand}`);
  }
  let desired;
  try {
    desired = await context.desired.load(entry.resource, entry.instance, comparison.manifestSet);
  } catch (error) {
    const failure = AppError.from(error);
    throw new AppError(failure.code, `the deletion waits for its ${phase} hooks, whose manifests can't be read: ${failure.message}. Or ${byHand}`, {
      retry: failure.retry,
      cause: error,
    });
  }
  const objects = desired.objects.filter(({ hookPhases }) => hookPhases.includes(phase)).map((hook) => ({ ...hook, hookPhases: [phase] }));
  const run = { revision: comparison.revision, requestedAt: entry.resource.metadata.deletionTimestamp ?? '' };
  return withNamedHooks({ ...desired, objects, byKey: new Map() }, run);
}

/** Hooks of a deletion are of no sync, and of this Application only: one of the same name that is made later is another. */
const operationIdOf = ({ log }: Entry, phase: DeletionHookPhase): string => `${log.id.uid}-${phase}`;

const waveRun = (entry: Entry, { phase }: Phase, { failures }: DeletionRecord, wave: number): HookRun => ({
  operationId: operationIdOf(entry, phase),
  attempt: failures,
  stepsCompleted: wave,
});

interface Run {
  hook: DesiredObject;
  outcome: 'running' | 'succeeded' | 'failed';
  message: string;
}

async function runWave(entry: Entry, hooks: DesiredState, run: HookRun, context: ReconcileContext): Promise<Run[]> {
  const options = applicationSyncOptions(entry.resource.spec.syncPolicy?.syncOptions);
  const operation = { ...run, operation: {}, requestedAt: entry.resource.metadata.deletionTimestamp ?? '' };
  const discovery = await context.cluster.kube.discover();
  const stepContext = stepContextOf(entry, hooks, { operation, options, discovery, assertOwner: context.assertOwner }, context);
  return inBatches(hooks.objects, limits.writesPerApplicationMax, async (hook): Promise<Run> => {
    const forbidden = stepContext.forbidden(hook.object);
    if (forbidden !== undefined) return { hook, outcome: 'failed', message: forbidden };
    try {
      const live = await runningHook(hook, stepContext);
      const outcome = hookOutcome(hook.object, live);
      return { hook, outcome, message: outcome === 'failed' ? hookFailure(live) : hookSuccess(live, 'succeeded') };
    } catch (error) {
      // Another instance owns the cluster now: what became of this hook is no longer ours to say.
      context.assertOwner();
      return { hook, outcome: 'failed', message: refusalOf(AppError.from(error)) };
    }
  });
}

/** The hook of this deletion as it now is; one that was never made, or failed before, is made. */
async function runningHook(hook: DesiredObject, context: StepContext): Promise<KubeObject> {
  const { operation, kube } = context;
  const live = context.live(hook.key);
  if (live !== undefined && (isOfThisRun(live, operation) || (isOfOperation(live, operation) && hookOutcome(hook.object, live) !== 'failed'))) return live;
  const owner = ownerOf(live, context);
  if (owner !== undefined) throw new AppError('owned-by-another', `it belongs to application ${owner}: remove it from one of the two`);
  context.assertOwner();
  if (live !== undefined) await prepareHook(live, kube);
  const { answer } = await writeObject(markedWithRun(hook, context), undefined, { context, isDryRun: false, beside: [] });
  context.observe(answer);
  return answer;
}

async function removeFailed(hook: DesiredObject, context: ReconcileContext): Promise<void> {
  const live = liveIn(context)(hook.key);
  if (live === undefined || !hookDeletePolicies(live).includes('HookFailed')) return;
  context.assertOwner();
  await removeHook(live, context.cluster.kube);
}

function resultOf({ object }: DesiredObject, outcome: 'succeeded' | 'failed', message: string): DeletionHookResult {
  const { namespace = '', name } = object.metadata;
  return { ...groupVersionKind(object), namespace, name, status: outcome === 'succeeded' ? 'Succeeded' : 'Failed', message };
}

const blocked = ({ at, message }: NonNullable<DeletionRecord['retry']>, { finalizer }: Phase): string =>
  `the deletion is blocked: ${message}; tried again at ${at}. To go on without it, take the finalizer ${finalizer} off the Application`;

/** Hooks that have run for a while. */
function lateHooks(runs: readonly Run[], { phase }: Phase, context: ReconcileContext): string[] {
  const late = runs.filter(({ hook, outcome }) => {
    const since = liveIn(context)(hook.key)?.metadata.creationTimestamp;
    return outcome === 'running' && context.clock() - Date.parse(String(since)) >= limits.deletionToldAfterMs;
  });
  if (late.length === 0) return [];
  const named = late.slice(0, limits.warningsShownMax).map(({ hook: { object } }) => `${object.kind} ${object.metadata.name}`);
  return [`the deletion waits for the ${phase} hooks ${named.join(', ')}, which still run`];
}
