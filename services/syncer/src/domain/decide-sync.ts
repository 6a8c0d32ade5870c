import type { ApplicationEvent, ResourceResult } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import { backoffOf, retryDelayMs } from './backoff.ts';
import type { ApplicationCommand, AwaitedHealth } from './commands.ts';
import { inParts, shortened } from './parts.ts';
import { wouldPruneEverything } from './prune-guard.ts';
import type { Declared, OperationRecord } from './state.ts';
import { isSyncing } from './state.ts';

type Command<T extends ApplicationCommand['type']> = Extract<ApplicationCommand, { type: T }>;

/** One operation at a time; one that is applied and only waits for health gives way. */
export function requestSync(command: Command<'RequestSync'>, state: Declared): ApplicationEvent[] {
  const { operation: last } = state;
  if (last?.operationId === command.operationId) return [];
  if (last !== undefined && isSyncing(last)) {
    throw new AppError('failed-precondition', 'another operation is already in progress', { details: { operation: last.operationId } });
  }
  const ended = last?.phase === 'Running' ? [supersededWhenApplied(last, `a sync to ${command.revision}`)] : [];
  const { operationId, initiatedBy, revision, manifestSet, operation, info = [], retry } = command;
  const requested: ApplicationEvent = {
    type: 'SyncRequested',
    data: {
      ...{ operationId, trigger: 'manual', initiatedBy, revision, manifestSet, operation },
      ...{ retryLimit: retry?.limit ?? 0, backoff: backoffOf(retry) },
      ...(info.length === 0 ? {} : { info: [...info] }),
      ...(retry?.refresh === true ? { refresh: true } : {}),
    },
  };
  const prunes = operation.prune === true && operation.resources === undefined;
  if (prunes && !command.allowEmpty && wouldPruneEverything(state.comparison?.resources ?? [])) {
    const message = `Sync to ${revision} refused: it would delete every object of the application. Set spec.syncPolicy.automated.allowEmpty to true if that is meant, or delete the application.`;
    return [...ended, requested, { type: 'SyncFailed', data: { operationId, phase: 'Failed', message } }];
  }
  return [...ended, requested];
}

export function runningOperation(state: Declared, operationId: string): OperationRecord {
  const { operation } = state;
  if (operation === undefined || operation.operationId !== operationId || operation.phase !== 'Running') {
    throw new AppError('failed-precondition', `operation ${operationId} is not running`);
  }
  return operation;
}

export function startSync(command: Command<'StartSync'>, state: Declared): ApplicationEvent[] {
  runningOperation(state, command.operationId);
  const { operationId, attempt, steps, onFailure } = command;
  const ifItFails = onFailure.map(({ phase, wave, resources }) => ({ phase, wave, resources }));
  return [{ type: 'SyncStarted', data: { operationId, attempt, steps: [...steps], ...(ifItFails.length === 0 ? {} : { onFailure: ifItFails }) } }];
}

export function completeStep(command: Command<'CompleteStep'>, state: Declared): ApplicationEvent[] {
  const operation = runningOperation(state, command.operationId);
  const { operationId, attempt, step } = command;
  if (operation.attempt !== attempt || operation.stepsCompleted !== step) return [];
  const { phase, wave } = operation.steps[step] ?? { phase: 'Sync' as const, wave: 0 };
  const results = command.results.map((result) => ({ ...result, message: shortened(result.message) }));
  const completed = inParts(results).map((part): ApplicationEvent => ({
    type: 'SyncStepCompleted',
    data: { operationId, attempt, step, phase, wave, results: part },
  }));
  const failed = command.results.filter((result) => result.status === 'SyncFailed');
  const isLast = step + 1 >= operation.steps.length;
  if (operation.failing !== undefined) {
    // A SyncFail hook that fails doesn't keep the others from their turn.
    if (!isLast) return completed;
    return [...completed, ...failSync({ type: 'FailSync', operationId, phase: 'Failed', now: command.now, ...operation.failing }, operation)];
  }
  if (failed.length > 0) {
    const { now, canRetry, refusal } = command;
    const message = `${refusal ?? 'one or more objects failed to apply'}, reason: ${reasons(failed)}`;
    // Of an operation that was refused nothing was done: there is nothing to clean up after.
    if (refusal === undefined && operation.onFailure.length > 0)
      return [...completed, { type: 'SyncFailPhaseStarted', data: { operationId, attempt, message, canRetry } }];
    return [...completed, ...failSync({ type: 'FailSync', operationId, phase: 'Failed', message, now, canRetry }, operation)];
  }
  return isLast ? [...completed, ...applied(command, operation)] : completed;
}

/** All is applied: the operation ends when that is healthy, too; at once if it is already or nobody waits for it. */
function applied({ operationId, health, now }: Command<'CompleteStep'>, operation: OperationRecord): ApplicationEvent[] {
  if (health === undefined) return [{ type: 'SyncApplied', data: { operationId } }, successOf(operation)];
  const end = endByHealth(operation, health, false);
  if (end?.type === 'SyncSucceeded') return [{ type: 'SyncApplied', data: { operationId } }, end];
  const healthUntil = new Date(now + health.timeoutMs).toISOString();
  return [{ type: 'SyncApplied', data: { operationId, healthUntil } }, ...(end === undefined ? [] : [end])];
}

function successOf({ operationId, revision, operation }: OperationRecord): ApplicationEvent {
  const message = operation.dryRun === true ? 'dry run: nothing was changed' : 'successfully synced (all tasks run)';
  return { type: 'SyncSucceeded', data: { operationId, revision, message } };
}

/** Whether an applied operation has come to its end: healthy, degraded, or out of patience. */
export function judgeHealth({ operationId, health, now }: Command<'JudgeHealth'>, state: Declared): ApplicationEvent[] {
  const { operation } = state;
  if (operation?.operationId !== operationId || operation.phase !== 'Running' || operation.healthUntil === undefined) return [];
  const end = endByHealth(operation, health, now >= Date.parse(operation.healthUntil));
  return end === undefined ? [] : [end];
}

/** What is suspended was suspended by somebody: it is as it should be. */
function endByHealth(operation: OperationRecord, { status, message, timeoutMs }: AwaitedHealth, isTimeUp: boolean): ApplicationEvent | undefined {
  if (status === 'Healthy' || status === 'Suspended') return successOf(operation);
  if (status !== 'Degraded' && !isTimeUp) return undefined;
  const late = status === 'Degraded' ? '' : ` (still ${status} after ${timeoutMs / 1_000} s)`;
  const text = `applied, not healthy: ${message ?? status}${late}`;
  return { type: 'SyncFailed', data: { operationId: operation.operationId, phase: 'Failed', message: text } };
}

/** The applied operation did its work; that it wasn't seen healthy is no failure of it. */
export const supersededWhenApplied = ({ operationId, revision }: OperationRecord, by: string): ApplicationEvent => ({
  type: 'SyncSucceeded',
  data: { operationId, revision, message: `applied; superseded by ${by} before it was healthy` },
});

/** Said once, however often the step is looked at. */
export function requestConfirmation({ operationId, message }: Command<'RequestConfirmation'>, { operation }: Declared): ApplicationEvent[] {
  const isNews = operation?.operationId === operationId && operation.phase === 'Running' && operation.message !== message;
  return isNews ? [{ type: 'SyncConfirmationRequested', data: { operationId, message } }] : [];
}

/** Only what waits for somebody's word goes on. */
export function resumeSync({ operationId }: Command<'ResumeSync'>, { operation }: Declared): ApplicationEvent[] {
  const isWaiting = operation?.operationId === operationId && operation.phase === 'Running' && operation.awaitsConfirmation === true;
  return isWaiting ? [{ type: 'SyncResumed', data: { operationId } }] : [];
}

/** Twice is once; what has ended has ended. */
export function terminateSync({ operationId }: Command<'TerminateSync'>, { operation }: Declared): ApplicationEvent[] {
  const isOver = operation?.operationId !== operationId || operation.phase !== 'Running' || operation.isTerminating === true;
  return isOver ? [] : [{ type: 'SyncTerminationRequested', data: { operationId } }];
}

const reasonsShown = 3;

function reasons(failed: readonly ResourceResult[]): string {
  const shown = failed
    .slice(0, reasonsShown)
    .map((result) => `${result.kind} ${result.namespace === '' ? '' : `${result.namespace}/`}${result.name}: ${result.message}`);
  if (failed.length > reasonsShown) shown.push(`and ${failed.length - reasonsShown} more`);
  return shown.join('; ');
}

/** Retried while the limit allows it and there is something that time can change. */
export function failSync(command: Command<'FailSync'>, operation: OperationRecord): ApplicationEvent[] {
  const { operationId, phase, message } = command;
  const isLeft = operation.retryLimit < 0 || operation.attempt < operation.retryLimit;
  if (!command.canRetry || !isLeft || operation.isTerminating === true) return [{ type: 'SyncFailed', data: { operationId, phase, message } }];
  const attempt = operation.attempt + 1;
  const at = new Date(command.now + retryDelayMs(operation.backoff, attempt)).toISOString();
  return [{ type: 'SyncRetryScheduled', data: { operationId, attempt, at, message } }];
}
