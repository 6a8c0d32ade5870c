import type { Application } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { resourceIdOf, resourceKey } from '@plumbline/manifests';
import type { ApplicationCommand } from '../domain/commands.ts';
import type { Cluster } from '../live/cluster.ts';
import { refOf } from '../live/object-ref.ts';
import type { OperationRecord } from '../domain/state.ts';
import { isSyncing } from '../domain/state.ts';
import type { SyncSettings } from '../settings/sync-settings.ts';
import { syncSettings } from '../settings/sync-settings.ts';
import { planOf, withNamedHooks } from '../sync/operation.ts';
import { goesWhenStopped, isOfOperation, removeHook } from '../sync/hooks.ts';
import type { ReconcileContext } from './context.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';

/**
 * Argo CD's way to end an operation, which kubectl can go as well as the API: `.status.operationState.phase` is set to
 * `Terminating`. Which operation is meant says its start.
 */
export function terminationOf(entry: Entry): ApplicationCommand[] {
  const operation = declaredState(entry)?.operation;
  if (operation?.phase !== 'Running') return [];
  const startedAt = terminatingSince(entry.resource);
  return startedAt !== undefined && sameSecond(startedAt, operation.requestedAt) ? [{ type: 'TerminateSync', operationId: operation.operationId }] : [];
}

/**
 * Argo CD's `controller.sync.timeout.seconds` (argocd-compat B098): an operation that takes longer is ended. One that has
 * applied everything is not: it waits for health for a time of its own. Noticed at a look, so up to half a minute late.
 */
export function overdueOf(entry: Entry, settings: Pick<SyncSettings, 'timeoutMs'>, now: number): ApplicationCommand[] {
  const operation = declaredState(entry)?.operation;
  return operation !== undefined && isOverdue(operation, settings, now) ? [{ type: 'TerminateSync', operationId: operation.operationId }] : [];
}

const isOverdue = (operation: OperationRecord, { timeoutMs }: Pick<SyncSettings, 'timeoutMs'>, now: number): boolean =>
  isSyncing(operation) && timeoutMs > 0 && now >= Date.parse(operation.requestedAt) + timeoutMs;

/** Start of the operation that somebody wants to end, as the resource says it. */
export function terminatingSince({ status }: Application): string | undefined {
  const state = status?.['operationState'] as { phase?: string; startedAt?: string } | undefined;
  return state?.phase === 'Terminating' ? (state.startedAt ?? '') : undefined;
}

const sameSecond = (a: string, b: string): boolean => Math.floor(Date.parse(a) / 1_000) === Math.floor(Date.parse(b) / 1_000);

/**
 * Ends an operation that was asked to end: hooks that run are deleted, and those of its hooks that go when a sync fails;
 * everything else stays as it is (argocd-compat B009, B026). That it ends doesn't depend on the API server: what could
 * not be deleted is said.
 */
export async function endTerminated(entry: Entry, context: ReconcileContext): Promise<void> {
  const operation = declaredState(entry)?.operation;
  if (operation?.phase !== 'Running' || operation.isTerminating !== true) return;
  const { operationId } = operation;
  const settings = syncSettings(context.settings());
  const why = isOverdue(operation, settings, context.clock()) ? `: it took longer than ${settings.timeoutMs / 1_000} s (plumbline.sync.timeout)` : '';
  const problem = await stopHooks(entry, context);
  const end =
    problem === undefined
      ? ({ phase: 'Failed', message: `Operation terminated${why}` } as const)
      : ({ phase: 'Error', message: `Operation termination had errors: ${problem.message}` } as const);
  await entry.log.execute([{ type: 'FailSync', operationId, ...end, now: context.clock(), canRetry: false }]);
  delete entry.applied;
  context.wakeups.arrange(entry.key, entry.log.state);
}

/**
 * Of a spec that is not allowed any more, or of an Application that goes: nothing more is applied. Nobody waits for its
 * hooks any more, and their finalizer would keep them, and their namespace, for ever: the operation runs until they are
 * deleted, or until the API server says for good that they are not ours to delete.
 */
export async function endRunning(entry: Entry, message: string, context: StopContext, tellWaiting?: (problem: string) => Promise<void>): Promise<void> {
  const operation = declaredState(entry)?.operation;
  if (operation?.phase !== 'Running') return;
  const problem = await stopHooks(entry, context);
  if (problem?.canRetry === true) {
    const waiting = `hooks of the sync that ends could not be deleted: ${problem.message}`;
    await tellWaiting?.(waiting);
    throw new AppError('unavailable', waiting, { retry: 'later' });
  }
  const said = problem === undefined ? message : `${message}; its hooks could not be deleted: ${problem.message}`;
  await entry.log.execute([{ type: 'FailSync', operationId: operation.operationId, phase: 'Error', message: said, now: context.clock(), canRetry: false }]);
}

type StopContext = Pick<ReconcileContext, 'desired' | 'assertOwner' | 'clock'> & { cluster: Pick<Cluster, 'kube' | 'managedBy' | 'state'> };

type LeftContext = Pick<ReconcileContext, 'log' | 'assertOwner'> & Pick<StopContext, 'cluster'>;

/** What could not be deleted, and why. `canRetry`: an answer of the API server that time may change. */
interface StopProblem {
  message: string;
  canRetry: boolean;
}

/**
 * Deletes the hooks of an operation that is about to be ended before its time, while the log still says that it runs:
 * killed in between, it is done again. One that can't be deleted doesn't keep the others.
 */
async function stopHooks(entry: Entry, context: StopContext): Promise<StopProblem | undefined> {
  const operation = declaredState(entry)?.operation;
  if (operation === undefined || operation.operation.dryRun === true) return undefined;
  const { kube } = context.cluster;
  const problems: StopProblem[] = [];
  const attempt = async (work: () => Promise<void>, isRequest: boolean): Promise<void> => {
    try {
      await work();
    } catch (error) {
      context.assertOwner();
      const { message, retry } = AppError.from(error);
      problems.push({ message, canRetry: isRequest && retry === 'later' });
    }
  };
  const hooks = new Map(trackedHooks(entry, operation, context).map((hook) => [resourceKey(resourceIdOf(hook)), hook]));
  // Manifests are read with what the API server serves; those that were lost don't come back with time.
  await attempt(async () => void (await kube.discover()), true);
  await attempt(async () => {
    for (const hook of await plannedHooks(entry, operation, context)) hooks.set(resourceKey(resourceIdOf(hook)), hook);
  }, false);
  for (const hook of hooks.values()) await attempt(() => stopHook(hook, operation, context), true);
  return problems.find(({ canRetry }) => canRetry) ?? problems[0];
}

/**
 * Deletes what an operation left that ended although the API server would not delete its hooks: their finalizer would keep
 * them, and their namespace, for ever. What is refused for good stays, and was said.
 */
export async function removeLeftHooks(entry: Entry, context: LeftContext): Promise<void> {
  const operation = declaredState(entry)?.operation;
  if (operation?.phase !== 'Error' || operation.operation.dryRun === true) return;
  for (const hook of trackedHooks(entry, operation, context)) {
    if (!goesWhenStopped(hook, operation)) continue;
    context.assertOwner();
    try {
      await removeHook(hook, context.cluster.kube);
    } catch (error) {
      const { retry, message } = AppError.from(error);
      if (retry === 'later') throw error;
      context.log.warn('a hook of a sync that was ended could not be deleted', { application: entry.key, hook: hook.metadata.name, reason: message });
    }
  }
}

/** Hooks that say whose they are: the spec may send its objects elsewhere by now, and its manifests may be lost. */
function trackedHooks({ instance }: Entry, operation: OperationRecord, { cluster }: Pick<StopContext, 'cluster'>): KubeObject[] {
  return [...cluster.managedBy(instance)].flatMap((key) => {
    const live = cluster.state.row(key)?.object;
    return live !== undefined && isOfOperation(live, operation) ? [live] : [];
  });
}

/** Those of the plan: after a start not all that is live is known yet, and a former version did not mark its hooks. */
async function plannedHooks(entry: Entry, operation: OperationRecord, { desired }: StopContext): Promise<KubeObject[]> {
  const plan = planOf(operation, withNamedHooks(await desired.load(entry.resource, entry.instance, operation.manifestSet), operation), []);
  return [...plan.steps, ...plan.onFailure].flatMap(({ objects }) => objects.filter(({ isHook }) => isHook).map(({ object }) => object));
}

async function stopHook(hook: KubeObject, operation: OperationRecord, { cluster: { kube }, assertOwner }: StopContext): Promise<void> {
  const live = await kube.get(refOf(hook));
  if (live === undefined || !goesWhenStopped(live, operation)) return;
  assertOwner();
  await removeHook(live, kube);
}

/** Does the work unless somebody ends the operation meanwhile: then it is left where it stands, before its next write. */
export async function untilTerminated<T>(entry: Entry, work: (assertNotTerminated: () => void) => Promise<T>): Promise<T> {
  const termination = Promise.withResolvers<never>();
  let isTerminated = false;
  const terminated = (): AppError => new AppError('conflict', `the operation of ${entry.key} is being terminated`, { retry: 'later' });
  entry.interrupt = () => {
    isTerminated = true;
    termination.reject(terminated());
  };
  try {
    const assertNotTerminated = (): void => {
      if (isTerminated) throw terminated();
    };
    return await Promise.race([work(assertNotTerminated), termination.promise]);
  } finally {
    delete entry.interrupt;
  }
}
