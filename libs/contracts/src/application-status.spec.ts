import { describe, expect, test } from 'vitest';
import { evolveApplicationStatus, initialApplicationStatus, shownStatus } from './application-status.ts';
import type { ApplicationStatus } from './application-status.ts';
import type { ApplicationSpec } from './application.ts';
import type { ApplicationEvent, ResourceComparison, ResourceResult } from './events/application.ts';

/** Each event a second after the one before. */
const fold = (events: readonly ApplicationEvent[], from: ApplicationStatus = initialApplicationStatus): ApplicationStatus =>
  events.reduce<ApplicationStatus>(
    (status, event, index) =>
      evolveApplicationStatus(status, {
        position: index + 1,
        id: `e${index}`,
        stream: 'application-argocd/shop/u1',
        version: index + 1,
        at: new Date(Date.parse('2030-01-01T00:00:00Z') + index * 1000).toISOString(),
        metadata: { actor: 'system:syncer', service: 'syncer', schemaVersion: 1 },
        ...event,
      }),
    from,
  );

const declared = (spec: Partial<ApplicationSpec> = {}): ApplicationEvent => ({
  type: 'ApplicationDeclared',
  data: {
    namespace: 'argocd',
    name: 'shop',
    uid: 'u1',
    project: 'default',
    spec: { project: 'default', destination: {}, ...spec },
    specHash: 'h',
    sealedSpec: 's',
  },
});
const web: ResourceComparison = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'shop', name: 'web', status: 'Synced' };
const settings: ResourceComparison = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings', status: 'Synced' };

const compared = (
  resources: ResourceComparison[],
  more: Partial<Extract<ApplicationEvent, { type: 'ApplicationCompared' }>['data']> = {},
): ApplicationEvent => ({
  type: 'ApplicationCompared',
  data: { revision: 'r1', manifestSet: 'm', sourceType: 'Helm', status: 'Synced', resources, images: [], conditions: [], ...more },
});
const requested = (operationId: string, operation: object = {}): ApplicationEvent => ({
  type: 'SyncRequested',
  data: {
    operationId,
    trigger: 'manual',
    initiatedBy: { username: 'ann' },
    revision: 'r1',
    manifestSet: 'm',
    operation,
    retryLimit: 0,
    backoff: { durationMs: 1, factor: 1, maxDurationMs: 1 },
  },
});
const started = (operationId: string): ApplicationEvent => ({ type: 'SyncStarted', data: { operationId, attempt: 0, steps: [] } });
const completed = (operationId: string, results: ResourceResult[]): ApplicationEvent => ({
  type: 'SyncStepCompleted',
  data: { operationId, attempt: 0, step: 0, phase: 'Sync', wave: 0, results },
});
const applied = (operationId: string): ApplicationEvent => ({ type: 'SyncApplied', data: { operationId } });
const succeeded = (operationId: string): ApplicationEvent => ({ type: 'SyncSucceeded', data: { operationId, revision: 'r1', message: 'done' } });
const synced = (operationId: string, operation: object = {}): ApplicationEvent[] => [
  requested(operationId, operation),
  started(operationId),
  completed(operationId, []),
  applied(operationId),
  succeeded(operationId),
];

describe('resources', () => {
  test('are listed by group, kind, namespace and name (argocd-compat 2.1 status.resources)', () => {
    expect(fold([declared(), compared([web, settings])]).resources).toEqual([settings, web]);
  });

  test('that are not there are Missing, until they are', () => {
    const before = fold([declared(), compared([{ ...web, status: 'OutOfSync', missing: true }])]);
    expect(before.resources).toEqual([{ ...web, status: 'OutOfSync', health: { status: 'Missing' } }]);
    expect(fold([compared([web])], before).resources).toEqual([web]);
  });

  test('that were healthy and are gone are Missing, whichever event comes first', () => {
    const health: ApplicationEvent = { type: 'HealthChanged', data: { status: 'Healthy', resources: [{ ...web, health: 'Healthy' }], gone: [] } };
    const gone: ApplicationEvent = { type: 'HealthChanged', data: { status: 'Missing', resources: [], gone: ['apps/Deployment/shop/web'] } };
    const missing = compared([{ ...web, status: 'OutOfSync', missing: true }]);
    const expected = [{ ...web, status: 'OutOfSync', health: { status: 'Missing' } }];
    expect(fold([declared(), compared([web]), health, missing, gone]).resources).toEqual(expected);
    expect(fold([declared(), compared([web]), health, gone, missing]).resources).toEqual(expected);
  });

  test('keep their health when they are compared again', () => {
    const health: ApplicationEvent = {
      type: 'HealthChanged',
      data: { status: 'Degraded', resources: [{ ...web, health: 'Degraded', message: 'no' }], gone: [] },
    };
    const status = fold([declared(), compared([web]), health, compared([{ ...web, status: 'OutOfSync' }])]);
    expect(status.resources[0]).toMatchObject({ status: 'OutOfSync', health: { status: 'Degraded', message: 'no' } });
  });
});

test('the summary has images, addresses, and whether it makes Applications (argocd-compat 2.1 status.summary)', () => {
  const child: ResourceComparison = { group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: 'argocd', name: 'child', status: 'Synced' };
  expect(fold([declared(), compared([web], { images: ['nginx'], externalUrls: ['https://shop.example.org'] })]).summary).toEqual({
    images: ['nginx'],
    externalURLs: ['https://shop.example.org'],
  });
  expect(fold([declared(), compared([child])]).summary).toEqual({ isAppOfApps: true });
});

test('an application with spec.sources has one source type for each, and names the sources that were synced', () => {
  const sources = [{ repoURL: 'https://git.example.org/a', path: '.' }];
  const status = fold([declared({ sources }), compared([web]), ...synced('a')]);
  expect(status.sourceTypes).toEqual(['Helm']);
  expect(status.sync).toMatchObject({ revision: 'r1', revisions: ['r1'] });
  expect(status.operationState?.syncResult).toMatchObject({ sources, revisions: ['r1'] });
  expect(status.history[0]).toMatchObject({ sources, revisions: ['r1'] });
});

test('the health keeps the time since when it is what it is, whatever its message', () => {
  const health = (status: 'Healthy' | 'Degraded', message?: string): ApplicationEvent => ({
    type: 'HealthChanged',
    data: { status, resources: [], gone: [], ...(message === undefined ? {} : { message }) },
  });
  const degraded = fold([declared(), compared([web]), health('Degraded', 'one is')]);
  const still = fold([declared(), compared([web]), health('Degraded', 'one is'), health('Degraded', 'two are')]);
  expect(still.health).toEqual({ ...degraded.health, message: 'two are' });
  const healthy = fold([declared(), compared([web]), health('Degraded', 'one is'), health('Healthy')]);
  expect(healthy.health).toEqual({ status: 'Healthy', lastTransitionTime: '2030-01-01T00:00:03.000Z' });
});

describe('conditions', () => {
  const condition = { type: 'SharedResourceWarning', message: 'two own it' };
  test('keep the time of their first appearance while they say the same', () => {
    const first = fold([declared(), compared([web], { conditions: [condition] })]);
    const later = fold([declared(), compared([web], { conditions: [condition] }), declared(), compared([settings], { conditions: [condition] })]);
    expect(later.conditions).toEqual(first.conditions);
    const other = fold([
      declared(),
      compared([web], { conditions: [condition] }),
      compared([web], { conditions: [{ ...condition, message: 'three own it' }] }),
    ]);
    expect(other.conditions[0]!.lastTransitionTime).not.toBe(first.conditions[0]!.lastTransitionTime);
  });
});

describe('the history', () => {
  const of = (...events: ApplicationEvent[]) => fold([declared({ revisionHistoryLimit: 2 }), compared([web]), ...events]).history;

  test('has the last syncs, numbered from 0, with who asked for them (argocd-compat B103)', () => {
    const history = of(...synced('a'), ...synced('b'), ...synced('c'));
    expect(history.map(({ id }) => id)).toEqual([1, 2]);
    expect(history[0]).toMatchObject({ revision: 'r1', initiatedBy: { username: 'ann' } });
    expect(history[0]!.deployStartedAt < history[0]!.deployedAt).toBe(true);
  });

  test('has no part of a sync and no dry run (argocd-compat B028)', () => {
    expect(of(...synced('a', { dryRun: true }), ...synced('b', { resources: [{ kind: 'ConfigMap', name: 'settings' }] }))).toEqual([]);
  });

  test('is empty with a limit of 0', () => {
    const before = fold([declared(), compared([web]), ...synced('a')]);
    expect(before.history).toHaveLength(1);
    expect(fold([declared({ revisionHistoryLimit: 0 }), ...synced('b')], before).history).toEqual([]);
  });
});

describe('the operation', () => {
  const result: ResourceResult = { ...web, status: 'Synced', message: 'created', syncPhase: 'Sync', images: ['nginx'] };

  test('has a result of each object, each with a phase', () => {
    const hook: ResourceResult = {
      ...web,
      name: 'migrate',
      status: 'Synced',
      message: 'created',
      syncPhase: 'PreSync',
      hookType: 'PreSync',
      hookPhase: 'Failed',
    };
    const status = fold([
      declared(),
      compared([web]),
      requested('a'),
      started('a'),
      completed('a', [result, { ...result, status: 'SyncFailed' }]),
      completed('a', [hook]),
    ]);
    const { resources } = status.operationState!.syncResult;
    expect(resources.map(({ hookPhase }) => hookPhase)).toEqual(['Succeeded', 'Failed', 'Failed']);
    expect(resources[0]).toMatchObject({ images: ['nginx'], syncPhase: 'Sync', message: 'created' });
  });

  test('says who asked for it, with what notes, and how it is retried', () => {
    const { data } = requested('a') as Extract<ApplicationEvent, { type: 'SyncRequested' }>;
    const info = [{ name: 'Reason', value: 'a release' }];
    const shown = fold([declared(), compared([web]), { type: 'SyncRequested', data: { ...data, info, retryLimit: 3, refresh: true } }]);
    expect(shown.operationState?.operation).toEqual({ sync: {}, initiatedBy: { username: 'ann' }, info, retry: { limit: 3, refresh: true } });
    expect(fold([declared(), compared([web]), requested('a')]).operationState?.operation).toEqual({ sync: {}, initiatedBy: { username: 'ann' } });
  });

  // Argo CD's clients tell by `finishedAt` of a running operation that it backs off (argocd-compat B094).
  test('that backs off is Running, has the end of its last attempt and says when the next one begins', () => {
    const retry: ApplicationEvent = {
      type: 'SyncRetryScheduled',
      data: { operationId: 'a', attempt: 1, at: '2030-01-01T00:00:09.000Z', message: 'one or more objects failed to apply' },
    };
    const failing = [declared(), compared([web]), requested('a'), started('a'), completed('a', [{ ...result, status: 'SyncFailed' }]), retry];
    const waiting = fold(failing).operationState!;
    expect(waiting).toMatchObject({ phase: 'Running', startedAt: '2030-01-01T00:00:02.000Z', finishedAt: '2030-01-01T00:00:05.000Z' });
    expect(waiting.message).toBe('one or more objects failed to apply. Retrying attempt #1 at 2030-01-01T00:00:09.000Z.');
    expect(waiting.syncResult.resources).toHaveLength(1);
    expect(waiting).not.toHaveProperty('retryCount');

    const again: ApplicationEvent = { type: 'SyncStarted', data: { operationId: 'a', attempt: 1, steps: [] } };
    const second = fold([...failing, again]).operationState!;
    expect(second).toMatchObject({ phase: 'Running', retryCount: 1, startedAt: waiting.startedAt, syncResult: { resources: [] } });
    expect(second).not.toHaveProperty('finishedAt');
    const failed: ApplicationEvent = { type: 'SyncFailed', data: { operationId: 'a', phase: 'Failed', message: 'no' } };
    expect(fold([...failing, again, failed]).operationState).toMatchObject({ phase: 'Failed', message: 'no', retryCount: 1, finishedAt: expect.any(String) });
  });

  test('shows hooks among the resources, without a status, and counts them nowhere', () => {
    const hook = { group: 'batch', version: 'v1', kind: 'Job', namespace: 'shop', name: 'migrate' };
    const status = fold([declared(), compared([web], { hooks: [hook] })]);
    expect(shownStatus(status).resources).toEqual([expect.objectContaining({ kind: web.kind, status: 'Synced' }), { ...hook, hook: true }]);
    expect(status.resources).toHaveLength(1);
    expect(shownStatus(status)).not.toHaveProperty('hooks');
    expect(shownStatus(fold([compared([web])], status)).resources).toHaveLength(1);
  });

  test('says what the namespace got, as long as the specification asks for it', () => {
    const managedNamespaceMetadata = { labels: { team: 'shop' } };
    const status = fold([declared({ syncPolicy: { managedNamespaceMetadata } }), compared([web]), requested('a')]);
    expect(status.operationState?.syncResult.managedNamespaceMetadata).toEqual(managedNamespaceMetadata);
    expect(fold([declared(), requested('b')], status).operationState?.syncResult).not.toHaveProperty('managedNamespaceMetadata');
    expect(shownStatus(status)).not.toHaveProperty('namespaceMetadata');
    expect(shownStatus(status)).not.toHaveProperty('historyLimit');
  });
});

describe('a sync that waits for a word', () => {
  const asked = (objects: string): ApplicationEvent => ({
    type: 'SyncConfirmationRequested',
    data: { operationId: 'a', message: `waiting for pruning confirmation of ${objects}` },
  });
  const waiting = [declared(), compared([web]), requested('a'), started('a'), asked('ConfigMap/shop/old')];
  const warnings = (events: readonly ApplicationEvent[]): string[] =>
    fold(events)
      .conditions.filter(({ type }) => type === 'PruneConfirmationWarning')
      .map(({ message }) => message);

  test('is told by a condition that says what to do, through comparisons, for as long as it waits', () => {
    const expected = [expect.stringMatching(/^waiting for pruning confirmation of ConfigMap\/shop\/old: annotate the Application with .*deletion-approved/)];
    expect(warnings(waiting)).toEqual(expected);
    expect(warnings([...waiting, compared([web, settings])])).toEqual(expected);
    expect(warnings([...waiting, { type: 'ComparisonFailed', data: { condition: 'ComparisonError', code: 'render-failed', message: 'no' } }])).toEqual(
      expected,
    );
    expect(warnings([...waiting, asked('ConfigMap/shop/other')])).toEqual([expect.stringContaining('ConfigMap/shop/other')]);
    expect(fold([...waiting, compared([web])]).conditions).toMatchObject([
      { type: 'PruneConfirmationWarning', lastTransitionTime: '2030-01-01T00:00:04.000Z' },
    ]);
  });

  test.each<ApplicationEvent>([
    { type: 'SyncResumed', data: { operationId: 'a' } },
    { type: 'SyncTerminationRequested', data: { operationId: 'a' } },
    { type: 'SyncFailed', data: { operationId: 'a', phase: 'Failed', message: 'superseded' } },
    started('a'),
    completed('a', []),
    requested('b'),
  ])('and no longer: $type', (event) => {
    const status = fold([...waiting, event, compared([web])]);
    expect(status.conditions).toEqual([]);
  });
});
