import type { ApplicationEvent, RecordedEvent, RetryStrategy, SyncPolicy } from '@plumbline/contracts';
import { specify } from '@plumbline/testing/specification';
import { describe, expect, test } from 'vitest';
import { nextHealAt } from './backoff.ts';
import type { ApplicationCommand } from './commands.ts';
import { decide } from './decide.ts';
import { evolve, initialState } from './state.ts';
import { compared, declared, deployment, failed, outOfSync, record, requested, result, service, started, startedAt, succeeded } from './testdata/examples.ts';

const { given } = specify<ApplicationCommand, ReturnType<typeof evolve>, ApplicationEvent, RecordedEvent>({ decide, evolve, initialState, record });

const automated = { automated: { prune: true, selfHeal: true } };
const autoSync = (policy: SyncPolicy = automated): ApplicationCommand => ({ type: 'AutoSync', operationId: 'op', policy, now: startedAt + 60_000 });
const changed = compared('r1', [outOfSync(deployment)]);
const unknown = { type: 'ApplicationCompared', data: { ...(changed.data as object), status: 'Unknown' } } as ApplicationEvent;

describe('automated sync starts only for an application that (argocd-compat B090)', () => {
  test.each<[string, ApplicationEvent[]]>([
    ['was compared', [declared]],
    ['is out of sync and not merely unknown', [declared, unknown]],
    ['stays', [declared, changed, { type: 'ApplicationDeletionStarted', data: { cascade: true, resources: 1 } }]],
    ['is not being synced', [declared, changed, requested('a', 'r1')]],
    ['is not being synced by hand', [declared, changed, requested('a', 'r0', { trigger: 'manual' }), started('a')]],
    ['is not in a fight over a part of it', [declared, changed, requested('a', 'r1', { trigger: 'self-heal' }), started('a')]],
  ])('%s', (_, events) => {
    given(events).when(autoSync()).thenNothing();
  });

  test('and prunes where objects have to go and others to change, also without the right to prune', () => {
    const pruned = { ...outOfSync(service), requiresPruning: true };
    given([declared, compared('r1', [outOfSync(deployment), pruned])])
      .when(autoSync({ automated: {} }))
      .thenTypes(['SyncRequested']);
  });
});

// A specification that changed is another attempt at the same commit, after a failure and after a success (argocd-compat B091).
test('another specification is tried although the commit was', () => {
  const again = { ...declared, data: { ...(declared.data as object), specHash: 'spec2' } } as ApplicationEvent;
  const before = [declared, changed, requested('a', 'r1'), started('a')];
  for (const ended of [failed('a', 'no'), succeeded('a', 'r1')]) {
    given([...before, ended, again])
      .when(autoSync({ automated: {} }))
      .thenTypes(['SyncRequested']);
  }
});

describe('retries (argocd-compat B094)', () => {
  const limitOf = (retry?: RetryStrategy): unknown => {
    const [event] = given([declared, changed])
      .when(autoSync({ ...automated, ...(retry === undefined ? {} : { retry }) }))
      .thenTypes(['SyncRequested']);
    return (event!.data as { retryLimit: number }).retryLimit;
  };

  test('five where nothing is said, otherwise what is said: nothing but a back-off says none', () => {
    expect([limitOf(), limitOf({ limit: 2 }), limitOf({ limit: 0 }), limitOf({ limit: -1 }), limitOf({ backoff: { duration: '1s' } })]).toEqual([
      5, 2, 0, -1, 0,
    ]);
  });

  test('what the strategy leaves open is Argo CD’s, and so is what can’t be read', () => {
    const backoffOf = (retry: RetryStrategy): unknown => {
      const [event] = given([declared, changed])
        .when(autoSync({ ...automated, retry }))
        .thenTypes(['SyncRequested']);
      return (event!.data as { backoff: unknown }).backoff;
    };
    expect(backoffOf({ limit: 1 })).toEqual({ durationMs: 5_000, factor: 2, maxDurationMs: 180_000 });
    expect(backoffOf({ backoff: { duration: '7', factor: 3, maxDuration: '1m30s' } })).toEqual({ durationMs: 7_000, factor: 3, maxDurationMs: 90_000 });
    expect(backoffOf({ backoff: { duration: 'soon', factor: 0, maxDuration: '' } })).toEqual({ durationMs: 5_000, factor: 2, maxDurationMs: 180_000 });
  });

  const afterAttempts = (attempt: number, retryLimit: number): ReturnType<typeof given> =>
    given([declared, changed, requested('a', 'r1', { retryLimit }), started('a', attempt)]);
  const fail = (attempt: number): ApplicationCommand => ({
    type: 'CompleteStep',
    operationId: 'a',
    attempt,
    step: 0,
    results: [result(deployment, 'SyncFailed', 'quota exceeded')],
    now: startedAt,
    canRetry: true,
  });

  test.each([
    [0, 0, false],
    [0, 1, true],
    [1, 2, true],
    [2, 2, false],
    [500, -1, true],
  ])('attempt %i of a sync that may be retried %i times is followed by another one: %s', (attempt, limit, isRetried) => {
    afterAttempts(attempt, limit)
      .when(fail(attempt))
      .thenTypes(['SyncStepCompleted', isRetried ? 'SyncRetryScheduled' : 'SyncFailed']);
  });
});

describe('a sync by hand that is to be retried with the newest commit (retry.refresh, argocd-compat B094)', () => {
  const asked = { trigger: 'manual' as const, initiatedBy: { username: 'ann' }, operation: { prune: true, revision: 'r1' }, retryLimit: 4 };
  const notes = [{ name: 'Reason', value: 'a release' }];
  const waiting = (more: Parameters<typeof requested>[2] = {}, attempt = 2): ApplicationEvent[] => [
    ...[declared, changed, requested('a', 'r1', { ...asked, info: notes, refresh: true, ...more }), started('a', attempt - 1)],
    { type: 'SyncRetryScheduled', data: { operationId: 'a', attempt, at: '2031-01-01T00:00:00.000Z', message: 'no quota' } },
  ];
  const newer = compared('r2', [outOfSync(deployment)]);
  const byHand = autoSync({});

  test('gives way to that while it waits: the same request, with the tries that are left', () => {
    const [failure, renewed] = given([...waiting(), newer])
      .when(byHand)
      .thenTypes(['SyncFailed', 'SyncRequested']);
    expect(failure!.data).toMatchObject({ operationId: 'a', message: 'no quota; superseded by r2' });
    expect(renewed!.data).toMatchObject({
      ...{ operationId: 'op', trigger: 'manual', initiatedBy: { username: 'ann' }, info: notes, revision: 'r2', manifestSet: 'set-r2' },
      ...{ operation: { prune: true, revision: 'r2' }, retryLimit: 2, refresh: true },
    });
  });

  test('has no more tries than it was given, and no end of them where it has none', () => {
    const limitAfter = (more: object, attempt: number): unknown =>
      (
        given([...waiting(more, attempt), newer])
          .when(byHand)
          .thenTypes(['SyncFailed', 'SyncRequested'])[1]!.data as { retryLimit: number }
      ).retryLimit;
    expect([limitAfter({}, 1), limitAfter({}, 4), limitAfter({ retryLimit: -1 }, 7)]).toEqual([3, 0, -1]);
  });

  test.each<[string, ApplicationEvent[]]>([
    ['there is no newer commit', waiting()],
    ['the newer one says the same', [...waiting(), { ...newer, data: { ...(newer.data as object), manifestSet: 'set-r1' } } as ApplicationEvent]],
    ['nobody asked for that', [...waiting({ refresh: false }), newer]],
    ['it brought its own manifests', [...waiting({ operation: { localManifests: 1 } }), newer]],
    ['it is being ended', [...waiting(), { type: 'SyncTerminationRequested', data: { operationId: 'a' } }, newer]],
    ['it runs', [...waiting().slice(0, -1), newer]],
    ['it would prune everything', [...waiting(), compared('r2', [{ ...outOfSync(deployment), requiresPruning: true }])]],
  ])('goes on as it was where %s', (_, events) => given(events).when(byHand).thenNothing());
});

test('a fight over a field is never put off for more than five minutes (argocd-compat B093)', () => {
  const everySecond = Array.from({ length: 30 }, (_, index) => new Date(startedAt + index * 1_000).toISOString());
  expect(nextHealAt(everySecond)).toBe(startedAt + 29_000 + 300_000);
});
