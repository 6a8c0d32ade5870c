import type { ApplicationEvent, RecordedEvent } from '@plumbline/contracts';
import { evolveApplicationStatus, initialApplicationStatus } from '@plumbline/contracts';
import { specify } from '@plumbline/testing/specification';
import { assert, array, constantFrom, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextHealAt, retryDelayMs } from './backoff.ts';
import type { ApplicationCommand } from './commands.ts';
import { decide } from './decide.ts';
import { durationMs } from './durations.ts';
import {
  applied,
  compared,
  comparison,
  declared,
  deployment,
  extra,
  failed,
  id,
  outOfSync,
  record,
  requested,
  result,
  service,
  started,
  startedAt,
  succeeded,
} from './testdata/examples.ts';
import { redactSpec } from './redact.ts';
import { evolve, initialState } from './state.ts';

const { given } = specify<ApplicationCommand, ReturnType<typeof evolve>, ApplicationEvent, RecordedEvent>({ decide, evolve, initialState, record });

const automated = { automated: { prune: true, selfHeal: true } };
const autoSync = (policy: object = automated, now = startedAt + 60_000): ApplicationCommand => ({ type: 'AutoSync', operationId: 'op', policy, now });

describe('declaring', () => {
  const declare = (specHash: string): ApplicationCommand => ({
    type: 'DeclareApplication',
    id,
    project: 'default',
    spec: { project: 'default', destination: { namespace: 'shop' } },
    specHash,
    sealedSpec: 'sealed1',
  });

  test('first sight is an event', () => given([]).when(declare('spec1')).then([declared]));
  test('the same spec is none', () => given([declared]).when(declare('spec1')).thenNothing());
  test('another spec is one', () => given([declared]).when(declare('spec2')).thenTypes(['ApplicationDeclared']));
});

describe('comparing', () => {
  const recordComparison = (revision: string, resources: (typeof deployment)[], drift: (typeof deployment)[] = []): ApplicationCommand => ({
    type: 'RecordComparison',
    comparison: comparison(revision, resources),
    drift: drift.map(({ group, version, kind, namespace, name }) => ({ group, version, kind, namespace, name, drift: 'changed', fields: ['/spec/replicas'] })),
  });

  test('the same judgement is recorded once', () =>
    given([declared, compared('r1', [deployment])])
      .when(recordComparison('r1', [deployment]))
      .thenNothing());

  test('live objects that leave a synced revision are drift', () =>
    given([declared, compared('r1', [deployment])])
      .when(recordComparison('r1', [outOfSync(deployment)], [deployment]))
      .thenTypes(['DriftDetected', 'ApplicationCompared']));

  test('a new revision is no drift', () =>
    given([declared, compared('r1', [deployment])])
      .when(recordComparison('r2', [outOfSync(deployment)], [deployment]))
      .thenTypes(['ApplicationCompared']));

  test('a commit that changes nothing can wait to be recorded; one that does can not', () => {
    const deferred = (revision: string, resource: typeof deployment): ApplicationCommand => {
      const pointer = { ...comparison(revision, [resource]), manifestSet: 'set-r1' };
      return { type: 'RecordComparison', comparison: pointer, drift: [], isPointerDeferred: true };
    };
    given([declared, compared('r1', [deployment])])
      .when(deferred('r2', deployment))
      .thenNothing();
    given([declared, compared('r1', [deployment])])
      .when(deferred('r2', outOfSync(deployment)))
      .thenTypes(['DriftDetected', 'ApplicationCompared']);
  });

  test('the same failure is recorded once, and a comparison ends it', () => {
    const failure = { condition: 'ComparisonError' as const, code: 'manifest-invalid', message: 'bad.yaml:3: …', revision: 'r2' };
    const failing: ApplicationEvent[] = [declared, compared('r1', [deployment]), { type: 'ComparisonFailed', data: failure }];
    given(failing).when({ type: 'RecordComparisonFailure', failure }).thenNothing();
    given(failing)
      .when(recordComparison('r1', [deployment]))
      .thenTypes(['ApplicationCompared']);
  });
});

describe('automated sync', () => {
  test('starts when something is out of sync', () =>
    given([declared, compared('r1', [outOfSync(deployment)])])
      .when(autoSync())
      .then([requested('op', 'r1')]));

  test('does nothing when everything is in sync', () =>
    given([declared, compared('r1', [deployment])])
      .when(autoSync())
      .thenNothing());
  test('does nothing without an automated policy', () =>
    given([declared, compared('r1', [outOfSync(deployment)])])
      .when(autoSync({}))
      .thenNothing());
  test('does nothing when it is switched off', () =>
    given([declared, compared('r1', [outOfSync(deployment)])])
      .when(autoSync({ automated: { enabled: false } }))
      .thenNothing());

  test('without prune, objects that only need pruning start nothing', () =>
    given([declared, compared('r1', [deployment, extra(service)])])
      .when(autoSync({ automated: {} }))
      .thenNothing());

  test('starts for the metadata of the namespace, too, which is no drift; once', () => {
    const other = compared('r1', [deployment]);
    const changed: ApplicationEvent[] = [{ ...other, data: { ...other.data, status: 'OutOfSync' } as never }];
    const before = [declared, compared('r1', [deployment])];
    given(before)
      .when({ type: 'RecordComparison', comparison: { ...comparison('r1', [deployment]), status: 'OutOfSync' }, drift: [] })
      .thenTypes(['ApplicationCompared']);
    given([...before, ...changed])
      .when(autoSync({ automated: {} }))
      .thenTypes(['SyncRequested']);
    given([...before, ...changed, requested('a', 'r1'), started('a'), applied('a'), succeeded('a', 'r1')])
      .when(autoSync({ automated: {} }))
      .thenNothing();
  });

  test('an empty render never prunes everything', () => {
    const empty = [declared, compared('r1', [extra(deployment), extra(service)])];
    const skipped = given(empty).when(autoSync()).thenTypes(['AutoSyncSkipped']);
    given([...empty, ...skipped])
      .when(autoSync())
      .thenNothing();
    given(empty)
      .when(autoSync({ automated: { prune: true, allowEmpty: true } }))
      .thenTypes(['SyncRequested']);
  });

  test('a revision that failed is not tried again, and the reason is said once', () => {
    const after = [declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1'), started('a'), failed('a', 'quota exceeded')];
    const skipped = given(after).when(autoSync()).thenTypes(['AutoSyncSkipped']);
    expect(skipped[0]!.data).toMatchObject({ code: 'already-failed', message: 'Failed last sync attempt to r1: quota exceeded' });
    given([...after, ...skipped])
      .when(autoSync())
      .thenNothing();
    given([...after, compared('r2', [outOfSync(deployment)])])
      .when(autoSync())
      .thenTypes(['SyncRequested']);
  });

  test('a commit that changes no manifest is no reason to undo what was changed by hand, and a reason to try a failed sync again', () => {
    const next = { ...comparison('r2', [outOfSync(deployment)]), manifestSet: 'set-r1' };
    const pointer: ApplicationEvent = { type: 'ApplicationCompared', data: { ...next, resources: [...next.resources], images: [], conditions: [] } };
    const synced = [declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1'), started('a'), succeeded('a', 'r1'), pointer];
    given(synced)
      .when(autoSync({ automated: { prune: true } }))
      .thenNothing();
    const broken = [declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1'), started('a'), failed('a', 'no quota'), pointer];
    given(broken).when(autoSync()).thenTypes(['SyncRequested']);
  });

  test('drift of a synced revision is healed only where the policy says so, and only what drifted', () => {
    const drifted = [
      declared,
      compared('r1', [outOfSync(deployment)]),
      requested('a', 'r1'),
      started('a'),
      succeeded('a', 'r1'),
      compared('r1', [outOfSync(deployment), service]),
    ];
    given(drifted)
      .when(autoSync({ automated: { prune: true } }))
      .thenNothing();
    const [heal] = given(drifted).when(autoSync()).thenTypes(['SyncRequested']);
    expect(heal!.data).toMatchObject({
      trigger: 'self-heal',
      operation: { resources: [{ group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' }] },
    });
  });

  test('a dry run by hand changes nothing about it', () => {
    const dry = requested('dry', 'r1', { trigger: 'manual', operation: { dryRun: true } });
    const drifted = [
      declared,
      compared('r1', [outOfSync(deployment)]),
      requested('a', 'r1'),
      started('a'),
      succeeded('a', 'r1'),
      dry,
      started('dry'),
      succeeded('dry', 'r1'),
    ];
    given([...drifted, compared('r1', [outOfSync(deployment), service])])
      .when(autoSync({ automated: { prune: true } }))
      .thenNothing();
  });

  test('nothing but what the project forbids is no reason to heal again and again', () => {
    const forbidden: ApplicationEvent = { ...compared('r1', [{ ...deployment, status: 'Unknown' }]) };
    const outOfSyncOnly = { ...forbidden, data: { ...(forbidden.data as object), status: 'OutOfSync' } } as ApplicationEvent;
    given([declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1'), started('a'), succeeded('a', 'r1'), outOfSyncOnly])
      .when(autoSync())
      .thenNothing();
  });

  test('a newer commit does not wait for the retries of an older one', () => {
    const retrying: ApplicationEvent[] = [
      declared,
      compared('r1', [outOfSync(deployment)]),
      requested('a', 'r1'),
      started('a'),
      { type: 'SyncRetryScheduled', data: { operationId: 'a', attempt: 1, at: '2030-01-01T01:00:00.000Z', message: 'no quota' } },
      compared('r2', [outOfSync(deployment)]),
    ];
    given(retrying).when(autoSync()).thenTypes(['SyncFailed', 'SyncRequested']);
  });
});

describe('self-heal', () => {
  const heals = (secondsBefore: number[]): string[] => secondsBefore.map((seconds) => new Date(startedAt - seconds * 1000).toISOString());

  test('five within a minute are immediate, then it backs off', () => {
    expect(nextHealAt(heals([]))).toBe(0);
    expect(nextHealAt(heals([4, 3, 2, 1]))).toBe(0);
    expect(nextHealAt(heals([5, 4, 3, 2, 1]))).toBe(startedAt - 1000 + 2000);
    expect(nextHealAt(heals([6, 5, 4, 3, 2, 1]))).toBe(startedAt - 1000 + 6000);
  });

  test('a quiet time ends the fight', () => expect(nextHealAt(heals([9000, 8999, 8998, 8997, 1]))).toBe(0));

  test('the last good revision is healed while the newest can not be rendered', () => {
    const drift = [{ group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'shop', name: 'web', drift: 'changed' as const, fields: ['/spec/replicas'] }];
    const broken: ApplicationEvent[] = [
      declared,
      compared('r1', [deployment]),
      { type: 'ComparisonFailed', data: { condition: 'ComparisonError', code: 'manifest-invalid', message: 'web.yaml:3: …', revision: 'r2' } },
    ];
    const command: ApplicationCommand = { type: 'HealLastGood', operationId: 'op', policy: automated, drift, now: startedAt };
    const [, heal] = given(broken).when(command).thenTypes(['DriftDetected', 'SyncRequested']);
    expect(heal!.data).toMatchObject({ trigger: 'self-heal', revision: 'r1', manifestSet: 'set-r1' });
    given(broken)
      .when({ ...command, policy: { automated: {} } })
      .thenNothing();
  });
});

describe('an operation', () => {
  const running = [declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1'), started('a')];
  const complete = (status: 'Synced' | 'SyncFailed', canRetry: boolean): ApplicationCommand => ({
    type: 'CompleteStep',
    operationId: 'a',
    attempt: 0,
    step: 0,
    results: [result(deployment, status, status === 'Synced' ? 'configured' : 'quota exceeded')],
    now: startedAt,
    canRetry,
  });

  test('ends well with its last step', () => given(running).when(complete('Synced', false)).thenTypes(['SyncStepCompleted', 'SyncApplied', 'SyncSucceeded']));

  test('is retried with back-off while that can help', () => {
    const [, retry] = given(running).when(complete('SyncFailed', true)).thenTypes(['SyncStepCompleted', 'SyncRetryScheduled']);
    expect(retry!.data).toMatchObject({
      attempt: 1,
      at: new Date(startedAt + 5000).toISOString(),
      message: expect.stringContaining('Deployment shop/web: quota exceeded') as string,
    });
  });

  test('fails at once where only another manifest helps', () =>
    given(running).when(complete('SyncFailed', false)).thenTypes(['SyncStepCompleted', 'SyncFailed']));

  test('tells the outcome of a big step in several events', () => {
    const results = Array.from({ length: 1_200 }, (_, index) => result({ ...deployment, name: `web-${index}` }, 'Synced', 'configured '.repeat(10)));
    const command: ApplicationCommand = { type: 'CompleteStep', operationId: 'a', attempt: 0, step: 0, results, now: startedAt, canRetry: false };
    const told = given(running)
      .when(command)
      .thenTypes([...Array.from({ length: 4 }, () => 'SyncStepCompleted' as const), 'SyncApplied', 'SyncSucceeded']);
    expect(told.flatMap((event) => (event.type === 'SyncStepCompleted' ? event.data.results : []))).toEqual(results);
  });

  test('takes the outcome of a step once', () => {
    const after = given(running).when(complete('Synced', false)).thenTypes(['SyncStepCompleted', 'SyncApplied', 'SyncSucceeded']);
    given([...running, ...after])
      .when(complete('Synced', false))
      .thenRefused('failed-precondition');
  });

  test('is alone: a second one by hand is refused, the same one again is nothing', () => {
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
    given(running).when(request).thenRefused('failed-precondition');
    given(running)
      .when({ ...request, operationId: 'a' })
      .thenNothing();
  });

  test('by hand does not delete everything either', () => {
    const empty = [declared, compared('r1', [extra(deployment)])];
    const request: ApplicationCommand = {
      type: 'RequestSync',
      operationId: 'b',
      initiatedBy: { username: 'admin' },
      revision: 'r1',
      manifestSet: 'set-r1',
      operation: { prune: true },
      retry: undefined,
      allowEmpty: false,
    };
    given(empty).when(request).thenTypes(['SyncRequested', 'SyncFailed']);
    given(empty)
      .when({ ...request, allowEmpty: true })
      .thenTypes(['SyncRequested']);
  });
});

describe('the folds', () => {
  const events = [
    declared,
    compared('r1', [outOfSync(deployment)]),
    requested('a', 'r1'),
    started('a'),
    failed('a', 'no'),
    succeeded('a', 'r1'),
    compared('r2', [deployment, service]),
  ];

  test('never throw, whatever the order of events', () =>
    assert(
      property(array(constantFrom(...events), { maxLength: 30 }), (history) => {
        let state = evolve(initialState, record(events[0]!, 0));
        let status = initialApplicationStatus;
        history.forEach((event, index) => {
          state = evolve(state, record(event, index));
          status = evolveApplicationStatus(status, record(event, index));
        });
        expect(['unseen', 'declared', 'deleted']).toContain(state.status);
        expect(status.history.length).toBeLessThanOrEqual(10);
      }),
    ));

  test('a sync shows in the status and its history', () => {
    const recorded = [declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1'), started('a'), applied('a'), succeeded('a', 'r1')].map(record);
    const status = recorded.reduce(evolveApplicationStatus, initialApplicationStatus);
    expect(status.operationState).toMatchObject({ phase: 'Succeeded', syncResult: { revision: 'r1' } });
    expect(status.history).toMatchObject([{ id: 0, revision: 'r1', initiatedBy: { automated: true } }]);
  });
});

describe('small rules', () => {
  test.each([
    ['5s', 5_000],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['250ms', 250],
    ['7', 7_000],
    ['', undefined],
    ['soon', undefined],
    ['5s later', undefined],
  ])('duration %j is %j ms', (text, ms) => expect(durationMs(text)).toBe(ms));

  test('retries wait longer and longer, up to a limit', () => {
    const backoff = { durationMs: 5_000, factor: 2, maxDurationMs: 30_000 };
    expect([1, 2, 3, 4, 5].map((attempt) => retryDelayMs(backoff, attempt))).toEqual([5_000, 10_000, 20_000, 30_000, 30_000]);
  });

  test('what may be secret does not get into the log', () => {
    const source = {
      repoURL: 'https://me:canary@git.example.com/x.git',
      path: '.',
      helm: { values: 'password: canary', parameters: [{ name: 'p', value: 'canary' }], valuesObject: { a: 'canary' } },
      plugin: { env: 'canary' },
    };
    const redacted = redactSpec({ project: '', destination: {}, source, sources: [source] }, () => 'f00dfeedf00dfeed');
    expect(JSON.stringify(redacted)).not.toContain('canary');
    expect(redacted.source?.repoURL).toBe('https://git.example.com/x.git');
  });
});
