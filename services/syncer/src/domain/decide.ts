import type { ApplicationEvent, ResourceHealth } from '@plumbline/contracts';
import { canonicalJson, resourceChanges, resourceRefKey } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { backoffOf, retryDelayMs } from './backoff.ts';
import { decideAutoSync, decideHealLastGood } from './auto-sync.ts';
import type { ApplicationCommand } from './commands.ts';
import {
  completeStep,
  failSync,
  judgeHealth,
  requestConfirmation,
  requestSync,
  resumeSync,
  runningOperation,
  startSync,
  terminateSync,
} from './decide-sync.ts';
import { hookWave } from './deletion.ts';
import { comparisonEvents, driftData, healthEvents, shortened, thoseThatFit } from './parts.ts';
import type { ApplicationState, Comparison, Declared } from './state.ts';
import { isAboutNamespace, isSyncing } from './state.ts';

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
    case 'JudgeHealth':
      return judgeHealth(command, state);
    case 'RequestConfirmation':
      return requestConfirmation(command, state);
    case 'ResumeSync':
      return resumeSync(command, state);
    case 'TerminateSync':
      return terminateSync(command, state);
    case 'FailSync':
      return failSync(command, runningOperation(state, command.operationId));
    case 'RecordLateWrite': {
      const { resource, resourceVersion, epoch } = command;
      return [{ type: 'LateWriteDetected', data: { resource, resourceVersion, epoch } }];
    }
    case 'StartDeletion':
      return state.deletion !== undefined ? [] : [{ type: 'ApplicationDeletionStarted', data: { cascade: command.cascade, resources: command.resources } }];
    case 'EndDeletionHooks':
      return endDeletionHooks(command, state);
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
  // After a failure, the status says of none of the objects how it is.
  const compared = comparisonEvents(comparison, before === undefined ? undefined : { resources: before.resources, isStale: state.failure !== undefined });
  // Another commit with the same manifests is the same desired state.
  const drifted =
    before?.manifestSet === comparison.manifestSet && before.status === 'Synced' && comparison.status === 'OutOfSync' && !isSyncing(state.operation);
  if (!drifted || isAboutNamespace(comparison)) return compared;
  return [{ type: 'DriftDetected', data: driftData(comparison.revision, drift) }, ...compared];
}

function sameComparison(a: Comparison, b: Comparison): boolean {
  const changes = resourceChanges(a.resources, b.resources);
  return changes.resources.length === 0 && changes.gone.length === 0 && canonicalJson({ ...a, resources: [] }) === canonicalJson({ ...b, resources: [] });
}

function sameFailure(state: Declared, command: Command<'RecordComparisonFailure'>): boolean {
  const { failure } = state;
  if (failure === undefined) return false;
  const { condition, code, message, revision } = command.failure;
  return failure.condition === condition && failure.code === code && failure.message === message && failure.revision === revision;
}

function endDeletionHooks({ phase, wave, hooks, now }: Command<'EndDeletionHooks'>, { deletion }: Declared): ApplicationEvent[] {
  if (deletion === undefined || deletion.ended.includes(hookWave(phase, wave))) return [];
  const failedFirst = [...hooks].sort((a, b) => Number(a.status === 'Succeeded') - Number(b.status === 'Succeeded'));
  const short = failedFirst.map((hook) => ({ ...hook, message: shortened(hook.message) }));
  const data = { phase, wave, hooks: thoseThatFit(short, limits.listInEventBytesMax) };
  if (hooks.every(({ status }) => status === 'Succeeded')) return [{ type: 'DeletionHooksEnded', data }];
  const retryAt = now + retryDelayMs(backoffOf(undefined), deletion.failures + 1);
  return [{ type: 'DeletionHooksEnded', data: { ...data, retryAt: new Date(retryAt).toISOString() } }];
}

function recordHealth(command: Command<'RecordHealth'>, state: Declared): ApplicationEvent[] {
  const known = state.health.resources;
  const present = new Set(command.resources.map(resourceRefKey));
  const resources = command.resources.filter((resource) => !sameHealth(known[resourceRefKey(resource)], resource));
  const gone = Object.keys(known).filter((key) => !present.has(key));
  if (resources.length === 0 && gone.length === 0 && state.health.status === command.status) return [];
  const message = command.message === undefined ? {} : { message: command.message };
  return healthEvents({ status: command.status, ...message, resources: [...resources], gone });
}

/** Progress messages ("1 of 3 updated") change all the time; the judgement is the status. */
const sameHealth = (known: ResourceHealth | undefined, now: ResourceHealth): boolean => known !== undefined && known.health === now.health;
