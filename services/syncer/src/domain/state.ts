import type {
  ApplicationCondition,
  ApplicationEvent,
  ApplicationId,
  ApplicationSpec,
  HealthStatusCode,
  OperationInfo,
  OperationInitiator,
  RecordedEvent,
  ResourceComparison,
  ResourceHealth,
  ResourceRef,
  ResourceResult,
  SourceType,
  SyncOperation,
  SyncStatusCode,
  SyncStepHead,
  SyncTrigger,
} from '@plumbline/contracts';
import { mergeResources, resourceRefKey } from '@plumbline/contracts';
import type { DeletionRecord } from './deletion.ts';
import { hookWave } from './deletion.ts';

/** What the log says of one application. Everything else (live objects, manifests) is read anew each time. */
export type ApplicationState = { status: 'unseen' } | Declared | { status: 'deleted' };

export interface Declared {
  status: 'declared';
  id: ApplicationId;
  project: string;
  /** Redacted. */
  spec: ApplicationSpec;
  specHash: string;
  sealedSpec: string;
  comparison?: Comparison;
  /** Objects of a comparison of which the last share has not been told yet. */
  comparing?: readonly ResourceComparison[];
  /** The last failed comparison, until one succeeds. */
  failure?: { condition: string; code: string; message: string; revision?: string };
  health: { status: HealthStatusCode; message?: string; resources: Readonly<Record<string, ResourceHealth>> };
  /** The running operation, or the last one. */
  operation?: OperationRecord;
  /** The last operation that ended and was about the whole application for real: neither a dry run nor a part by hand. */
  attempted?: Attempt;
  /** Last automated sync that was refused, so that the same refusal is not recorded again. */
  skipped?: { revision: string; code: string; message: string };
  /** Starts of the latest self-heals, newest last: a fight over a field backs off. */
  heals: readonly string[];
  /** It is being deleted. */
  deletion?: DeletionRecord;
}

/** Type of the condition that says of which kind the cluster has none. */
export const unknownKindWarning = 'UnknownKindWarning';

export interface Comparison {
  revision: string;
  manifestSet: string;
  sourceType: SourceType;
  status: SyncStatusCode;
  resources: readonly ResourceComparison[];
  images: readonly string[];
  externalUrls?: string[];
  hooks?: ResourceRef[];
  conditions: readonly ApplicationCondition[];
}

export interface OperationRecord {
  operationId: string;
  trigger: SyncTrigger;
  revision: string;
  manifestSet: string;
  /** The spec that was current when it was requested: another spec is another attempt. */
  specHash: string;
  operation: SyncOperation;
  retryLimit: number;
  backoff: { durationMs: number; factor: number; maxDurationMs: number };
  /** Asked for by hand, it is to be retried with the newest commit (`retry.refresh`): who wants it, and why. */
  renewable?: { initiatedBy: OperationInitiator; info?: OperationInfo[] };
  phase: 'Running' | 'Succeeded' | 'Failed' | 'Error';
  attempt: number;
  steps: readonly SyncStepHead[];
  /** Steps of the SyncFail phase. */
  onFailure: readonly SyncStepHead[];
  stepsCompleted: number;
  /** A step failed: what follows is the SyncFail phase, and then this is how the attempt ends. */
  failing?: { message: string; canRetry: boolean };
  /** Everything was applied, and it waits until this moment for health. */
  healthUntil?: string;
  /** It waits until somebody confirms what it prunes. */
  awaitsConfirmation?: boolean;
  /** Somebody wants it to end. */
  isTerminating?: boolean;
  results: readonly ResourceResult[];
  requestedAt: string;
  finishedAt?: string;
  /** Waiting for this moment to try again. */
  retryAt?: string;
  message: string;
}

export interface Attempt extends Pick<OperationRecord, 'revision' | 'manifestSet' | 'specHash' | 'phase' | 'message'> {
  /** All its objects were applied, whatever became of them. */
  isApplied: boolean;
  /** It failed, and this is what was said then of kinds that the cluster doesn't have. */
  unknownKinds?: readonly string[];
}

/** It has objects to apply or hooks to wait for; one that is applied and waits for health is not in anybody's way. */
export const isSyncing = (operation: OperationRecord | undefined): boolean => operation?.phase === 'Running' && operation.healthUntil === undefined;

/** Out of sync although every object is as it should be: the specification wants other metadata for the namespace. */
export const isAboutNamespace = ({ status, resources }: Comparison): boolean =>
  status === 'OutOfSync' && resources.every((resource) => resource.status === 'Synced');

/** About the whole application and for real: neither a dry run, nor a part by hand, nor manifests that no commit has. */
export const isWhole = ({ operation, trigger }: OperationRecord): boolean =>
  operation.dryRun !== true && operation.localManifests === undefined && !(trigger === 'manual' && operation.resources !== undefined);

export const initialState: ApplicationState = { status: 'unseen' };

const healsKept = 10;

/** Never throws: an event that doesn't fit the state leaves it as it is. */
export function evolve(state: ApplicationState, recorded: RecordedEvent): ApplicationState {
  const event = recorded as RecordedEvent & ApplicationEvent;
  if (event.type === 'ApplicationDeclared') return declare(state, event.data);
  if (event.type === 'ApplicationDeleted') return { status: 'deleted' };
  if (state.status !== 'declared') return state;
  switch (event.type) {
    case 'ApplicationDeletionStarted':
      return { ...state, deletion: { cascade: event.data.cascade, ended: [], failures: 0 } };
    case 'DeletionHooksEnded':
      return state.deletion === undefined ? state : { ...state, deletion: evolveDeletion(state.deletion, event.data) };
    case 'ResourcesCompared':
      return { ...state, comparing: mergeResources(state.comparing ?? state.comparison?.resources ?? [], event.data) };
    case 'ApplicationCompared': {
      const { failure: _, skipped, comparing, ...rest } = state;
      const { changesOnly, gone, ...comparison } = event.data;
      const known = comparing ?? state.comparison?.resources ?? [];
      const resources = changesOnly === true ? mergeResources(known, { resources: comparison.resources, gone }) : comparison.resources;
      return { ...rest, ...(skipped?.revision === comparison.revision ? { skipped } : {}), comparison: { ...comparison, resources } };
    }
    case 'ComparisonFailed': {
      const { condition, code, message, revision } = event.data;
      return { ...state, failure: { condition, code, message, ...(revision === undefined ? {} : { revision }) } };
    }
    case 'AutoSyncSkipped':
      return { ...state, skipped: event.data };
    case 'HealthChanged':
      return { ...state, health: evolveHealth(state.health, event.data) };
    case 'DriftDetected':
    case 'LateWriteDetected':
      return state;
    default:
      return evolveOperation(state, event, recorded.at);
  }
}

function declare(state: ApplicationState, data: Extract<ApplicationEvent, { type: 'ApplicationDeclared' }>['data']): Declared {
  const { namespace, name, uid, project, spec, specHash, sealedSpec } = data;
  const declared = { status: 'declared' as const, id: { namespace, name, uid }, project, spec, specHash, sealedSpec };
  if (state.status === 'declared') return { ...state, ...declared };
  return { ...declared, health: { status: 'Unknown', resources: {} }, heals: [] };
}

function evolveDeletion(deletion: DeletionRecord, data: Extract<ApplicationEvent, { type: 'DeletionHooksEnded' }>['data']): DeletionRecord {
  const { retry: _, ...rest } = deletion;
  const { phase, wave, hooks, retryAt } = data;
  if (retryAt === undefined) return { ...rest, ended: [...rest.ended, hookWave(phase, wave)] };
  const failed = hooks.filter(({ status }) => status === 'Failed').map(({ kind, name, message }) => `${kind} ${name}: ${message}`);
  return { ...rest, failures: rest.failures + 1, retry: { phase, at: retryAt, message: `${phase} hook failed: ${failed.join('; ')}` } };
}

function evolveHealth(health: Declared['health'], data: Extract<ApplicationEvent, { type: 'HealthChanged' }>['data']): Declared['health'] {
  const resources: Record<string, ResourceHealth> = { ...health.resources };
  for (const key of data.gone) delete resources[key];
  for (const resource of data.resources) resources[resourceRefKey(resource)] = resource;
  return { status: data.status, ...(data.message === undefined ? {} : { message: data.message }), resources };
}

function evolveOperation(state: Declared, event: ApplicationEvent, at: string): Declared {
  if (event.type === 'SyncRequested') {
    const { operationId, trigger, revision, manifestSet, operation, retryLimit, backoff, initiatedBy, info, refresh } = event.data;
    const isRenewable = refresh === true && trigger === 'manual' && operation.localManifests === undefined;
    const { skipped: _, ...rest } = state;
    return {
      ...rest,
      heals: trigger === 'self-heal' ? [...state.heals, at].slice(-healsKept) : state.heals,
      operation: {
        operationId,
        trigger,
        revision,
        manifestSet,
        specHash: state.specHash,
        operation,
        retryLimit,
        backoff,
        ...(isRenewable ? { renewable: { initiatedBy, ...(info === undefined ? {} : { info }) } } : {}),
        phase: 'Running',
        attempt: 0,
        steps: [],
        onFailure: [],
        stepsCompleted: 0,
        results: [],
        requestedAt: at,
        message: 'waiting to start',
      },
    };
  }
  const current = state.operation;
  if (current === undefined || !('operationId' in event.data) || event.data.operationId !== current.operationId) return state;
  const operation = advance(current, event, at);
  if (operation.phase === 'Running' || !isWhole(operation)) return { ...state, operation };
  const { revision, manifestSet, specHash, phase, message } = operation;
  const isApplied = phase === 'Succeeded' || operation.healthUntil !== undefined;
  const unknownKinds = isApplied ? [] : unknownKindsOf(state.comparison);
  return {
    ...state,
    operation,
    attempted: { revision, manifestSet, specHash, phase, message, isApplied, ...(unknownKinds.length === 0 ? {} : { unknownKinds }) },
  };
}

/** What a comparison says of kinds that the cluster doesn't have. */
export const unknownKindsOf = (comparison: Comparison | undefined): string[] =>
  (comparison?.conditions ?? []).filter(({ type }) => type === unknownKindWarning).map(({ message }) => message);

function advance(operation: OperationRecord, event: ApplicationEvent, at: string): OperationRecord {
  const { retryAt: _retry, finishedAt: _finished, awaitsConfirmation: _awaits, ...running } = operation;
  switch (event.type) {
    case 'SyncStarted': {
      const { attempt, steps, onFailure = [] } = event.data;
      const { failing: _, ...again } = running;
      return { ...again, attempt, steps, onFailure, stepsCompleted: 0, results: [], message: 'syncing' };
    }
    case 'SyncFailPhaseStarted': {
      const { message, canRetry } = event.data;
      return { ...running, failing: { message, canRetry }, steps: [...running.steps.slice(0, running.stepsCompleted), ...running.onFailure], message };
    }
    case 'SyncApplied': {
      const { healthUntil } = event.data;
      return healthUntil === undefined ? running : { ...running, healthUntil, message: 'applied' };
    }
    case 'SyncConfirmationRequested':
      return { ...running, awaitsConfirmation: true, message: event.data.message };
    case 'SyncResumed':
      return { ...running, message: 'syncing' };
    case 'SyncTerminationRequested':
      return { ...running, isTerminating: true };
    case 'SyncStepCompleted':
      return { ...running, stepsCompleted: event.data.step + 1, results: [...operation.results, ...event.data.results] };
    case 'SyncRetryScheduled':
      return { ...running, retryAt: event.data.at, message: event.data.message };
    case 'SyncSucceeded':
      return { ...running, phase: 'Succeeded', finishedAt: at, message: event.data.message };
    case 'SyncFailed':
      return { ...running, phase: event.data.phase, finishedAt: at, message: event.data.message };
    default:
      return operation;
  }
}
