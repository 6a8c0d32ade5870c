import type { ApplicationEvent, ResourceHealth, ResourceResult } from '@plumbline/contracts';
import { AppError, canonicalJson, resourceRefKey } from '@plumbline/contracts';
import { backoffOf, retryDelayMs } from './backoff.ts';
import { decideAutoSync, decideHealLastGood } from './auto-sync.ts';
import type { ApplicationCommand } from './commands.ts';
import { wouldPruneEverything } from './prune-guard.ts';
import type { ApplicationState, Comparison, Declared, OperationRecord } from './state.ts';

type Command<T extends ApplicationCommand['type']> = Extract<ApplicationCommand, { type: T }>;

/**
 * What the command makes happen, as events; none when nothing changed. Throws `failed-precondition` for a command that
 * the state forbids.
 */
export function decide(command: ApplicationCommand, state: ApplicationState): ApplicationEvent[] {
  if (command.type === 'DeclareApplication') return declare(command, state);
  if (state.status !== 'declared') return [];
  switch (command.type) {
    case 'RecordComparison':
      return recordComparison(command, state);
    case 'RecordComparisonFailure':
      return sameFailure(state, command) ? [] : [{ type: 'ComparisonFailed', data: command.failure }];
    case 'RecordHealth':
      return recordHealth(command, state);
    case 'RequestSync':
      return requestSync(command, state);
    case 'AutoSync':
      return decideAutoSync(command, state);
    case 'HealLastGood':
      return decideHealLastGood(command, state);
    case 'StartSync':
      return startSync(command, state);
    case 'CompleteStep':
      return completeStep(command, state);
    case 'FailSync':
      return failSync(command, runningOperation(state, command.operationId));
    case 'RecordLateWrite': {
      const { resource, resourceVersion, epoch } = command;
      return [{ type: 'LateWriteDetected', data: { resource, resourceVersion, epoch } }];
    }
    case 'StartDeletion':
      return state.isDeleting ? [] : [{ type: 'ApplicationDeletionStarted', data: { cascade: command.cascade, resources: command.resources } }];
    case 'ForgetApplication':
      return [{ type: 'ApplicationDeleted', data: { cascaded: command.cascaded } }];
    default:
      return command satisfies never;
  }
}

function declare(command: Command<'DeclareApplication'>, state: ApplicationState): ApplicationEvent[] {
  if (state.status === 'deleted' || (state.status === 'declared' && state.specHash === command.specHash)) return [];
  const { id, project, spec, specHash, sealedSpec } = command;
  return [{ type: 'ApplicationDeclared', data: { ...id, project, spec, specHash, sealedSpec } }];
}

function recordComparison(command: Command<'RecordComparison'>, state: Declared): ApplicationEvent[] {
  const { comparison, drift } = command;
  const before = state.comparison;
  if (before !== undefined && state.failure === undefined) {
    const compareTo = command.isPointerDeferred === true && before.status === 'Synced' ? { ...before, revision: comparison.revision } : before;
    if (sameComparison(compareTo, comparison)) return [];
  }
  const compared: ApplicationEvent = {
    type: 'ApplicationCompared',
    data: { ...comparison, resources: [...comparison.resources], images: [...comparison.images], conditions: [...comparison.conditions] },
  };
  // Another commit with the same manifests is the same desired state.
  const drifted =
    before?.manifestSet === comparison.manifestSet && before.status === 'Synced' && comparison.status === 'OutOfSync' && state.operation?.phase !== 'Running';
  if (!drifted) return [compared];
  const shown = drift.slice(0, driftedResourcesMax);
  return [{ type: 'DriftDetected', data: { revision: comparison.revision, resources: shown, more: drift.length - shown.length } }, compared];
}

/** So that the event of a big application that lost everything stays small. */
const driftedResourcesMax = 50;

function sameComparison(a: Comparison, b: Comparison): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

function sameFailure(state: Declared, command: Command<'RecordComparisonFailure'>): boolean {
  const { failure } = state;
  if (failure === undefined) return false;
  const { condition, code, message, revision } = command.failure;
  return failure.condition === condition && failure.code === code && failure.message === message && failure.revision === revision;
}

function recordHealth(command: Command<'RecordHealth'>, state: Declared): ApplicationEvent[] {
  const known = state.health.resources;
  const present = new Set(command.resources.map(resourceRefKey));
  const resources = command.resources.filter((resource) => !sameHealth(known[resourceRefKey(resource)], resource));
  const gone = Object.keys(known).filter((key) => !present.has(key));
  if (resources.length === 0 && gone.length === 0 && state.health.status === command.status) return [];
  const message = command.message === undefined ? {} : { message: command.message };
  return [{ type: 'HealthChanged', data: { status: command.status, ...message, resources: [...resources], gone } }];
}

/** Progress messages ("1 of 3 updated") change all the time; the judgement is the status. */
const sameHealth = (known: ResourceHealth | undefined, now: ResourceHealth): boolean => known !== undefined && known.health === now.health;

function requestSync(command: Command<'RequestSync'>, state: Declared): ApplicationEvent[] {
  if (state.operation?.operationId === command.operationId) return [];
  if (state.operation?.phase === 'Running') {
    throw new AppError('failed-precondition', 'another operation is already in progress', { details: { operation: state.operation.operationId } });
  }
  const { operationId, initiatedBy, revision, manifestSet, operation, retry } = command;
  const requested: ApplicationEvent = {
    type: 'SyncRequested',
    data: { operationId, trigger: 'manual', initiatedBy, revision, manifestSet, operation, retryLimit: retry?.limit ?? 0, backoff: backoffOf(retry) },
  };
  const prunes = operation.prune === true && operation.resources === undefined;
  if (prunes && !command.allowEmpty && wouldPruneEverything(state.comparison?.resources ?? [])) {
    const message = `Sync to ${revision} refused: it would delete every object of the application. Set spec.syncPolicy.automated.allowEmpty to true if that is meant, or delete the application.`;
    return [requested, { type: 'SyncFailed', data: { operationId, phase: 'Failed', message } }];
  }
  return [requested];
}

function runningOperation(state: Declared, operationId: string): OperationRecord {
  const { operation } = state;
  if (operation === undefined || operation.operationId !== operationId || operation.phase !== 'Running') {
    throw new AppError('failed-precondition', `operation ${operationId} is not running`);
  }
  return operation;
}

function startSync(command: Command<'StartSync'>, state: Declared): ApplicationEvent[] {
  runningOperation(state, command.operationId);
  const { operationId, attempt, steps } = command;
  return [{ type: 'SyncStarted', data: { operationId, attempt, steps: [...steps] } }];
}

function completeStep(command: Command<'CompleteStep'>, state: Declared): ApplicationEvent[] {
  const operation = runningOperation(state, command.operationId);
  const { operationId, attempt, step } = command;
  if (operation.attempt !== attempt || operation.stepsCompleted !== step) return [];
  const { phase, wave } = operation.steps[step] ?? { phase: 'Sync' as const, wave: 0 };
  const completed = inParts(command.results).map((results): ApplicationEvent => ({
    type: 'SyncStepCompleted',
    data: { operationId, attempt, step, phase, wave, results },
  }));
  const failed = command.results.filter((result) => result.status === 'SyncFailed');
  if (failed.length > 0) {
    const message = `one or more objects failed to apply, reason: ${reasons(failed)}`;
    return [...completed, ...failSync({ type: 'FailSync', operationId, phase: 'Failed', message, now: command.now, canRetry: command.canRetry }, operation)];
  }
  if (step + 1 < operation.steps.length) return completed;
  const message = operation.operation.dryRun === true ? 'dry run: nothing was changed' : 'successfully synced (all tasks run)';
  return [
    ...completed,
    { type: 'SyncApplied', data: { operationId } },
    { type: 'SyncSucceeded', data: { operationId, revision: operation.revision, message } },
  ];
}

/** An event holds at most 256 KiB: the outcome of a big step comes in several, each with its share of the objects. */
function inParts(results: readonly ResourceResult[]): ResourceResult[][] {
  const parts: ResourceResult[][] = [];
  for (let from = 0; from === 0 || from < results.length; from += resultsPerEventMax) parts.push(results.slice(from, from + resultsPerEventMax));
  return parts;
}

const resultsPerEventMax = 500;

const reasonsShown = 3;

function reasons(failed: readonly ResourceResult[]): string {
  const shown = failed
    .slice(0, reasonsShown)
    .map((result) => `${result.kind} ${result.namespace === '' ? '' : `${result.namespace}/`}${result.name}: ${result.message}`);
  if (failed.length > reasonsShown) shown.push(`and ${failed.length - reasonsShown} more`);
  return shown.join('; ');
}

/** Retried while the limit allows it and there is something that time can change. */
function failSync(command: Command<'FailSync'>, operation: OperationRecord): ApplicationEvent[] {
  const { operationId, phase, message } = command;
  const isLeft = operation.retryLimit < 0 || operation.attempt < operation.retryLimit;
  if (!command.canRetry || !isLeft) return [{ type: 'SyncFailed', data: { operationId, phase, message } }];
  const attempt = operation.attempt + 1;
  const at = new Date(command.now + retryDelayMs(operation.backoff, attempt)).toISOString();
  return [{ type: 'SyncRetryScheduled', data: { operationId, attempt, at, message } }];
}
