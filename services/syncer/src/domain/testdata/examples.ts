import type { ApplicationEvent, RecordedEvent, ResourceComparison } from '@plumbline/contracts';
import type { Comparison } from '../state.ts';

/** Building blocks of the examples in the specs of this folder. */
export const id = { namespace: 'argocd', name: 'shop', uid: 'u1' };
export const startedAt = Date.parse('2030-01-01T00:00:00.000Z');

/** Each event a second after the one before. */
export const record = (event: ApplicationEvent, index: number): RecordedEvent => ({
  position: index + 1,
  id: `e${index + 1}`,
  stream: 'application-argocd/shop/u1',
  version: index + 1,
  at: new Date(startedAt + index * 1000).toISOString(),
  metadata: { actor: 'system:syncer', service: 'syncer', schemaVersion: 1 },
  ...event,
});

export const declared: ApplicationEvent = {
  type: 'ApplicationDeclared',
  data: { ...id, project: 'default', spec: { project: 'default', destination: { namespace: 'shop' } }, specHash: 'spec1', sealedSpec: 'sealed1' },
};

export const deployment: ResourceComparison = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'shop', name: 'web', status: 'Synced' };
export const service: ResourceComparison = { group: '', version: 'v1', kind: 'Service', namespace: 'shop', name: 'web', status: 'Synced' };

export const comparison = (revision: string, resources: ResourceComparison[]): Comparison => ({
  revision,
  manifestSet: `set-${revision}`,
  sourceType: 'Directory',
  status: resources.some((resource) => resource.status === 'OutOfSync') ? 'OutOfSync' : 'Synced',
  resources,
  images: [],
  conditions: [],
});

export const compared = (revision: string, resources: ResourceComparison[]): ApplicationEvent => ({
  type: 'ApplicationCompared',
  data: { ...comparison(revision, resources), resources, images: [], conditions: [] },
});

export const outOfSync = (resource: ResourceComparison): ResourceComparison => ({ ...resource, status: 'OutOfSync' });
export const extra = (resource: ResourceComparison): ResourceComparison => ({ ...resource, status: 'OutOfSync', requiresPruning: true });

const backoff = { durationMs: 5_000, factor: 2, maxDurationMs: 180_000 };

export const requested = (
  operationId: string,
  revision: string,
  more: Partial<Extract<ApplicationEvent, { type: 'SyncRequested' }>['data']> = {},
): ApplicationEvent => ({
  type: 'SyncRequested',
  data: {
    operationId,
    trigger: 'automated',
    initiatedBy: { automated: true },
    revision,
    manifestSet: `set-${revision}`,
    operation: { prune: true, revision },
    retryLimit: 5,
    backoff,
    ...more,
  },
});

export const started = (operationId: string, attempt = 0): ApplicationEvent => ({
  type: 'SyncStarted',
  data: { operationId, attempt, steps: [{ phase: 'Sync', wave: 0, resources: 2 }] },
});

export const applied = (operationId: string, healthUntil?: string): ApplicationEvent => ({
  type: 'SyncApplied',
  data: { operationId, ...(healthUntil === undefined ? {} : { healthUntil }) },
});

export const succeeded = (operationId: string, revision: string): ApplicationEvent => ({
  type: 'SyncSucceeded',
  data: { operationId, revision, message: 'successfully synced (all tasks run)' },
});

export const failed = (operationId: string, message: string): ApplicationEvent => ({ type: 'SyncFailed', data: { operationId, phase: 'Failed', message } });

export const result = (resource: ResourceComparison, status: 'Synced' | 'SyncFailed', message: string) => ({
  group: resource.group,
  version: resource.version,
  kind: resource.kind,
  namespace: resource.namespace,
  name: resource.name,
  status,
  message,
  syncPhase: 'Sync' as const,
});
