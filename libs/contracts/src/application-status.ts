import type {
  ApplicationDestination,
  ApplicationSource,
  IgnoreDifference,
  OperationInfo,
  OperationInitiator,
  SyncOperation,
  SyncPolicy,
} from './application.ts';
import type { RecordedEvent } from './event.ts';
import { mergeResources, sortedByKey } from './compared-resources.ts';
import { resourceRefKey } from './events/application.ts';
import type {
  ApplicationEvent,
  HealthStatusCode,
  OperationPhase,
  ResourceComparison,
  ResourceHealth,
  ResourceRef,
  ResourceResult,
  SourceType,
  SyncStatusCode,
} from './events/application.ts';

type Compared = Extract<ApplicationEvent, { type: 'ApplicationCompared' }>['data'];

/** `.status` of an Application in Argo CD's shape, as a projection of the application's stream. */
export interface ApplicationStatus {
  sync: {
    status: SyncStatusCode;
    revision?: string;
    /** Of each of `spec.sources`, where the application names its sources there. */
    revisions?: string[];
    comparedTo?: { source?: ApplicationSource; sources?: ApplicationSource[]; destination: ApplicationDestination; ignoreDifferences?: IgnoreDifference[] };
  };
  health: { status: HealthStatusCode; message?: string; lastTransitionTime?: string };
  resources: ResourceStatus[];
  history: RevisionHistory[];
  conditions: { type: string; message: string; lastTransitionTime: string }[];
  reconciledAt?: string;
  operationState?: OperationState;
  sourceType?: SourceType;
  summary: { images?: string[]; externalURLs?: string[]; isAppOfApps?: boolean };
  /** Of each of `spec.sources`, where there are several. */
  sourceTypes?: SourceType[];
  /** Hooks of the manifests, kept apart because they are not compared; shown among the resources. */
  hooks?: ResourceRef[];
  /** `spec.revisionHistoryLimit`, remembered for the fold; not a field of Argo CD's status. */
  historyLimit?: number;
  /** `spec.syncPolicy.managedNamespaceMetadata`, remembered for the fold; not a field of Argo CD's status. */
  namespaceMetadata?: NamespaceMetadata;
}

type NamespaceMetadata = NonNullable<SyncPolicy['managedNamespaceMetadata']>;

export interface ResourceStatus extends Omit<ResourceComparison, 'missing' | 'finished'> {
  health?: { status: HealthStatusCode; message?: string };
}

/** A resource as outsiders see it. A hook has neither a sync status nor a health (argocd-compat B061). */
export interface ShownResource extends Omit<ResourceStatus, 'status'> {
  status?: SyncStatusCode;
}

/** The status as outsiders see it. */
export type ShownStatus = Omit<ApplicationStatus, 'historyLimit' | 'namespaceMetadata' | 'hooks' | 'resources'> & { resources: ShownResource[] };

export interface RevisionHistory {
  id: number;
  revision: string;
  revisions?: string[];
  deployStartedAt: string;
  deployedAt: string;
  source?: ApplicationSource;
  sources?: ApplicationSource[];
  initiatedBy?: OperationInitiator;
}

export interface OperationState {
  operation: { sync: SyncOperation; initiatedBy: OperationInitiator; info?: OperationInfo[]; retry?: { limit: number; refresh?: boolean } };
  phase: OperationPhase;
  message: string;
  startedAt: string;
  finishedAt?: string;
  retryCount?: number;
  syncResult: {
    revision: string;
    revisions?: string[];
    source?: ApplicationSource;
    sources?: ApplicationSource[];
    resources: ResourceResult[];
    managedNamespaceMetadata?: NamespaceMetadata;
  };
}

export const initialApplicationStatus: ApplicationStatus = {
  sync: { status: 'Unknown' },
  health: { status: 'Unknown' },
  resources: [],
  history: [],
  conditions: [],
  summary: {},
};

/** `operationState.message` of an operation that is applied and waits for health: it gives way to a newer one. */
export const awaitingHealthMessage = 'all objects are applied; waiting until they are healthy';

/** Of an Application whose sync waits until somebody confirms what it prunes. The suffix is how Argo CD's clients know a warning. */
const confirmationWarning = 'PruneConfirmationWarning';
const howToConfirm = 'annotate the Application with argocd.argoproj.io/deletion-approved and the time as of now (RFC 3339)';

/** Argo CD's default of `spec.revisionHistoryLimit`. The log keeps everything; only the field is short. */
const historyLimitDefault = 10;

/**
 * Fold one event of the application's stream into its status. Sync and health messages are those of the moment the
 * judgement changed. Events of other types leave the status as it is.
 */
export function evolveApplicationStatus(status: ApplicationStatus, recorded: RecordedEvent): ApplicationStatus {
  const event = recorded as RecordedEvent & ApplicationEvent;
  const at = recorded.at;
  switch (event.type) {
    case 'ApplicationDeclared': {
      const { namespaceMetadata: _, ...rest } = status;
      const namespaceMetadata = event.data.spec.syncPolicy?.managedNamespaceMetadata;
      return {
        ...rest,
        sync: { ...status.sync, comparedTo: comparedTo(event.data.spec) },
        historyLimit: event.data.spec.revisionHistoryLimit ?? historyLimitDefault,
        ...(namespaceMetadata === undefined ? {} : { namespaceMetadata }),
      };
    }
    case 'ResourcesCompared':
      return { ...status, resources: evolveResources(status.resources, { ...event.data, changesOnly: true }) };
    case 'ApplicationCompared':
      return evolveComparison(status, event.data, at);
    case 'ComparisonFailed': {
      const condition = { type: event.data.condition, message: event.data.message };
      return {
        ...status,
        sync: { ...status.sync, status: 'Unknown', ...(event.data.revision === undefined ? {} : { revision: event.data.revision }) },
        resources: status.resources.map((resource) => ({ ...resource, status: 'Unknown' as const })),
        conditions: [
          ...status.conditions.filter((other) => !isComparisonCondition(other.type)),
          { ...condition, lastTransitionTime: firstSeen(status, condition, at) },
        ],
        reconciledAt: at,
      };
    }
    case 'AutoSyncSkipped': {
      const condition = { type: 'SyncError', message: event.data.message };
      return {
        ...status,
        conditions: [
          ...status.conditions.filter((other) => other.type !== 'SyncError'),
          { ...condition, lastTransitionTime: firstSeen(status, condition, at) },
        ],
      };
    }
    case 'HealthChanged':
      return evolveHealth(status, event.data, at);
    default:
      return evolveOperation(withoutAwaitedConfirmation(status, event), event, at);
  }
}

function evolveComparison(status: ApplicationStatus, compared: Compared, at: string): ApplicationStatus {
  const resources = evolveResources(status.resources, compared);
  const sources = status.sync.comparedTo?.sources;
  const { hooks: _, ...others } = status;
  return {
    ...others,
    ...(compared.hooks === undefined ? {} : { hooks: compared.hooks }),
    sync: { ...status.sync, status: compared.status, revision: compared.revision, ...ofEach(sources, compared.revision, 'revisions') },
    sourceType: compared.sourceType,
    ...ofEach(sources, compared.sourceType, 'sourceTypes'),
    resources,
    summary: summaryOf(compared, resources),
    conditions: [
      // Why the last sync failed stays true until another revision or another sync.
      ...status.conditions.filter((condition) => condition.type === 'SyncError' && status.sync.revision === compared.revision),
      ...status.conditions.filter((condition) => condition.type === confirmationWarning),
      ...compared.conditions.map((condition) => ({ ...condition, lastTransitionTime: firstSeen(status, condition, at) })),
    ],
    reconciledAt: at,
  };
}

/** Where an application names its sources in `spec.sources`, Argo CD's clients read the list and not the single field. */
const ofEach = <T, N extends string>(sources: readonly unknown[] | undefined, value: T, name: N): Partial<Record<N, T[]>> =>
  sources === undefined ? {} : ({ [name]: sources.map(() => value) } as Record<N, T[]>);

/** Health comes with events of its own, except of what is not there. */
function evolveResources(known: readonly ResourceStatus[], compared: Pick<Compared, 'resources' | 'changesOnly' | 'gone'>): ResourceStatus[] {
  const before = new Map(known.map((resource) => [resourceRefKey(resource), resource.health]));
  const resources = compared.resources.map((one) => {
    const { missing, finished: _, ...resource } = one;
    const health = before.get(resourceRefKey(resource));
    return withHealth(resource, missing === true ? { status: 'Missing' } : health?.status === 'Missing' ? undefined : health);
  });
  return compared.changesOnly === true ? mergeResources(known, { resources, gone: compared.gone }) : sortedByKey(resources);
}

function summaryOf({ images, externalUrls = [] }: Compared, resources: readonly ResourceStatus[]): ApplicationStatus['summary'] {
  const isAppOfApps = resources.some(({ group, kind }) => group === 'argoproj.io' && kind === 'Application');
  return {
    ...(images.length > 0 ? { images } : {}),
    ...(externalUrls.length > 0 ? { externalURLs: externalUrls } : {}),
    ...(isAppOfApps ? { isAppOfApps } : {}),
  };
}

function evolveHealth(status: ApplicationStatus, data: Extract<ApplicationEvent, { type: 'HealthChanged' }>['data'], at: string): ApplicationStatus {
  const changed = new Map<string, ResourceHealth>(data.resources.map((resource) => [resourceRefKey(resource), resource]));
  const gone = new Set(data.gone);
  return {
    ...status,
    health: {
      status: data.status,
      ...(data.message === undefined ? {} : { message: data.message }),
      lastTransitionTime: status.health.status === data.status ? (status.health.lastTransitionTime ?? at) : at,
    },
    resources: status.resources.map((resource) => {
      const key = resourceRefKey(resource);
      if (gone.has(key)) return resource.health?.status === 'Missing' ? resource : withHealth(resource, undefined);
      const health = changed.get(key);
      if (health === undefined) return resource;
      return withHealth(
        resource,
        health.health === undefined ? undefined : { status: health.health, ...(health.message === undefined ? {} : { message: health.message }) },
      );
    }),
  };
}

function evolveOperation(status: ApplicationStatus, event: ApplicationEvent, at: string): ApplicationStatus {
  switch (event.type) {
    case 'SyncRequested': {
      const { initiatedBy, operation, revision, info } = event.data;
      const { source, sources } = status.sync.comparedTo ?? {};
      return {
        ...status,
        conditions: status.conditions.filter((condition) => condition.type !== 'SyncError'),
        operationState: {
          operation: { sync: operation, initiatedBy, ...(info === undefined ? {} : { info }), ...retryOf(event.data) },
          phase: 'Running',
          message: 'waiting to start',
          startedAt: at,
          syncResult: {
            revision,
            ...(source === undefined ? {} : { source }),
            ...(sources === undefined ? {} : { sources }),
            ...ofEach(sources, revision, 'revisions'),
            resources: [],
            ...(status.namespaceMetadata === undefined ? {} : { managedNamespaceMetadata: status.namespaceMetadata }),
          },
        },
      };
    }
    case 'SyncStarted':
      return withOperation(status, (operation) => ({
        ...omitFinished(operation),
        message: 'syncing',
        ...(event.data.attempt === 0 ? {} : { retryCount: event.data.attempt }),
        syncResult: { ...operation.syncResult, resources: [] },
      }));
    case 'SyncStepCompleted':
      return withOperation(status, (operation) => ({
        ...operation,
        message: `${event.data.phase} wave ${event.data.wave} done`,
        syncResult: { ...operation.syncResult, resources: [...operation.syncResult.resources, ...event.data.results.map(withHookPhase)] },
      }));
    case 'SyncFailPhaseStarted':
      return withOperation(status, (operation) => ({ ...operation, message: `${event.data.message}; SyncFail hooks run` }));
    case 'SyncApplied': {
      // What runs from now on is this revision, whatever becomes of its health.
      const applied = withOperation(status, (operation) => ({ ...operation, message: awaitingHealthMessage }));
      return { ...applied, history: appendHistory(applied, at) };
    }
    case 'SyncConfirmationRequested': {
      const { message } = event.data;
      const waiting = withOperation(status, (operation) => ({ ...operation, message }));
      return { ...waiting, conditions: [...waiting.conditions, { type: confirmationWarning, message: `${message}: ${howToConfirm}`, lastTransitionTime: at }] };
    }
    case 'SyncResumed':
      return withOperation(status, (operation) => ({ ...operation, message: 'syncing' }));
    case 'SyncTerminationRequested':
      return withOperation(status, (operation) => ({ ...operation, phase: 'Terminating', message: 'operation is terminating' }));
    case 'SyncRetryScheduled':
      return withOperation(status, (operation) => ({
        ...operation,
        finishedAt: at,
        message: `${event.data.message}. Retrying attempt #${event.data.attempt} at ${event.data.at}.`,
      }));
    case 'SyncFailed':
      return withOperation(status, (operation) => ({ ...operation, phase: event.data.phase, message: event.data.message, finishedAt: at }));
    case 'SyncSucceeded':
      return withOperation(status, (operation) => ({ ...operation, phase: 'Succeeded', message: event.data.message, finishedAt: at }));
    default:
      return status;
  }
}

function retryOf({ retryLimit: limit, refresh }: Extract<ApplicationEvent, { type: 'SyncRequested' }>['data']): Pick<OperationState['operation'], 'retry'> {
  return limit === 0 ? {} : { retry: { limit, ...(refresh === true ? { refresh } : {}) } };
}

/** Argo CD gives every result a phase, not only those of hooks; a step that is over has waited for what it waits for. */
const withHookPhase = (result: ResourceResult): ResourceResult =>
  result.hookPhase === undefined ? { ...result, hookPhase: result.status === 'SyncFailed' ? 'Failed' : 'Succeeded' } : result;

/** The status as outsiders see it: hooks among the resources, and without what only the fold remembers. */
export function shownStatus(folded: ApplicationStatus): ShownStatus {
  const { historyLimit: _, namespaceMetadata: __, hooks = [], ...status } = folded;
  if (hooks.length === 0) return status;
  return { ...status, resources: sortedByKey<ShownResource>([...status.resources, ...hooks.map((hook): ShownResource => ({ ...hook, hook: true }))]) };
}

/** Partial syncs, dry runs and local manifests deploy nothing that one could roll back to (argocd-compat B028). */
export const deploysCommit = ({ dryRun, resources, localManifests }: SyncOperation): boolean =>
  dryRun !== true && resources === undefined && localManifests === undefined;

function appendHistory(status: ApplicationStatus, at: string): RevisionHistory[] {
  const operation = status.operationState;
  if (operation === undefined || !deploysCommit(operation.operation.sync)) return status.history;
  const limit = status.historyLimit ?? historyLimitDefault;
  if (limit <= 0) return [];
  const last = status.history.at(-1);
  const { revision, revisions, source, sources } = operation.syncResult;
  const entry: RevisionHistory = {
    id: last === undefined ? 0 : last.id + 1,
    revision,
    deployStartedAt: operation.startedAt,
    deployedAt: at,
    ...(source === undefined ? {} : { source }),
    ...(sources === undefined ? {} : { sources }),
    ...(revisions === undefined ? {} : { revisions }),
    initiatedBy: operation.operation.initiatedBy,
  };
  return [...status.history, entry].slice(-limit);
}

function withOperation(status: ApplicationStatus, change: (operation: OperationState) => OperationState): ApplicationStatus {
  return status.operationState === undefined ? status : { ...status, operationState: change(status.operationState) };
}

function omitFinished(operation: OperationState): OperationState {
  const { finishedAt: _, ...rest } = operation;
  return { ...rest, phase: 'Running' };
}

function comparedTo(spec: Extract<ApplicationEvent, { type: 'ApplicationDeclared' }>['data']['spec']): NonNullable<ApplicationStatus['sync']['comparedTo']> {
  return {
    ...(spec.source === undefined ? {} : { source: spec.source }),
    ...(spec.sources === undefined ? {} : { sources: spec.sources }),
    destination: spec.destination,
    ...(spec.ignoreDifferences === undefined ? {} : { ignoreDifferences: spec.ignoreDifferences }),
  };
}

function withHealth(resource: ResourceStatus, health: ResourceStatus['health']): ResourceStatus {
  const { health: _, ...rest } = resource;
  return health === undefined ? rest : { ...rest, health };
}

/** Whatever else is said of an operation, it waits for nobody's word any more. */
function withoutAwaitedConfirmation(status: ApplicationStatus, { data }: ApplicationEvent): ApplicationStatus {
  if (!('operationId' in data) || !status.conditions.some(({ type }) => type === confirmationWarning)) return status;
  return { ...status, conditions: status.conditions.filter(({ type }) => type !== confirmationWarning) };
}

const isComparisonCondition = (type: string): boolean => type === 'ComparisonError' || type === 'InvalidSpecError';

function firstSeen(status: ApplicationStatus, condition: { type: string; message: string }, at: string): string {
  return status.conditions.find((other) => other.type === condition.type && other.message === condition.message)?.lastTransitionTime ?? at;
}
