import type { ApplicationEvent, RecordedEvent, ResourceComparison, ResourceResult } from '@plumbline/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain } from './explain.ts';
import type { Surroundings } from './chain.ts';
import { initialStory, tell } from './story.ts';
import type { Story } from './story.ts';

const commit = '3f2a9c1d8b7e6f5a4c3d2e1f0a9b8c7d6e5f4a3b';
const start = Date.parse('2030-01-01T12:00:00Z');
const now = Date.parse('2030-01-01T18:00:00Z');

/** Event number n is told at 12:n. */
const record = (event: ApplicationEvent, index: number): RecordedEvent => ({
  position: index + 100,
  id: `e${index}`,
  stream: 'application-argocd/shop/u',
  version: index + 1,
  at: new Date(start + index * 60_000).toISOString(),
  metadata: {
    actor: event.type === 'SyncRequested' ? (event.data.initiatedBy.username ?? 'system:syncer') : 'system:syncer',
    service: 'syncer',
    schemaVersion: 1,
  },
  ...event,
});
const storyOf = (events: readonly ApplicationEvent[]): Story => events.map(record).reduce(tell, initialStory);

type Automated = { prune?: boolean; selfHeal?: boolean };
const declared = (automated?: Automated): ApplicationEvent => ({
  type: 'ApplicationDeclared',
  data: {
    namespace: 'argocd',
    name: 'shop',
    uid: 'u',
    project: 'team',
    spec: {
      project: 'team',
      destination: {},
      source: { repoURL: 'https://git.example/org/repo' },
      ...(automated === undefined ? {} : { syncPolicy: { automated } }),
    },
    specHash: 's',
    sealedSpec: 's',
  },
});
const web: ResourceComparison = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'default', name: 'web', status: 'Synced' };
const service: ResourceComparison = { group: '', version: 'v1', kind: 'Service', namespace: 'default', name: 'web', status: 'Synced' };
const hooksEnded = (retryAt?: string): ApplicationEvent => {
  const [status, message] = retryAt === undefined ? (['Succeeded', 'succeeded'] as const) : (['Failed', 'it has reached its backoff limit'] as const);
  const backup = { group: 'batch', version: 'v1', kind: 'Job', namespace: 'default', name: 'backup', status, message };
  return { type: 'DeletionHooksEnded', data: { phase: 'PreDelete', wave: 0, hooks: [backup], ...(retryAt === undefined ? {} : { retryAt }) } };
};
const off = (resource: ResourceComparison): ResourceComparison => ({ ...resource, status: 'OutOfSync' });
const extra = (resource: ResourceComparison): ResourceComparison => ({ ...off(resource), requiresPruning: true });
const compared = (
  resources: ResourceComparison[],
  more: { set?: string; conditions?: { type: string; message: string }[]; status?: 'OutOfSync' } = {},
): ApplicationEvent => ({
  type: 'ApplicationCompared',
  data: {
    revision: commit,
    manifestSet: more.set ?? 'set-1',
    sourceType: 'Directory',
    status: more.status ?? (resources.some((resource) => resource.status === 'OutOfSync') ? 'OutOfSync' : 'Synced'),
    resources,
    images: [],
    conditions: more.conditions ?? [],
  },
});
const health = (status: 'Healthy' | 'Progressing' | 'Degraded' | 'Missing' | 'Suspended', message?: string): ApplicationEvent => ({
  type: 'HealthChanged',
  data: { status, resources: [{ ...web, health: status, ...(message === undefined ? {} : { message }) }], gone: [] },
});
const drift = (fields: string[], manager?: string, more: Partial<{ drift: 'missing' | 'extra'; more: number }> = {}): ApplicationEvent => ({
  type: 'DriftDetected',
  data: {
    revision: commit,
    resources: [{ ...web, drift: more.drift ?? 'changed', fields, ...(manager === undefined ? {} : { manager }) }],
    more: more.more ?? 0,
  },
});
const requested = (trigger: 'manual' | 'automated' | 'self-heal', username?: string): ApplicationEvent => ({
  type: 'SyncRequested',
  data: {
    operationId: 'op',
    trigger,
    initiatedBy: username === undefined ? { automated: true } : { username },
    revision: commit,
    manifestSet: 'set-1',
    operation: { revision: commit },
    retryLimit: 5,
    backoff: { durationMs: 5_000, factor: 2, maxDurationMs: 180_000 },
  },
});
const started = (attempt = 0): ApplicationEvent => ({
  type: 'SyncStarted',
  data: {
    operationId: 'op',
    attempt,
    steps: [
      { phase: 'Sync', wave: 0, resources: 1 },
      { phase: 'Sync', wave: 1, resources: 3 },
    ],
  },
});
const result = (message?: string): ResourceResult => ({
  ...web,
  status: message === undefined ? 'Synced' : 'SyncFailed',
  message: message ?? 'configured',
  syncPhase: 'Sync',
});
const step = (results: ResourceResult[]): ApplicationEvent => ({
  type: 'SyncStepCompleted',
  data: { operationId: 'op', attempt: 0, step: 0, phase: 'Sync', wave: 0, results },
});
const failed = (message: string): ApplicationEvent => ({ type: 'SyncFailed', data: { operationId: 'op', phase: 'Failed', message } });
const succeeded: ApplicationEvent = { type: 'SyncSucceeded', data: { operationId: 'op', revision: commit, message: 'successfully synced (all tasks run)' } };
const comparisonFailed = (code: string, message: string, more: { file?: string; line?: number; revision?: string } = {}): ApplicationEvent => ({
  type: 'ComparisonFailed',
  data: { condition: 'ComparisonError', code, message, ...more },
});
const skipped = (code: 'would-prune-everything' | 'already-failed' | 'project', message: string): ApplicationEvent => ({
  type: 'AutoSyncSkipped',
  data: { revision: commit, code, message },
});

const seen: Surroundings = {
  commit: {
    position: 50,
    time: '2030-01-01T11:59:00.000Z',
    actor: 'system:repo-watcher',
    what: { url: 'https://git.example/org/repo', ref: 'main', commit, author: 'Alice <alice@example.org>', message: 'Five replicas\n\nfor the sale' },
  },
  rendered: { position: 60, time: '2030-01-01T11:59:30.000Z', actor: 'system:renderer', what: { objects: 2, path: 'manifests', sourceType: 'Directory' } },
};

const automated = { prune: true, selfHeal: true };
const cases: [what: string, events: ApplicationEvent[], sentence: string, next: RegExp][] = [
  [
    'synced and healthy',
    [declared(), compared([web, service]), health('Healthy')],
    'Synced to 3f2a9c1 ("Five replicas" by Alice) and healthy since 12:02 UTC.',
    /^Nothing/,
  ],
  [
    'progressing',
    [declared(), compared([web]), health('Progressing', 'waiting for rollout: 1 of 3 updated replicas are available')],
    'Synced to 3f2a9c1 ("Five replicas" by Alice), progressing since 12:02 UTC: Deployment default/web: waiting for rollout: 1 of 3 updated replicas are available.',
    /^Wait/,
  ],
  [
    'degraded',
    [declared(), compared([web]), health('Degraded', 'deployment exceeded its progress deadline')],
    'Synced to 3f2a9c1 ("Five replicas" by Alice), degraded since 12:02 UTC: Deployment default/web: deployment exceeded its progress deadline.',
    /logs and events/,
  ],
  [
    'out of sync by a new commit, without automation',
    [declared(), compared([web, service]), compared([off(web), service], { set: 'set-2' })],
    'Out of sync since 12:02 UTC because 3f2a9c1 ("Five replicas" by Alice) is not applied yet: Deployment default/web differs from it or is missing; automated sync is off.',
    /^Sync it, or turn on spec.syncPolicy.automated\./,
  ],
  [
    'out of sync by a new commit, with automation',
    [declared({}), compared([off(web)])],
    'Out of sync since 12:01 UTC because 3f2a9c1 ("Five replicas" by Alice) is not applied yet: Deployment default/web differs from it or is missing; automated sync is on.',
    /starts in a moment/,
  ],
  [
    'drift without self-heal',
    [declared({}), compared([web]), drift(['/spec/replicas'], 'kubectl-scale'), compared([off(web)])],
    'Out of sync since 12:03 UTC because kubectl-scale changed spec.replicas of Deployment default/web; self-heal is off.',
    /^Sync it, or turn on spec.syncPolicy.automated.selfHeal/,
  ],
  [
    'drift with self-heal',
    [
      declared(automated),
      compared([web]),
      drift(['/spec/template/spec/containers/0/image', '/metadata/labels/app.kubernetes.io~1part-of'], 'kubectl', { more: 2 }),
      compared([off(web)]),
    ],
    'Out of sync since 12:03 UTC because kubectl changed spec.template.spec.containers[0].image and metadata.labels.app.kubernetes.io/part-of of Deployment default/web (and 2 other objects left its manifest); self-heal is on.',
    /^Self-heal syncs it by itself/,
  ],
  [
    'an object that was deleted',
    [declared(), compared([web]), drift([], undefined, { drift: 'missing' }), compared([off(web)])],
    'Out of sync since 12:03 UTC because Deployment default/web was deleted; self-heal is off.',
    /^Sync it/,
  ],
  [
    'drift that a new commit overtook',
    [declared(), compared([web]), drift(['/spec/replicas'], 'kubectl-scale'), compared([off(web)]), compared([off(web)], { set: 'set-2' })],
    'Out of sync since 12:04 UTC because 3f2a9c1 ("Five replicas" by Alice) is not applied yet: Deployment default/web differs from it or is missing; automated sync is off.',
    /^Sync it/,
  ],
  [
    'other metadata for the namespace',
    [declared(), compared([web], { status: 'OutOfSync' })],
    'Out of sync since 12:01 UTC: every object is as Git says, but the namespace has not got the metadata of spec.syncPolicy.managedNamespaceMetadata yet.',
    /^Sync it/,
  ],
  [
    'objects left over',
    [declared({}), compared([web, extra(service)])],
    'Out of sync since 12:01 UTC because Service default/web is no longer in Git; automated prune is off.',
    /^Sync with prune/,
  ],
  [
    'forbidden objects',
    [
      declared(automated),
      compared([{ ...web, status: 'Unknown' }], {
        status: 'OutOfSync',
        conditions: [{ type: 'ExcludedResourceWarning', message: 'resource apps/Deployment is not permitted in project team.' }],
      }),
    ],
    'Out of sync since 12:01 UTC: resource apps/Deployment is not permitted in project team.',
    /project \(AppProject\)/,
  ],
  [
    'a sync that waits',
    [declared(), compared([off(web)]), requested('manual', 'bob')],
    'A sync to 3f2a9c1 was requested by bob at 12:02 UTC and has not started yet.',
    /starts in a moment/,
  ],
  [
    'a sync at its second step',
    [declared(), compared([off(web)]), requested('manual', 'bob'), started(), step([result()])],
    'Syncing to 3f2a9c1 since 12:02 UTC, requested by bob: step 2 of 2 is running (Sync, wave 1, 3 objects).',
    /The step ends when/,
  ],
  [
    'a sync by the policy, tried again',
    [declared(automated), compared([off(web)]), requested('automated'), started(1)],
    'Syncing to 3f2a9c1 since 12:02 UTC, retry 1, requested by the automated policy: step 1 of 2 is running (Sync, wave 0, 1 object).',
    /The step ends when/,
  ],
  [
    'a sync that failed, object by object',
    [
      declared(automated),
      compared([off(web)]),
      requested('automated'),
      started(),
      step([result('admission webhook denied the request: no limits.'), { ...result('gone'), kind: 'Service' }]),
      failed('one or more objects failed to apply'),
    ],
    'Out of sync since 12:01 UTC: the sync to 3f2a9c1 failed: Deployment default/web: admission webhook denied the request: no limits (and 1 other object).',
    /not tried again by itself/,
  ],
  [
    'a sync by hand that was refused',
    [declared(), compared([off(web)]), requested('manual', 'bob'), failed('Sync to abc refused: it would delete every object.')],
    'Out of sync since 12:01 UTC: the sync to 3f2a9c1 failed: Sync to abc refused: it would delete every object.',
    /then sync it again/,
  ],
  [
    'a retry',
    [
      declared(automated),
      compared([off(web)]),
      requested('automated'),
      started(),
      step([result('connection refused')]),
      { type: 'SyncRetryScheduled', data: { operationId: 'op', attempt: 1, at: '2030-01-01T12:09:00.000Z', message: 'x' } },
    ],
    'The sync to 3f2a9c1 failed, and is tried again at 12:09 UTC (retry 1 of 5): Deployment default/web: connection refused.',
    /push a commit that fixes it/,
  ],
  [
    'a manifest that is broken',
    [
      declared(),
      compared([web]),
      comparisonFailed('manifest-invalid', 'spec.replicas is not a number', { file: 'manifests/web.yaml', line: 12, revision: commit }),
    ],
    "Can't be compared at 3f2a9c1 since 12:02 UTC: spec.replicas is not a number (manifests/web.yaml:12).",
    /Correct the file and push/,
  ],
  [
    'a repository that is away',
    [declared(), compared([web]), comparisonFailed('repository-unreachable', 'git.example does not answer')],
    "Unknown since 12:02 UTC because the repository can't be reached: git.example does not answer.",
    /credentials and the Git server/,
  ],
  [
    'an automated sync that would delete everything',
    [declared(automated), compared([extra(web), extra(service)]), skipped('would-prune-everything', 'Skipping sync attempt')],
    'Out of sync since 12:01 UTC: automated sync was not started because it would delete all 2 objects of the application.',
    /allowEmpty/,
  ],
  [
    'an automated sync that failed before',
    [
      declared(automated),
      compared([off(web)]),
      requested('automated'),
      started(),
      step([result('immutable field')]),
      failed('no'),
      skipped('already-failed', 'Failed last sync attempt'),
    ],
    'Out of sync since 12:01 UTC: the sync to 3f2a9c1 failed: Deployment default/web: immutable field.',
    /push a fix, or sync it by hand/,
  ],
  [
    'an automated sync that the project forbids',
    [declared(automated), compared([off(web)]), skipped('project', 'destination is not permitted in project team')],
    'Out of sync since 12:01 UTC: automated sync was not started: destination is not permitted in project team.',
    /project \(AppProject\)/,
  ],
  [
    'being deleted',
    [declared(), compared([web]), { type: 'ApplicationDeletionStarted', data: { cascade: true, resources: 2 } }],
    'Being deleted since 12:02 UTC, together with its 2 objects.',
    /finalizer/,
  ],
  [
    'being deleted, with a hook that fails',
    [declared(), { type: 'ApplicationDeletionStarted', data: { cascade: true, resources: 2 } }, hooksEnded('2030-01-01T12:05:00Z')],
    'Being deleted since 12:01 UTC, and blocked by its PreDelete hook Job backup, which is tried again at 12:05 UTC: it has reached its backoff limit.',
    /DeletionError/,
  ],
  [
    'being deleted, with a hook that failed at first',
    [declared(), { type: 'ApplicationDeletionStarted', data: { cascade: true, resources: 2 } }, hooksEnded('2030-01-01T12:05:00Z'), hooksEnded()],
    'Being deleted since 12:01 UTC, together with its 2 objects.',
    /finalizer/,
  ],
  [
    'being deleted alone',
    [declared(), { type: 'ApplicationDeletionStarted', data: { cascade: false, resources: 2 } }],
    'Being deleted since 12:01 UTC; its objects stay in the cluster.',
    /moment/,
  ],
  ['deleted', [declared(), { type: 'ApplicationDeleted', data: { cascaded: true } }], 'Deleted at 12:01 UTC.', /gone/],
  ['never compared', [declared()], 'Unknown yet: its repository was not read, or its manifests not rendered, so far.', /repo-watcher, renderer and syncer/],
  ['not even declared', [], 'Unknown yet: it was created a moment ago.', /Wait/],
];

describe('explain', () => {
  it.each(cases)('%s', (_what, events, sentence, next) => {
    const explanation = explain(storyOf(events), seen, now);
    expect(explanation.sentence).toBe(sentence);
    expect(explanation.next).toMatch(next);
    const positions = explanation.chain.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });

  it('names an object once, though its message names it too', () => {
    const message = 'apps/Deployment default/web: Deployment default/web was refused';
    const { sentence, chain } = explain(
      storyOf([declared(), compared([off(web)]), requested('manual', 'bob'), started(), step([result(message)]), failed('x')]),
      {},
      now,
    );
    expect(sentence).toBe(`Out of sync since 12:01 UTC: the sync to 3f2a9c1 failed: ${message}.`);
    expect(chain.map(({ what }) => what)).toContain(`Sync wave 0 done, failed: ${message}`);
  });

  it('leads from the commit over render and decision to the object', () => {
    const { chain } = explain(
      storyOf([declared(automated), compared([off(web)]), requested('manual', 'bob'), started(), step([result('no limits')]), failed('one failed')]),
      { ...seen, command: { position: 101, time: '2030-01-01T12:01:30.000Z', actor: 'bob', what: { command: 'sync' } } },
      now,
    );
    expect(chain.map(({ actor, what }) => `${actor}: ${what}`)).toEqual([
      'Alice <alice@example.org>: commit 3f2a9c1 seen at main of https://git.example/org/repo: Five replicas',
      'system:renderer: 2 objects rendered from manifests (Directory)',
      'system:syncer: declared in project team',
      'bob: asked for sync through the API',
      'system:syncer: compared with the cluster: found out of sync',
      'bob: sync to 3f2a9c1 requested (manual)',
      'system:syncer: sync started with 2 steps',
      'system:syncer: Sync wave 0 done, failed: Deployment default/web: no limits',
      'system:syncer: sync failed: one failed',
    ]);
    expect(chain[0]).toEqual({ position: 50, time: '2030-01-01T11:59:00.000Z', actor: 'Alice <alice@example.org>', what: expect.any(String) });
  });

  it('tells the day when it is not today, and does without what the log no longer has', () => {
    const tomorrow = now + 86_400_000;
    expect(explain(storyOf([declared(), compared([web]), health('Healthy')]), {}, tomorrow).sentence).toBe(
      'Synced to 3f2a9c1 and healthy since 2030-01-01 12:02 UTC.',
    );
  });

  it('is about the newest operation after the last one succeeded', () => {
    const events = [declared(), compared([off(web)]), requested('manual', 'bob'), started(), step([result()]), succeeded, compared([web]), health('Healthy')];
    expect(explain(storyOf(events), {}, now)).toMatchObject({ sentence: 'Synced to 3f2a9c1 and healthy since 12:07 UTC.' });
  });
});

it('has a sentence for whatever comes in whatever order', () => {
  const all = [...new Map(cases.flatMap(([, events]) => events).map((event) => [JSON.stringify(event), event])).values()];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...all), { maxLength: 12 }), fc.constantFrom({}, seen), (events, surroundings) => {
      const { sentence, next, chain } = explain(storyOf(events), surroundings, now);
      for (const text of [sentence, next, ...chain.map((link) => link.what)]) expect(text).toMatch(/\S/);
      for (const text of [sentence, next]) expect(text).toMatch(/^[A-Z].*[^.]\.$/s);
      expect(`${sentence}${next}`).not.toMatch(/undefined|\[object|NaN/);
    }),
    { numRuns: 500 },
  );
});

describe('a story', () => {
  it('survives JSON, and folds the same from there', () => {
    const events = [
      declared(automated),
      compared([web]),
      drift(['/a'], 'x'),
      compared([off(web)]),
      requested('self-heal'),
      started(),
      step([result()]),
      succeeded,
      compared([web]),
      health('Healthy'),
    ];
    const half = events.slice(0, 5).map(record).reduce(tell, initialStory);
    const kept = JSON.parse(JSON.stringify(half)) as Story;
    expect(events.slice(5).reduce((story, event, index) => tell(story, record(event, index + 5)), kept)).toEqual(storyOf(events));
  });

  it('does not grow with its stream', () => {
    const round = [compared([web]), drift(['/a'], 'x'), compared([off(web)]), requested('self-heal'), started(), step([result('no')]), failed('no')];
    const sizes = [1, 200].map((rounds) => JSON.stringify(storyOf([declared(automated), ...Array.from({ length: rounds }, () => round).flat()])).length);
    expect(sizes[1]).toBeLessThan(sizes[0]! + 200);
  });
});
