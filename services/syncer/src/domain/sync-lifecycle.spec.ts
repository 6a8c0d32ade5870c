import type { ApplicationEvent, RecordedEvent } from '@plumbline/contracts';
import { awaitingHealthMessage, evolveApplicationStatus, initialApplicationStatus } from '@plumbline/contracts';
import { specify } from '@plumbline/testing/specification';
import { describe, expect, test } from 'vitest';
import type { ApplicationCommand, AwaitedHealth } from './commands.ts';
import { decide } from './decide.ts';
import { evolve, initialState } from './state.ts';
import {
  applied,
  compared,
  comparison,
  declared,
  deployment,
  outOfSync,
  record,
  requested,
  result,
  service,
  started,
  startedAt,
  succeeded,
} from './testdata/examples.ts';

const { given } = specify<ApplicationCommand, ReturnType<typeof evolve>, ApplicationEvent, RecordedEvent>({ decide, evolve, initialState, record });

const policy = { automated: { prune: true, selfHeal: true } };
const autoSync = (mayInterrupt = false): ApplicationCommand => ({ type: 'AutoSync', operationId: 'op', policy, now: startedAt + 60_000, mayInterrupt });
const health = (status: AwaitedHealth['status'], message?: string): AwaitedHealth => ({
  status,
  timeoutMs: 300_000,
  ...(message === undefined ? {} : { message }),
});
const complete = (status: 'Synced' | 'SyncFailed', more: Partial<Extract<ApplicationCommand, { type: 'CompleteStep' }>> = {}): ApplicationCommand => ({
  type: 'CompleteStep',
  operationId: 'a',
  attempt: 0,
  step: 0,
  results: [result(deployment, status, status === 'Synced' ? 'configured' : 'quota exceeded')],
  now: startedAt,
  canRetry: false,
  ...more,
});
const until = new Date(startedAt + 300_000).toISOString();
const running = [declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1'), started('a')];
const waiting = [...running, applied('a', until), compared('r1', [deployment])];
const statusOf = (events: ApplicationEvent[]) => events.map(record).reduce(evolveApplicationStatus, initialApplicationStatus);
const request: ApplicationCommand = {
  type: 'RequestSync',
  operationId: 'b',
  initiatedBy: { username: 'admin' },
  revision: 'r1',
  manifestSet: 'set-r1',
  operation: {},
  retry: undefined,
  allowEmpty: false,
};

describe('an operation whose objects are all applied', () => {
  test.each(['Healthy', 'Suspended'] as const)('has succeeded when they are %s', (status) => {
    given(running)
      .when(complete('Synced', { health: health(status) }))
      .thenTypes(['SyncStepCompleted', 'SyncApplied', 'SyncSucceeded']);
  });

  test('stays Running while they are not healthy yet', () => {
    const [, afterwards] = given(running)
      .when(complete('Synced', { health: health('Progressing') }))
      .thenTypes(['SyncStepCompleted', 'SyncApplied']);
    expect(afterwards).toEqual(applied('a', until));
    const { operationState, history } = statusOf(waiting);
    expect(operationState).toMatchObject({ phase: 'Running', message: awaitingHealthMessage });
    expect(history).toMatchObject([{ revision: 'r1' }]);
  });

  const judge = (judged: AwaitedHealth, now: number): ApplicationCommand => ({ type: 'JudgeHealth', operationId: 'a', health: judged, now });

  test('ends when they are healthy, and once', () => {
    const end = [succeeded('a', 'r1')];
    given(waiting)
      .when(judge(health('Healthy'), startedAt + 1_000))
      .then(end);
    given([...waiting, ...end])
      .when(judge(health('Healthy'), startedAt + 2_000))
      .thenNothing();
    expect(statusOf([...waiting, ...end]).history).toHaveLength(1);
  });

  test('fails when they are degraded, and says which', () => {
    const [end] = given(waiting)
      .when(judge(health('Degraded', 'apps/Deployment:shop/web: deadline exceeded'), startedAt + 1_000))
      .thenTypes(['SyncFailed']);
    expect(end!.data).toMatchObject({ phase: 'Failed', message: 'applied, not healthy: apps/Deployment:shop/web: deadline exceeded' });
  });

  test('fails when time is up, not before', () => {
    given(waiting)
      .when(judge(health('Progressing', 'web'), startedAt + 299_999))
      .thenNothing();
    const [end] = given(waiting)
      .when(judge(health('Progressing', 'web'), startedAt + 300_000))
      .thenTypes(['SyncFailed']);
    expect(end!.data).toMatchObject({ message: 'applied, not healthy: web (still Progressing after 300 s)' });
  });

  test('gives way to a newer commit, and has done its work', () => {
    const newer = [...waiting, compared('r2', [outOfSync(deployment)])];
    const [end] = given(newer).when(autoSync()).thenTypes(['SyncSucceeded', 'SyncRequested']);
    expect(end!.data).toMatchObject({ operationId: 'a', message: 'applied; superseded by r2 before it was healthy' });
  });

  test('gives way to self-healing, and to what somebody asks for', () => {
    given([...waiting, compared('r1', [outOfSync(deployment), service])])
      .when(autoSync())
      .thenTypes(['SyncSucceeded', 'SyncRequested']);
    given(waiting).when(request).thenTypes(['SyncSucceeded', 'SyncRequested']);
  });

  test('is not begun again because it was not healthy, and what drifts is healed all the same', () => {
    const unhealthy: ApplicationEvent[] = [
      ...waiting,
      { type: 'SyncFailed', data: { operationId: 'a', phase: 'Failed', message: 'applied, not healthy: web' } },
    ];
    given(unhealthy).when(autoSync()).thenNothing();
    const [heal] = given([...unhealthy, compared('r1', [outOfSync(deployment)])])
      .when(autoSync())
      .thenTypes(['SyncRequested']);
    expect(heal!.data).toMatchObject({ trigger: 'self-heal' });
  });

  test('says drift as drift', () => {
    const drifted = comparison('r1', [outOfSync(deployment)]);
    given(waiting).when({ type: 'RecordComparison', comparison: drifted, drift: [] }).thenTypes(['DriftDetected', 'ApplicationCompared']);
  });
});

describe('a newer commit', () => {
  const newer = [...running, compared('r2', [outOfSync(deployment)])];

  test('takes the place of a sync that waits for objects', () => {
    const [end] = given(newer).when(autoSync(true)).thenTypes(['SyncFailed', 'SyncRequested']);
    expect(end!.data).toMatchObject({ message: '0 of 1 steps done; superseded by r2' });
  });

  test('waits for a hook, and for what somebody asked for', () => {
    given(newer).when(autoSync(false)).thenNothing();
    const byHand = [declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1', { trigger: 'manual' }), started('a')];
    given([...byHand, compared('r2', [outOfSync(deployment)])])
      .when(autoSync(true))
      .thenNothing();
  });

  test('is no newer commit when it is the same one', () => given(running).when(autoSync(true)).thenNothing());
});

describe('the SyncFail phase', () => {
  const begun: ApplicationEvent = {
    type: 'SyncStarted',
    data: {
      operationId: 'a',
      attempt: 0,
      steps: [
        { phase: 'Sync', wave: 0, resources: 1 },
        { phase: 'Sync', wave: 1, resources: 1 },
      ],
      onFailure: [{ phase: 'SyncFail', wave: 0, resources: 1 }],
    },
  };
  const before = [declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1'), begun];
  const hook = (status: 'Synced' | 'SyncFailed') => [{ ...result(deployment, status, 'hook'), syncPhase: 'SyncFail' as const, hookType: 'SyncFail' as const }];

  test('comes after a step that failed, before the attempt ends', () => {
    const failedStep = given(before)
      .when(complete('SyncFailed', { canRetry: true }))
      .thenTypes(['SyncStepCompleted', 'SyncFailPhaseStarted']);
    const [, end] = given([...before, ...failedStep])
      .when(complete('Synced', { step: 1, results: hook('Synced') }))
      .thenTypes(['SyncStepCompleted', 'SyncRetryScheduled']);
    expect(end!.data).toMatchObject({ attempt: 1, message: expect.stringContaining('quota exceeded') as string });
  });

  test('that fails changes nothing about why the sync failed', () => {
    const failedStep = given(before).when(complete('SyncFailed')).thenTypes(['SyncStepCompleted', 'SyncFailPhaseStarted']);
    const [, end] = given([...before, ...failedStep])
      .when(complete('SyncFailed', { step: 1, results: hook('SyncFailed') }))
      .thenTypes(['SyncStepCompleted', 'SyncFailed']);
    expect(end!.data).toMatchObject({ message: expect.stringContaining('Deployment shop/web: quota exceeded') as string });
  });

  test('is over when the next attempt begins', () => {
    const retried = [...before, ...given(before).when(complete('SyncFailed')).thenTypes(['SyncStepCompleted', 'SyncFailPhaseStarted'])];
    given([...retried, { ...begun, data: { ...begun.data, attempt: 1 } } as ApplicationEvent])
      .when(complete('Synced', { attempt: 1 }))
      .thenTypes(['SyncStepCompleted']);
  });
});

describe('terminating', () => {
  const terminate: ApplicationCommand = { type: 'TerminateSync', operationId: 'a' };
  const terminating = [...running, { type: 'SyncTerminationRequested', data: { operationId: 'a' } } as ApplicationEvent];

  test('is asked once, of what runs', () => {
    given(running)
      .when(terminate)
      .then([terminating.at(-1)!]);
    given(waiting).when(terminate).thenTypes(['SyncTerminationRequested']);
    given(terminating).when(terminate).thenNothing();
    given([...running, succeeded('a', 'r1')])
      .when(terminate)
      .thenNothing();
    given(running)
      .when({ ...terminate, operationId: 'b' })
      .thenNothing();
    expect(statusOf(terminating).operationState).toMatchObject({ phase: 'Terminating' });
  });

  test('ends in failure without another try', () => {
    const end: ApplicationCommand = { type: 'FailSync', operationId: 'a', phase: 'Failed', message: 'Operation terminated', now: startedAt, canRetry: true };
    given(terminating).when(end).thenTypes(['SyncFailed']);
  });

  test('is not overtaken by a newer commit', () =>
    given([...terminating, compared('r2', [outOfSync(deployment)])])
      .when(autoSync(true))
      .thenNothing());
});
