import type { RecordedEvent, ResourceResult } from '@plumbline/contracts';
import type { Step } from '@plumbline/manifests';
import { applicationSyncOptions } from '@plumbline/manifests';
import type { ApplicationCommand, AwaitedHealth } from '../domain/commands.ts';
import type { OperationRecord } from '../domain/state.ts';
import { isSyncing } from '../domain/state.ts';
import type { DesiredState } from '../desired/desired-object.ts';
import { healthTimeoutMs, syncSettings } from '../settings/sync-settings.ts';
import { createdNamespace } from '../sync/created-namespace.ts';
import { doStep } from '../sync/do-step.ts';
import { endedHooks, heldHooks, releaseHook, removeHook, runOf } from '../sync/hooks.ts';
import type { Plan } from '../sync/operation.ts';
import { appliedHealth, followPlan, planOf, progressOf, stepHeads, withNamedHooks } from '../sync/operation.ts';
import { compareNow, comparisonCommands } from './compare-now.ts';
import type { ReconcileContext, Why } from './context.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import { prunable, watchEverythingOf } from './observe.ts';
import { liveIn, stepContextOf } from './step-context.ts';
import { removeLeftHooks, untilTerminated } from './terminate.ts';

/**
 * Executes the commands and then moves the running operation, if there is one, as far as it goes without waiting: each
 * step's intent is in the log before the first write, each outcome right after. Killed anywhere, the next call resumes
 * at the step that has no outcome yet.
 */
export async function advanceOperation(
  entry: Entry,
  desired: DesiredState,
  commands: readonly ApplicationCommand[],
  context: ReconcileContext,
  why: Why,
): Promise<void> {
  const operation = runningAfter(entry, commands);
  if (operation === undefined) {
    await entry.log.execute(commands, why);
    await endHooks(entry, context);
    context.wakeups.arrange(entry.key, entry.log.state);
    return;
  }
  const loaded = operation.manifestSet === desired.manifestSet ? desired : await context.desired.load(entry.resource, entry.instance, operation.manifestSet);
  const target = withNamedHooks(loaded, operation);
  if (target !== loaded && declaredState(entry)?.operation?.operationId !== operation.operationId) {
    // The names of its hooks derive from the time at which the operation is recorded.
    await entry.log.execute(commands, why);
    return advanceOperation(entry, desired, [], context, why);
  }
  const retryAtMs = operation.retryAt === undefined ? undefined : Date.parse(operation.retryAt);
  if (retryAtMs !== undefined && retryAtMs > context.clock()) {
    await entry.log.execute(commands, why);
    context.wakeups.arrange(entry.key, entry.log.state);
    return;
  }
  const state = declaredState(entry);
  if (target !== desired && state !== undefined) {
    // Another revision than the newest has kinds and hooks of its own to listen to.
    await watchEverythingOf(entry, { ...target, objects: [...desired.objects, ...target.objects] }, state, context);
  }
  if (operation.healthUntil !== undefined) return awaitHealth(entry, { desired: target, operation, commands }, context, why);
  const plan = planOf(operation, target, prunable(entry, target, operation.requestedAt, context.cluster));
  const isStarted = operation.steps.length > 0 && retryAtMs === undefined && followPlan(operation, plan) !== undefined;
  const attempt = retryAtMs === undefined ? operation.attempt : operation.attempt + 1;
  const { operationId } = operation;
  const start: ApplicationCommand = { type: 'StartSync', operationId, attempt, steps: stepHeads(plan.steps), onFailure: stepHeads(plan.onFailure) };
  // Nothing is written before a step that was applied is over: what was seen can be recorded with its outcome.
  const isApplied = isStarted && entry.applied?.step === runOf(operation);
  if (!isApplied) await entry.log.execute(isStarted ? commands : [...commands, start], why);
  if (!isStarted) delete entry.applied;
  context.statusChanged(entry);
  await runSteps(entry, { desired: target, plan, unrecorded: isApplied ? commands : [] }, context, why);
}

/** Everything is applied: whether what it waits for has come, or won't. */
async function awaitHealth(
  entry: Entry,
  { desired, operation, commands }: { desired: DesiredState; operation: OperationRecord; commands: readonly ApplicationCommand[] },
  context: ReconcileContext,
  why: Why,
): Promise<void> {
  const { operationId } = operation;
  const health = awaited(entry, desired, operation, context) ?? { status: 'Healthy' as const, timeoutMs: 0 };
  await entry.log.execute([...commands, { type: 'JudgeHealth', operationId, health, now: context.clock() }], why);
  await settle(entry, context);
}

/** Health that the operation ends with; undefined when it doesn't wait for any: dry runs, and heals of a part. */
function awaited(entry: Entry, desired: DesiredState, operation: OperationRecord, context: ReconcileContext): AwaitedHealth | undefined {
  const settings = syncSettings(context.settings());
  const timeoutMs = healthTimeoutMs(settings, operation.operation.syncOptions ?? entry.resource.spec.syncPolicy?.syncOptions);
  if (operation.operation.dryRun === true || operation.trigger === 'self-heal' || timeoutMs === 0) return undefined;
  return { ...appliedHealth(operation, desired, { live: liveIn(context), settings }), timeoutMs };
}

/** The operation that would run once these commands are executed. */
function runningAfter(entry: Entry, commands: readonly ApplicationCommand[]): OperationRecord | undefined {
  const { state } = entry.log.preview(commands);
  const operation = state.status === 'declared' ? state.operation : undefined;
  return operation?.phase === 'Running' ? operation : undefined;
}

async function runSteps(
  entry: Entry,
  { desired, plan, unrecorded }: { desired: DesiredState; plan: Plan; unrecorded: readonly ApplicationCommand[] },
  context: ReconcileContext,
  why: Why,
): Promise<void> {
  const observed = { live: liveIn(context), settings: syncSettings(context.settings()) };
  let before = unrecorded;
  const record = (commands: readonly ApplicationCommand[]): Promise<RecordedEvent[]> => {
    const all = [...before, ...commands];
    before = [];
    return entry.log.execute(all, why);
  };
  for (;;) {
    const operation = declaredState(entry)?.operation;
    if (operation === undefined || !isSyncing(operation) || operation.retryAt !== undefined) break;
    const steps = followPlan(operation, plan) ?? [];
    const index = operation.stepsCompleted;
    const isLast = index + 1 >= steps.length;
    const step = steps[index] ?? { phase: 'Sync' as const, wave: 0, objects: [], prune: [] };
    const outcome = await applyOnce(entry, desired, { step, steps }, operation, context);
    if (outcome.waiting !== undefined) {
      await record([{ type: 'RequestConfirmation', operationId: operation.operationId, message: outcome.waiting }]);
      return;
    }
    if (operation.awaitsConfirmation === true) await record([{ type: 'ResumeSync', operationId: operation.operationId }]);
    const isFailed = outcome.results.some((result) => result.status === 'SyncFailed');
    let results: readonly ResourceResult[] = outcome.results;
    if (!isFailed && operation.operation.dryRun !== true) {
      const progress = progressOf(step, outcome.results, isLast, observed);
      if (progress.state === 'waiting') return void (await record([]));
      ({ results } = progress);
    }
    const { operationId, attempt } = operation;
    const health = isLast && !isFailed ? awaited(entry, desired, operation, context) : undefined;
    const done: ApplicationCommand = {
      type: 'CompleteStep',
      operationId,
      attempt,
      step: index,
      results,
      now: context.clock(),
      canRetry: outcome.canRetry,
      ...(outcome.refusal === undefined ? {} : { refusal: outcome.refusal }),
      ...(health === undefined ? {} : { health }),
    };
    // Which revision is compared says the log.
    if (isLast || isFailed) await record([]);
    const seen = isLast || isFailed ? await comparedAfter(entry, desired, operation, context) : [];
    const recorded = await record([done, ...seen]);
    delete entry.applied;
    // The stream has moved on under us: what is right now is decided anew.
    if (recorded.length === 0) return;
  }
  await record([]);
  await settle(entry, context);
}

/** What follows the end of an operation; what waits orders its timer. */
async function settle(entry: Entry, context: ReconcileContext): Promise<void> {
  const operation = declaredState(entry)?.operation;
  if (operation?.phase !== 'Running') context.wake(entry);
  await endHooks(entry, context);
  context.wakeups.arrange(entry.key, entry.log.state);
}

/** What the sync made of things, in the same append as its end; not while the newest revision can't be compared. */
async function comparedAfter(entry: Entry, desired: DesiredState, operation: OperationRecord, context: ReconcileContext): Promise<ApplicationCommand[]> {
  const state = declaredState(entry);
  if (state?.failure !== undefined || state?.comparison?.manifestSet !== desired.manifestSet || operation.operation.dryRun === true) return [];
  return comparisonCommands(await compareNow(entry, desired, state.comparison.revision, context, false));
}

async function applyOnce(
  entry: Entry,
  desired: DesiredState,
  { step, steps }: { step: Step; steps: readonly Step[] },
  operation: OperationRecord,
  context: ReconcileContext,
): Promise<NonNullable<Entry['applied']>['outcome']> {
  const name = runOf(operation);
  if (entry.applied?.step === name) return entry.applied.outcome;
  context.assertOwner();
  const options = applicationSyncOptions(operation.operation.syncOptions ?? entry.resource.spec.syncPolicy?.syncOptions);
  const exists = (key: string): boolean => context.cluster.state.row(key) !== undefined;
  const namespace = options.createNamespace ? createdNamespace(entry.resource, { manifest: (key) => desired.byKey.has(key), live: exists }) : undefined;
  const discovery = await context.cluster.kube.discover();
  const rehearsed = `${operation.operationId} ${operation.attempt}`;
  const outcome = await untilTerminated(entry, (assertNotTerminated) => {
    const assertOwner = (): void => {
      context.assertOwner();
      assertNotTerminated();
    };
    const stepContext = stepContextOf(entry, desired, { operation, options, discovery, assertOwner }, context);
    return doStep(step, { steps, namespace, isRehearsed: entry.rehearsed === rehearsed, rehearsed: () => (entry.rehearsed = rehearsed) }, stepContext);
  });
  if (outcome.waiting === undefined) entry.applied = { step: name, outcome };
  return outcome;
}

/** Hooks whose operation has ended go, as their delete policies say; the finalizer of the others goes when their end is recorded. */
async function endHooks(entry: Entry, context: ReconcileContext): Promise<void> {
  const operation = declaredState(entry)?.operation;
  if (operation === undefined) return;
  await removeLeftHooks(entry, context);
  const ended = endedHooks(operation, liveIn(context));
  for (const hook of ended) {
    context.assertOwner();
    await removeHook(hook, context.cluster.kube);
  }
  for (const hook of heldHooks(operation, liveIn(context))) {
    if (ended.includes(hook)) continue;
    context.assertOwner();
    await releaseHook(hook, context.cluster.kube);
  }
}
