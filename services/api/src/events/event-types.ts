import type { AccessEvent, ApplicationEvent, CommandEvent, ManifestsEvent, RepositoryEvent, ServiceEvent } from '@plumbline/contracts';

type EventType = (AccessEvent | ApplicationEvent | CommandEvent | ManifestsEvent | RepositoryEvent | ServiceEvent)['type'];

/** The categories of streams, and who writes them. A filter that names another one is refused. */
export const eventCategories = ['account', 'application', 'command', 'manifests', 'policy', 'project', 'repository', 'service'] as const;

// A record, so that a type that is added to the contracts and forgotten here is a compile error.
const types: Readonly<Record<EventType, true>> = {
  ApplicationCompared: true,
  ApplicationDeclared: true,
  ApplicationDeleted: true,
  ApplicationDeletionStarted: true,
  AutoSyncSkipped: true,
  CommandAccepted: true,
  CommandDone: true,
  ComparisonFailed: true,
  DriftDetected: true,
  HealthChanged: true,
  ManifestsRendered: true,
  PolicyChanged: true,
  ProjectDeclared: true,
  ProjectDeleted: true,
  RefUnresolved: true,
  RenderFailed: true,
  RepositoryForgotten: true,
  RepositoryRecovered: true,
  RepositoryRegistered: true,
  RepositoryUnreachable: true,
  RevisionObserved: true,
  ServiceExited: true,
  ServiceStarted: true,
  SyncApplied: true,
  SyncFailed: true,
  SyncRequested: true,
  SyncRetryScheduled: true,
  SyncStarted: true,
  SyncStepCompleted: true,
  SyncSucceeded: true,
  TokenIssued: true,
  TokenRevoked: true,
};

export const eventTypes: readonly string[] = Object.keys(types);
