import type { Application, ApplicationStatus, ResourceStatus } from '@plumbline/contracts';
import { initialApplicationStatus } from '@plumbline/contracts';
import { describe, expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { cutCondition } from './fitted-status.ts';
import { resourceStatus } from './resource-status.ts';

const application: Application = {
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: { name: 'shop', namespace: 'argocd' },
  spec: { project: 'default', source: { repoURL: 'https://git.example.org/shop', path: '.' }, destination: {} },
};

const resource = (index: number): ResourceStatus => ({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  namespace: 'a-namespace-with-a-name',
  name: `${'configuration-of-something-'.repeat(2)}${String(index).padStart(5, '0')}`,
  status: 'Synced',
});

function bigStatus(count: number): ApplicationStatus {
  const resources = Array.from({ length: count }, (_, index) => resource(index));
  const results = resources.map((ref) => ({ ...ref, status: 'Synced' as const, message: 'configmap/something created', syncPhase: 'Sync' as const }));
  results[4_321] = { ...results[4_321]!, status: 'SyncFailed' as never };
  resources[4_999] = { ...resources[4_999]!, status: 'OutOfSync' };
  resources[4_998] = { ...resources[4_998]!, health: { status: 'Degraded' } };
  return {
    ...initialApplicationStatus,
    reconciledAt: '2030-01-01T00:00:00.123Z',
    resources,
    operationState: {
      operation: { sync: {}, initiatedBy: { automated: true } },
      phase: 'Failed',
      message: 'no',
      startedAt: '2030-01-01T00:00:00.123Z',
      syncResult: { revision: 'r1', resources: results },
    },
  };
}

interface Shown {
  resources: ResourceStatus[];
  conditions?: ApplicationStatus['conditions'];
  operationState: { syncResult: { resources: ResourceStatus[] } };
}
const shown = (status: ApplicationStatus, of = application): Shown => resourceStatus(status, of, 'argocd') as unknown as Shown;
const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe('a status that the API server would refuse', () => {
  const status = bigStatus(5_000);
  const cut = shown(status);

  test('is cut to what there is room for, and a condition says so', () => {
    expect(sizeOf(status)).toBeGreaterThan(1_572_864);
    expect(sizeOf(cut)).toBeLessThanOrEqual(limits.statusBytesMax);
    expect(sizeOf(cut)).toBeGreaterThan(limits.statusBytesMax * 0.99);
    expect(cut.conditions).toMatchObject([{ type: cutCondition, lastTransitionTime: '2030-01-01T00:00:00Z' }]);
    expect(cut.conditions![0]!.message).toContain(`${cut.operationState.syncResult.resources.length} of 5000 results of the last sync`);
    expect(cut.conditions![0]!.message).toContain('/api/v1/applications/shop');
  });

  test('keeps what is in trouble', () => {
    const bigger = shown(bigStatus(10_000));
    expect(bigger.resources.length).toBeLessThan(10_000);
    expect(bigger.resources.map(({ name }) => name)).toEqual(expect.arrayContaining([resource(4_998).name, resource(4_999).name]));
    expect(cut.resources).toHaveLength(5_000);
    expect(cut.operationState.syncResult.resources.some((result) => (result.status as string) === 'SyncFailed')).toBe(true);
  });

  test('says so with the same time while it says the same', () => {
    const later = shown({ ...status, reconciledAt: '2030-01-02T00:00:00.000Z' }, { ...application, status: { conditions: cut.conditions! } });
    expect(later.conditions).toEqual(cut.conditions);
  });

  test('leaves room for what others put into the object', () => {
    const full = { ...application, metadata: { ...application.metadata, annotations: { big: 'y'.repeat(900_000) } } };
    expect(sizeOf({ ...full, status: shown(status, full) })).toBeLessThanOrEqual(limits.applicationBytesMax);
  });

  test('keeps the newest of a history that is too long', () => {
    const history = Array.from({ length: 40 }, (_, id) => ({
      id,
      revision: 'r1',
      deployStartedAt: '2030-01-01T00:00:00Z',
      deployedAt: '2030-01-01T00:00:00Z',
      source: { repoURL: 'https://git.example.org/shop', helm: { values: 'v'.repeat(50_000) } },
    }));
    const { history: kept } = resourceStatus({ ...initialApplicationStatus, history }, application, 'argocd') as unknown as Pick<ApplicationStatus, 'history'>;
    expect(kept.length).toBeLessThan(40);
    expect(kept.at(-1)!.id).toBe(39);
    expect(kept.at(0)!.id).toBe(40 - kept.length);
  });
});

test('a small status is whole, without a condition, and times have no fractions', () => {
  const status = resourceStatus({ ...initialApplicationStatus, resources: [resource(1)], reconciledAt: '2030-01-01T00:00:00.123Z' }, application, 'argocd');
  expect(status).toMatchObject({ resources: [resource(1)], reconciledAt: '2030-01-01T00:00:00Z', controllerNamespace: 'argocd' });
  expect(status['conditions']).toBeUndefined();
});
