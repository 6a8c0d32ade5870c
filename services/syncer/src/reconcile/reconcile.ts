import { AppError, blobScope, canonicalJson, projectOf, refreshRepository } from '@plumbline/contracts';
import { repositoryId } from '@plumbline/git';
import type { Compared } from '../compare/compare.ts';
import type { DesiredState } from '../desired/desired-object.ts';
import type { Target } from '../desired/desired-state.ts';
import { renderQuestion } from '../desired/desired-state.ts';
import type { ApplicationCommand } from '../domain/commands.ts';
import { withHookFinalizers } from '../domain/deletion.ts';
import { redactSpec } from '../domain/redact.ts';
import { limits } from '../limits.ts';
import type { Declared } from '../domain/state.ts';
import { isSyncing } from '../domain/state.ts';
import { syncSettings } from '../settings/sync-settings.ts';
import { adoptOperation, refuseOperation } from './adopt-operation.ts';
import { compareNow, comparisonCommands } from './compare-now.ts';
import type { ReconcileContext, Why } from './context.ts';
import { tell } from './deletion-conditions.ts';
import { reconcileDeletion } from './deletion.ts';
import type { Entry } from './entry.ts';
import { declaredState, isLeftAlone, refreshAnnotation } from './entry.ts';
import { changeFinalizers } from './finalizers.ts';
import { watchEverythingOf } from './observe.ts';
import { advanceOperation } from './run-operation.ts';
import { endRunning, endTerminated, overdueOf, terminationOf } from './terminate.ts';
import { assertDestination, assertProject, resolveTarget, sourceOf } from './target.ts';

/**
 * Brings one application forward: what is wanted (spec, commit, manifests) against what is there, and whatever follows
 * from the difference. Level-triggered: it is right to call it at any time, and twice.
 */
export async function reconcile(entry: Entry, context: ReconcileContext): Promise<void> {
  if (isLeftAlone(entry)) return;
  const why = entry.correlation === undefined ? {} : { correlation: entry.correlation };
  delete entry.correlation;
  try {
    await reconcileOnce(entry, context, why);
  } catch (error) {
    const failure = AppError.from(error);
    if (failure.retry === 'later' || failure.code === 'conflict') throw failure;
    // A former owner has nothing to say about the application, least of all that it failed.
    context.assertOwner();
    // Nobody would see it in a log: the application says it, and what runs ends with it.
    await recordFailure(entry, { error: failure, condition: 'ComparisonError' }, why);
    await endRunning(entry, failure.message, context);
  } finally {
    // Also the first time: whoever ran before may have died between the log and the status.
    const { version } = entry.log.folded;
    if (version !== entry.statusVersion || entry.adoptedOperation !== undefined || entry.refresh !== undefined) context.statusChanged(entry);
    entry.statusVersion = version;
  }
}

async function reconcileOnce(entry: Entry, context: ReconcileContext, why: Why): Promise<void> {
  const application = entry.resource;
  const declare = await declareCommand(entry, context);
  await entry.log.execute(
    [declare, ...(entry.lateWrites ?? []), ...terminationOf(entry), ...overdueOf(entry, syncSettings(context.settings()), context.clock())],
    why,
  );
  delete entry.lateWrites;
  await endTerminated(entry, context);
  const state = declaredState(entry);
  if (state === undefined) return;
  if (application.metadata.deletionTimestamp !== undefined || !entry.isPresent) {
    const tellWaiting = (problem: string): Promise<void> => tell(entry, declaredState(entry) ?? state, { waitsFor: [`the deletion waits: ${problem}`] });
    await endRunning(entry, 'the application is being deleted', context, tellWaiting);
    return reconcileDeletion(entry, declaredState(entry) ?? state, context);
  }

  const wanted = await wantedState(entry, state, context);
  if (wanted.kind === 'waiting') return;
  if (wanted.kind === 'failed') return failComparison(entry, context, wanted, why);
  const { desired, target } = wanted;
  try {
    await watchEverythingOf(entry, desired, state, context);
  } catch (error) {
    const failure = AppError.from(error);
    if (failure.retry === 'later') throw failure;
    return failComparison(entry, context, { error: failure, condition: 'ComparisonError', revision: target.commit }, why);
  }
  await keepHookFinalizers(entry, desired, context);
  await adoptOperation(entry, desired, target, context);
  const compared = await compareNow(entry, desired, target.commit, context, isHasty(entry, desired));
  await decideAndSync(entry, { desired, compared, target }, context, why);
}

/** An Application whose manifests have hooks of its deletion waits for them: its finalizers say so (argocd-compat B031). */
function keepHookFinalizers(entry: Entry, { objects }: DesiredState, context: ReconcileContext): Promise<void> {
  const phases = new Set(objects.flatMap(({ hookPhases }) => hookPhases));
  return changeFinalizers(entry, (finalizers) => withHookFinalizers(finalizers, phases), context.cluster.kube);
}

/**
 * Manifests that were just pushed are about to be applied anyway: what changed in them counts as out of sync without
 * asking. For a set that was compared before, only the API server's word counts: memos may be older than a crash.
 */
function isHasty(entry: Entry, desired: DesiredState): boolean {
  const automated = entry.resource.spec.syncPolicy?.automated;
  const state = declaredState(entry);
  return automated !== undefined && automated.enabled !== false && !isSyncing(state?.operation) && state?.comparison?.manifestSet !== desired.manifestSet;
}

/** The application's declaration; its full spec is sealed in the blob store first, so that the event's reference holds. */
async function declareCommand(entry: Entry, context: ReconcileContext): Promise<ApplicationCommand> {
  const { sealer, blobs } = context;
  const { spec } = entry.resource;
  const specHash = sealer.keyedHash(canonicalJson(spec));
  if (entry.sealed?.specHash !== specHash) {
    const { namespace, name } = entry.log.id;
    const sealedSpec = sealer.keyedHash(canonicalJson([namespace, name, spec]));
    const text = sealer.seal('application-spec', JSON.stringify({ namespace, name, spec }));
    await blobs.put(blobScope.sealedSpecs, [{ id: sealedSpec, bytes: Buffer.from(text) }]);
    entry.sealed = { specHash, sealedSpec };
  }
  const project = projectOf(entry.resource);
  return { type: 'DeclareApplication', id: entry.log.id, project, spec: redactSpec(spec, (value) => sealer.keyedHash(value)), ...entry.sealed };
}

type Failure = { error: AppError; condition: 'ComparisonError' | 'InvalidSpecError'; revision?: string };
type Wanted = { kind: 'waiting' } | ({ kind: 'failed' } & Failure) | { kind: 'known'; desired: DesiredState; target: Target };

/** Spec and commit made into objects, or what stands in the way. */
async function wantedState(entry: Entry, state: Declared, context: ReconcileContext): Promise<Wanted> {
  const application = entry.resource;
  let source;
  try {
    source = sourceOf(application);
    assertDestination(application);
    context.follows(entry, repositoryId(source.repoURL));
    assertProject(application, source, context.world);
  } catch (error) {
    return { kind: 'failed', condition: 'InvalidSpecError', error: AppError.from(error) };
  }
  await serveRefresh(entry, source.repoURL, context);
  const resolved = resolveTarget(source, context.world, context.clock());
  if (resolved.kind === 'waiting') return resolved;
  if (resolved.kind === 'problem') return { kind: 'failed', condition: 'ComparisonError', error: resolved.error };
  const { target } = resolved;
  try {
    return { kind: 'known', target, desired: await renderOnce(entry, state, target, context) };
  } catch (error) {
    const failure = AppError.from(error);
    if (failure.retry === 'later' && failure.code !== 'render-failed') {
      // A service that restarts is nobody's problem; one that stays away has to be seen.
      if (++entry.unanswered < limits.unansweredMax) throw failure;
      context.wakeups.at(entry.key, context.clock() + limits.reconcileRetryMsMax);
    }
    return { kind: 'failed', condition: 'ComparisonError', error: failure, revision: target.commit };
  }
}

async function renderOnce(entry: Entry, state: Declared, target: Target, context: ReconcileContext): Promise<DesiredState> {
  const isHard = entry.isHardWanted === true;
  const question = renderQuestion(state.sealedSpec, target, await context.cluster.kube.discover());
  if (entry.rendered?.question !== question || isHard) {
    entry.rendered = { question, manifestSet: await context.desired.render(entry.resource, state.sealedSpec, target, isHard) };
    entry.isHardWanted = false;
    entry.unanswered = 0;
  }
  return context.desired.load(entry.resource, entry.instance, entry.rendered.manifestSet);
}

/** `argocd.argoproj.io/refresh`: look at the repository now; `hard` renders again. */
async function serveRefresh(entry: Entry, repoURL: string, context: ReconcileContext): Promise<void> {
  const asked = entry.resource.metadata.annotations?.[refreshAnnotation];
  if (asked === undefined) {
    delete entry.refresh;
    return;
  }
  const kind = asked === 'hard' ? 'hard' : 'normal';
  if (entry.refresh === kind) return;
  entry.refresh = kind;
  entry.isHardWanted ||= kind === 'hard';
  try {
    await context.bus.call(refreshRepository, { urls: [repoURL] });
  } catch (error) {
    context.log.warn('could not ask for a refresh; polling will find what is new', { application: entry.key, reason: AppError.from(error).message });
  }
}

/** Records the comparison, lets the automated policy decide, and moves the operation that runs. */
async function decideAndSync(
  entry: Entry,
  seen: { desired: DesiredState; compared: Compared; target: Target },
  context: ReconcileContext,
  why: Why,
): Promise<void> {
  const { clock } = context;
  const policy = entry.resource.spec.syncPolicy;
  // A push to a repository that many follow is work for those whose manifests changed; the others' commit can wait.
  const isPointerDeferred = !entry.recordsPointer && context.followers(seen.target.repository) > limits.pointersAtOnceMax;
  entry.recordsPointer = false;
  const commands = comparisonCommands(seen.compared, isPointerDeferred);
  // Ids that derive from the stream's version: deciding the same again after a crash makes the same operation.
  const operationId = `${entry.log.id.uid}-${entry.log.folded.version}`;
  commands.push({ type: 'AutoSync', operationId, policy, now: clock(), mayInterrupt: mayInterrupt(entry, context) });
  await advanceOperation(entry, seen.desired, commands, context, why);
}

/**
 * The step that runs has written all it had to and waits for objects to become healthy: nothing is lost when a newer
 * commit takes over. A hook is let finish what it is at.
 */
function mayInterrupt(entry: Entry, context: ReconcileContext): boolean {
  const results = entry.applied?.outcome.results;
  return results !== undefined && results.every((result) => result.hookType === undefined) && syncSettings(context.settings()).supersedes;
}

/** What is wrong, with file and line where there is one; answers the sentence that people see. */
async function recordFailure(entry: Entry, { error, condition, revision }: Failure, why: Why): Promise<string> {
  const { file, line } = error.details as { file?: unknown; line?: unknown };
  const place = typeof file === 'string' && !error.message.includes(file) ? ` (${file}${typeof line === 'number' ? `:${line}` : ''})` : '';
  const record: Extract<ApplicationCommand, { type: 'RecordComparisonFailure' }> = {
    type: 'RecordComparisonFailure',
    failure: {
      condition,
      code: error.code,
      message: `${error.message}${place}`,
      ...(revision === undefined ? {} : { revision }),
      ...(typeof file === 'string' ? { file } : {}),
      ...(typeof line === 'number' ? { line } : {}),
    },
  };
  await entry.log.execute([record], why);
  return record.failure.message;
}

/** Records what is wrong, and keeps the last revision that could be rendered as it should be. */
async function failComparison(entry: Entry, context: ReconcileContext, failure: Failure, why: Why): Promise<void> {
  const { condition } = failure;
  const message = await recordFailure(entry, failure, why);
  await refuseOperation(entry, message, context);
  if (condition === 'InvalidSpecError') await endRunning(entry, message, context);
  const state = declaredState(entry);
  const good = state?.comparison;
  // What the spec forbids isn't healed either.
  if (state === undefined || good === undefined || condition === 'InvalidSpecError') return;
  const desired = await context.desired.load(entry.resource, entry.instance, good.manifestSet);
  await watchEverythingOf(entry, desired, state, context);
  const compared = await compareNow(entry, desired, good.revision, context, false);
  // What the last good revision doesn't have may be what the broken one wants: it isn't pruned.
  const drift = compared.drift.filter((one) => one.drift !== 'extra');
  const heal: ApplicationCommand = {
    type: 'HealLastGood',
    operationId: `${entry.log.id.uid}-${entry.log.folded.version}`,
    policy: entry.resource.spec.syncPolicy,
    drift,
    now: context.clock(),
  };
  await advanceOperation(entry, desired, [{ type: 'RecordHealth', ...compared.health }, heal], context, why);
}
