import type { ApplicationEvent, ResourceRef, SyncOperation, SyncOperationResource, SyncPolicy } from '@plumbline/contracts';
import { backoffOf, nextHealAt } from './backoff.ts';
import type { ApplicationCommand } from './commands.ts';
import { canBeNamed, driftData } from './parts.ts';
import { wouldPruneEverything } from './prune-guard.ts';
import { supersededWhenApplied } from './decide-sync.ts';
import type { Attempt, Comparison, Declared, OperationRecord } from './state.ts';
import { isAboutNamespace, isSyncing, isWhole, unknownKindsOf } from './state.ts';

type AutoSync = Extract<ApplicationCommand, { type: 'AutoSync' }>;

/** Argo CD's: an automated sync without a retry block tries five times more, one with a block as often as that says (0). */
const automatedRetryLimit = 5;

/** Whether the automated policy starts a sync now (Argo CD's autoSync; argocd-compat B090 to B093). */
export function decideAutoSync(command: AutoSync, state: Declared): ApplicationEvent[] {
  const { comparison } = state;
  const automated = command.policy?.automated;
  const renewed = renewal(command, state);
  if (renewed !== undefined) return renewed;
  if (automated === undefined || automated.enabled === false || state.deletion !== undefined || comparison === undefined) return [];
  if (comparison.status !== 'OutOfSync') return [];

  const prune = automated.prune === true;
  const outOfSync = comparison.resources.filter((resource) => resource.status === 'OutOfSync' && resource.hook !== true);
  if (!prune && !isAboutNamespace(comparison) && outOfSync.every((resource) => resource.requiresPruning === true)) return [];
  if (prune && automated.allowEmpty !== true && wouldPruneEverything(comparison.resources)) {
    return skip(state, comparison, 'would-prune-everything', `Skipping sync attempt to ${comparison.revision}: auto-sync will wipe out all resources`);
  }

  const running = state.operation?.phase === 'Running' ? state.operation : undefined;
  if (running !== undefined && (running.healthUntil === undefined || running.isTerminating === true)) return supersede(command, running, comparison, state);
  // One that is applied and waits for health keeps neither a newer commit nor self-healing from its turn.
  const attempted = running !== undefined && isWhole(running) ? { ...running, isApplied: true } : state.attempted;
  const ended = (by: string): ApplicationEvent[] => (running === undefined ? [] : [supersededWhenApplied(running, by)]);
  if (attempted === undefined || !isSameAttempt(attempted, comparison, state)) {
    return [...ended(comparison.revision), request(command, comparison, 'automated', { prune })];
  }
  if (!attempted.isApplied) {
    return skip(state, comparison, 'already-failed', `Failed last sync attempt to ${comparison.revision}: ${attempted.message}`);
  }
  // Nothing but what the project forbids: no sync can help.
  if (outOfSync.length === 0) return [];
  if (automated.selfHeal !== true || state.failure !== undefined || nextHealAt(state.heals) > command.now) return [];
  return [...ended('self-healing'), request(command, comparison, 'self-heal', { prune, ...healed(outOfSync) })];
}

/**
 * `retry.refresh` of a sync that somebody asked for (argocd-compat B094): a newer commit takes the place of one that waits
 * for its next try, as the same request with the tries that are left. Undefined: there is none such, or no such commit.
 */
function renewal({ operationId, policy }: AutoSync, { operation, comparison, deletion }: Declared): ApplicationEvent[] | undefined {
  if (operation?.phase !== 'Running' || operation.renewable === undefined || operation.retryAt === undefined) return undefined;
  if (deletion !== undefined || operation.isTerminating === true || comparison === undefined || comparison.manifestSet === operation.manifestSet)
    return undefined;
  const { prune, resources } = operation.operation;
  const isGuarded = prune === true && resources === undefined && policy?.automated?.allowEmpty !== true;
  if (isGuarded && wouldPruneEverything(comparison.resources)) return undefined;
  const { revision, manifestSet } = comparison;
  const message = `${operation.message}; superseded by ${revision}`;
  const { attempt, retryLimit, backoff, renewable } = operation;
  const asked = { ...operation.operation, revision };
  return [
    { type: 'SyncFailed', data: { operationId: operation.operationId, phase: 'Failed', message } },
    {
      type: 'SyncRequested',
      data: {
        ...{ operationId, trigger: 'manual', ...renewable, revision, manifestSet, operation: asked, backoff, refresh: true },
        // The try that was waited for is the first of the new one.
        retryLimit: retryLimit < 0 ? retryLimit : Math.max(0, retryLimit - attempt - 1),
      },
    },
  ];
}

/**
 * The newest revision can't be rendered or read, and live objects left the last one that could: that one is healed, and
 * what is wrong with the newest stays the application's condition.
 */
export function decideHealLastGood(command: Extract<ApplicationCommand, { type: 'HealLastGood' }>, state: Declared): ApplicationEvent[] {
  const automated = command.policy?.automated;
  const { comparison, operation } = state;
  if (automated?.selfHeal !== true || automated.enabled === false || state.deletion !== undefined || comparison === undefined) return [];
  if (command.drift.length === 0 || isSyncing(operation) || nextHealAt(state.heals) > command.now) return [];
  return [
    { type: 'DriftDetected', data: driftData(comparison.revision, command.drift) },
    ...(operation?.phase === 'Running' ? [supersededWhenApplied(operation, 'self-healing')] : []),
    request(command, comparison, 'self-heal', { prune: false, ...healed(command.drift) }),
  ];
}

/** Very many are not named one by one: a sync of all objects without hooks writes just those that are not as they should be. */
function healed(resources: readonly ResourceRef[]): Pick<SyncOperation, 'resources' | 'syncStrategy'> {
  const named = resources.map(({ group, kind, name, namespace }): SyncOperationResource => ({ group, kind, name, namespace }));
  return canBeNamed(named) ? { resources: named } : { syncStrategy: { apply: {} } };
}

/** A newer commit doesn't wait for the retries of an older one, nor for objects of it that don't become healthy. */
function supersede(command: AutoSync, last: OperationRecord, comparison: Comparison, state: Declared): ApplicationEvent[] {
  const isWaiting = last.retryAt !== undefined || (command.mayInterrupt === true && last.stepsCompleted < last.steps.length);
  if (!isWaiting || last.failing !== undefined || last.isTerminating === true || last.trigger === 'manual') return [];
  if (isSameAttempt({ ...last, isApplied: false }, comparison, state)) return [];
  const done = last.retryAt === undefined ? `${last.stepsCompleted} of ${last.steps.length} steps done` : last.message;
  const message = `${done}; superseded by ${comparison.revision}`;
  return [
    { type: 'SyncFailed', data: { operationId: last.operationId, phase: 'Failed', message } },
    request(command, comparison, 'automated', { prune: command.policy?.automated?.prune === true }),
  ];
}

function isSameAttempt(last: Attempt, comparison: Comparison, state: Declared): boolean {
  if (last.specHash !== state.specHash) return false;
  // A kind that was missing has come: what failed for want of it may be tried again.
  const unknown = unknownKindsOf(comparison);
  if (last.unknownKinds?.some((kind) => !unknown.includes(kind)) === true) return false;
  // A commit that changes no manifest is no new desired state; after a failure it is a way to say "try again".
  return last.isApplied ? last.manifestSet === comparison.manifestSet : last.revision === comparison.revision;
}

function request(
  command: Pick<AutoSync, 'operationId' | 'policy'>,
  comparison: Comparison,
  trigger: 'automated' | 'self-heal',
  operation: SyncOperation,
): ApplicationEvent {
  const policy: SyncPolicy = command.policy ?? {};
  return {
    type: 'SyncRequested',
    data: {
      operationId: command.operationId,
      trigger,
      initiatedBy: { automated: true },
      revision: comparison.revision,
      manifestSet: comparison.manifestSet,
      operation: { ...operation, revision: comparison.revision, ...(policy.syncOptions === undefined ? {} : { syncOptions: policy.syncOptions }) },
      retryLimit: policy.retry === undefined ? automatedRetryLimit : (policy.retry.limit ?? 0),
      backoff: backoffOf(policy.retry),
    },
  };
}

function skip(state: Declared, comparison: Comparison, code: 'would-prune-everything' | 'already-failed', message: string): ApplicationEvent[] {
  const { skipped } = state;
  if (skipped !== undefined && skipped.revision === comparison.revision && skipped.code === code && skipped.message === message) return [];
  return [{ type: 'AutoSyncSkipped', data: { revision: comparison.revision, code, message } }];
}
