import type { ApplicationEvent, ApplicationSpec, ApplicationStatus, OperationInitiator, RecordedEvent, ResourceResult, SyncPhase } from '@plumbline/contracts';
import { evolveApplicationStatus, initialApplicationStatus } from '@plumbline/contracts';

type DataOf<T extends ApplicationEvent['type']> = Extract<ApplicationEvent, { type: T }>['data'];

/** Something that was recorded: when, by whom, and what of it is needed later. */
export interface Told<D = unknown> {
  position: number;
  time: string;
  actor: string;
  what: D;
}

/** An application's stream up to a position, folded: its status, and what led to it. Bounded, whatever the stream's length; plain JSON. */
export interface Story {
  /** Of the last event that is folded in. */
  version: number;
  position: number;
  status: ApplicationStatus;
  declared?: Told<{ project: string; spec: ApplicationSpec }>;
  /** The last comparison that succeeded. */
  compared?: Told<{ revision: string; manifestSet: string }>;
  /** The comparison that found it out of sync, or out of sync with these manifests. */
  outOfSync?: Told;
  /** The last comparison, when it failed. */
  failure?: Told<DataOf<'ComparisonFailed'>>;
  /** Until it is in sync again or other manifests are wanted. */
  drift?: Told<DataOf<'DriftDetected'>>;
  health?: Told;
  skipped?: Told<DataOf<'AutoSyncSkipped'>>;
  operation?: OperationStory;
  deletion?: Told<DataOf<'ApplicationDeletionStarted'>>;
  /** Hooks of the deletion that failed and run again. */
  deletionHooks?: Told<DataOf<'DeletionHooksEnded'>>;
  gone?: Told;
}

/** The running operation, or the last one. */
export interface OperationStory {
  operationId: string;
  requested: Told<{ trigger: DataOf<'SyncRequested'>['trigger']; initiatedBy: OperationInitiator; revision: string; retryLimit: number; isDryRun: boolean }>;
  started?: Told<{ attempt: number; steps: { phase: SyncPhase; wave: number; resources: number }[] }>;
  /** Steps of this attempt that are over. */
  completed: number;
  /** The last of them. */
  step?: Told<{ phase: SyncPhase; wave: number }>;
  /** Some of the objects that failed in this attempt, with all that is known of why. */
  failed: ResourceResult[];
  retry?: Told<{ attempt: number; at: string; message: string }>;
  ended?: Told<{ phase: 'Succeeded' | 'Failed' | 'Error'; message: string }>;
}

export const initialStory: Story = { version: 0, position: 0, status: initialApplicationStatus };

/** Named in a sentence or kept in a story; the events have all. */
const objectsKept = 5;
const stepsKept = 200;

/** Never throws: what doesn't fit leaves the story as it is, but for the status. */
export function tell(story: Story, recorded: RecordedEvent): Story {
  const event = recorded as RecordedEvent & ApplicationEvent;
  const { version, position, at } = recorded;
  const next = { ...story, version, position, status: evolveApplicationStatus(story.status, recorded) };
  const told = <D>(what: D): Told<D> => ({ position, time: at, actor: recorded.metadata.actor, what });
  switch (event.type) {
    case 'ApplicationDeclared':
      return { ...next, declared: told({ project: event.data.project, spec: event.data.spec }) };
    case 'ApplicationCompared':
      return tellCompared(next, told(event.data));
    case 'ComparisonFailed':
      return { ...next, failure: told(event.data) };
    case 'DriftDetected':
      return { ...next, drift: told(shortened(event.data)) };
    case 'HealthChanged':
      return event.data.status === story.status.health.status && story.health !== undefined ? next : { ...next, health: told(null) };
    case 'AutoSyncSkipped':
      return { ...next, skipped: told(event.data) };
    case 'ApplicationDeletionStarted':
      return { ...next, deletion: told(event.data) };
    case 'DeletionHooksEnded': {
      const { deletionHooks: _, ...rest } = next;
      return event.data.retryAt === undefined ? rest : { ...rest, deletionHooks: told({ ...event.data, hooks: event.data.hooks.slice(0, objectsKept) }) };
    }
    case 'ApplicationDeleted':
      return { ...next, gone: told(null) };
    default:
      return tellOperation(next, event, told);
  }
}

function tellCompared(story: Story, { what: data, ...when }: Told<DataOf<'ApplicationCompared'>>): Story {
  const { failure: _, outOfSync, drift, skipped, ...rest } = story;
  const { revision, manifestSet } = data;
  const isSameSet = story.compared?.what.manifestSet === manifestSet;
  const isOutOfSync = data.status === 'OutOfSync';
  return {
    ...rest,
    compared: { ...when, what: { revision, manifestSet } },
    ...(isOutOfSync ? { outOfSync: isSameSet && outOfSync !== undefined ? outOfSync : { ...when, what: null } } : {}),
    ...(isOutOfSync && isSameSet && drift !== undefined ? { drift } : {}),
    ...(isOutOfSync && skipped?.what.revision === revision ? { skipped } : {}),
  };
}

const shortened = (drift: DataOf<'DriftDetected'>): DataOf<'DriftDetected'> => {
  const resources = drift.resources.slice(0, objectsKept);
  return { ...drift, resources, more: drift.more + drift.resources.length - resources.length };
};

function tellOperation(story: Story, event: ApplicationEvent, told: <D>(what: D) => Told<D>): Story {
  if (event.type === 'SyncRequested') {
    const { operationId, trigger, initiatedBy, revision, retryLimit, operation } = event.data;
    const { skipped: _, ...rest } = story;
    const requested = told({ trigger, initiatedBy, revision, retryLimit, isDryRun: operation.dryRun === true });
    return { ...rest, operation: { operationId, requested, completed: 0, failed: [] } };
  }
  const { operation } = story;
  if (operation === undefined || !('operationId' in event.data) || event.data.operationId !== operation.operationId) return story;
  return { ...story, operation: advance(operation, event, told) };
}

function advance(operation: OperationStory, event: ApplicationEvent, told: <D>(what: D) => Told<D>): OperationStory {
  const { retry: _, ...running } = operation;
  switch (event.type) {
    case 'SyncStarted': {
      const { attempt, steps } = event.data;
      return { ...running, started: told({ attempt, steps: steps.slice(0, stepsKept) }), completed: 0, failed: [] };
    }
    case 'SyncStepCompleted': {
      const { step, phase, wave, results } = event.data;
      const failed = results.filter((result) => result.status === 'SyncFailed');
      return { ...running, completed: step + 1, step: told({ phase, wave }), failed: [...operation.failed, ...failed].slice(0, objectsKept) };
    }
    case 'SyncRetryScheduled': {
      const { attempt, at, message } = event.data;
      return { ...running, retry: told({ attempt, at, message }) };
    }
    case 'SyncSucceeded':
      return { ...running, ended: told({ phase: 'Succeeded', message: event.data.message }) };
    case 'SyncFailed':
      return { ...running, ended: told({ phase: event.data.phase, message: event.data.message }) };
    default:
      return operation;
  }
}
