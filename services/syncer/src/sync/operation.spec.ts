import type { ResourceResult } from '@plumbline/contracts';
import type { HookPhase, KubeObject } from '@plumbline/manifests';
import { classify, nothingIgnored, resourceIdOf } from '@plumbline/manifests';
import { describe, expect, test } from 'vitest';
import type { DesiredObject, DesiredState } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import { syncSettings } from '../settings/sync-settings.ts';
import { hookOutcome, isOfThisRun, markedWithRun } from './hooks.ts';
import { appliedHealth, followPlan, planOf, progressOf, stepHeads, withNamedHooks } from './operation.ts';

const operation: OperationRecord = {
  operationId: 'op',
  trigger: 'automated',
  revision: '0123456789abcdef',
  manifestSet: 'set',
  specHash: 'spec',
  operation: { prune: true },
  retryLimit: 0,
  backoff: { durationMs: 1, factor: 1, maxDurationMs: 1 },
  phase: 'Running',
  attempt: 0,
  steps: [],
  onFailure: [],
  stepsCompleted: 0,
  results: [],
  requestedAt: '2030-01-01T00:00:00.000Z',
  message: '',
};

const settings = syncSettings({});

const configMap = (name: string, wave = 0): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, annotations: { 'argocd.argoproj.io/sync-wave': String(wave) } },
});

const job = (metadata: Partial<KubeObject['metadata']>, spec: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: '', namespace: 'ns', ...metadata, annotations: { 'argocd.argoproj.io/hook': 'PreSync', ...metadata.annotations } },
  spec,
});

const desiredOf = (object: KubeObject, kind: 'resource' | 'hook'): DesiredObject =>
  ({
    key: `x/${object.kind}/ns/${object.metadata.name}`,
    object,
    hash: '',
    kind,
    hookPhases: kind === 'hook' ? hookPhasesOf(object) : [],
    wave: 0,
    ignored: nothingIgnored,
    respectsIgnored: false,
    adopts: [],
  }) as unknown as DesiredObject;

function hookPhasesOf(object: KubeObject): HookPhase[] {
  const is = classify(object);
  return is.type === 'hook' ? is.phases : [];
}

const stateOf = (...objects: DesiredObject[]): DesiredState => ({
  manifestSet: 'set',
  sourceType: 'Directory',
  objects,
  byKey: new Map(),
  images: [],
  warnings: [],
});

describe('a running operation', () => {
  // A step whose only object was pruned vanished from the new plan, and the whole sync, hooks included, began again.
  test('keeps its steps when what they pruned is gone', () => {
    const desired = stateOf(desiredOf(configMap('a'), 'resource'));
    const before = planOf(operation, desired, [configMap('old', 5)]);
    const started = { ...operation, steps: before.steps.map(({ phase, wave, objects, prune }) => ({ phase, wave, resources: objects.length + prune.length })) };
    expect(started.steps.length).toBe(2);
    const after = planOf(started, desired, []);
    expect(after.steps).toHaveLength(1);
    expect(followPlan(started, after)?.map(({ wave }) => wave)).toEqual(started.steps.map(({ wave }) => wave));
  });

  // Found by the simulator (seed 17): after the first wave was pruned, those left were taken for the first wave, which was over.
  test('prunes each object in the step that was recorded for it, however many are left', () => {
    const desired = stateOf(desiredOf(configMap('a'), 'resource'));
    const extra = [configMap('w0', 0), configMap('w1', 1), configMap('w2', 2)];
    const started = { ...operation, steps: stepHeads(planOf(operation, desired, extra).steps) };
    const left = (objects: KubeObject[]) =>
      followPlan(started, planOf(started, desired, objects))?.map(({ prune }) => prune.map(({ metadata }) => metadata.name));
    expect(left(extra)).toEqual([['w2'], ['w1'], ['w0']]);
    expect(left(extra.slice(0, 2))).toEqual([[], ['w1'], ['w0']]);
    expect(left(extra.slice(0, 1))).toEqual([[], [], ['w0']]);
  });

  test('prunes last what wants to go last, also when nothing else is left to prune', () => {
    const last = { ...operation, operation: { prune: true, syncOptions: ['PruneLast=true'] } };
    const desired = stateOf(desiredOf(configMap('a'), 'resource'), desiredOf(configMap('b', 2), 'resource'));
    const extra = [configMap('old', 7), configMap('older', 9)];
    const started = { ...last, steps: stepHeads(planOf(last, desired, extra).steps) };
    expect(started.steps.at(-1)).toMatchObject({ prunes: 'last', resources: 2 });
    const followed = followPlan(started, planOf(started, desired, extra.slice(0, 1)));
    expect(followed?.map(({ prune }) => prune.length)).toEqual([...Array.from({ length: started.steps.length - 1 }, () => 0), 1]);
  });

  test('prunes with its last step what came meanwhile, or what an older version did not say', () => {
    const desired = stateOf(desiredOf(configMap('a'), 'resource'));
    const started = { ...operation, steps: [{ phase: 'Sync' as const, wave: 0, resources: 1 }] };
    expect(followPlan(started, planOf(started, desired, [configMap('old', 3)]))?.map(({ prune }) => prune.length)).toEqual([1]);
  });

  test('starts again when there is something to apply that it did not know', () => {
    const started = { ...operation, steps: [{ phase: 'Sync' as const, wave: 0, resources: 1 }] };
    const planned = planOf(started, stateOf(desiredOf(configMap('a'), 'resource'), desiredOf(configMap('b', 3), 'resource')), []);
    expect(followPlan(started, planned)).toBeUndefined();
  });

  test('waits for what a step pruned before the next one', () => {
    const results = [
      { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'ns', name: 'old', status: 'Pruned' as const, message: 'pruned', syncPhase: 'Sync' as const },
    ];
    const step = { phase: 'Sync' as const, wave: 0, objects: [], prune: [] };
    expect(progressOf(step, results, false, { live: () => configMap('old'), settings }).state).toBe('waiting');
    expect(progressOf(step, results, false, { live: () => undefined, settings }).state).toBe('done');
  });
});

// argocd-compat B027: a self-heal names its resources, so it never runs a hook.
test.each<[string, OperationRecord['operation'], string[]]>([
  ['a sync of everything', { prune: true }, ['Job', 'ConfigMap', 'ConfigMap']],
  ['the strategy hook', { syncStrategy: { hook: {} } }, ['Job', 'ConfigMap', 'ConfigMap']],
  ['the strategy apply', { syncStrategy: { apply: {} } }, ['ConfigMap', 'ConfigMap']],
  ['a part', { resources: [{ kind: 'ConfigMap', name: 'a' }] }, ['ConfigMap']],
  ['a part that names the hook', { resources: [{ group: 'batch', kind: 'Job', name: 'before' }] }, []],
])('hooks belong to whole syncs: %s', (_, asked, kinds) => {
  const desired = stateOf(desiredOf(configMap('a'), 'resource'), desiredOf(configMap('b'), 'resource'), desiredOf(job({ name: 'before' }), 'hook'));
  const { steps } = planOf({ ...operation, operation: asked }, desired, []);
  expect(steps.flatMap(({ objects }) => objects.map(({ object }) => object.kind))).toEqual(kinds);
});

describe('the SyncFail phase', () => {
  const cleanup = desiredOf(job({ name: 'cleanup', annotations: { 'argocd.argoproj.io/hook': 'SyncFail' } }), 'hook');
  const desired = stateOf(desiredOf(configMap('a'), 'resource'), desiredOf(configMap('b', 1), 'resource'), cleanup);

  test('is planned beside the steps, and not for dry runs or parts', () => {
    const { steps, onFailure } = planOf(operation, desired, []);
    expect(steps.map(({ phase }) => phase)).toEqual(['Sync', 'Sync']);
    expect(onFailure.map(({ phase, objects }) => [phase, objects.map(({ object }) => object.metadata.name)])).toEqual([['SyncFail', ['cleanup']]]);
    expect(planOf({ ...operation, operation: { dryRun: true } }, desired, []).onFailure).toEqual([]);
    expect(planOf({ ...operation, operation: { resources: [{ kind: 'ConfigMap', name: 'a' }] } }, desired, []).onFailure).toEqual([]);
  });

  test('follows the step that failed, also after a restart', () => {
    const plan = planOf(operation, desired, []);
    const failing: OperationRecord = {
      ...operation,
      steps: [...stepHeads(plan.steps).slice(0, 1), ...stepHeads(plan.onFailure)],
      onFailure: stepHeads(plan.onFailure),
      stepsCompleted: 1,
      failing: { message: 'no', canRetry: false },
    };
    const followed = followPlan(failing, plan);
    expect(followed?.map(({ phase }) => phase)).toEqual(['Sync', 'SyncFail']);
    expect(followed?.[1]?.objects.map(({ object }) => object.metadata.name)).toEqual(['cleanup']);
  });
});

describe('the health that a sync waits for', () => {
  const deployment = (observedGeneration: number): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'ns', generation: 2 },
    spec: { replicas: 1 },
    status: { observedGeneration, replicas: 1, updatedReplicas: 1, availableReplicas: 1 },
  });
  const ingress: KubeObject = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'web', namespace: 'ns' }, spec: {}, status: {} };
  const of = (...objects: KubeObject[]): DesiredState => {
    const all = objects.map((object) => desiredOf(object, 'resource'));
    return { ...stateOf(...all), byKey: new Map(all.map((one) => [one.key, one])) };
  };
  const liveOf =
    (...objects: KubeObject[]) =>
    (key: string): KubeObject | undefined =>
      objects.find(({ kind }) => key.includes(kind));

  test('is that of what was observed since the write', () => {
    const desired = of(deployment(1));
    expect(appliedHealth(operation, desired, { live: liveOf(deployment(1)), settings }).status).toBe('Progressing');
    expect(appliedHealth(operation, desired, { live: liveOf(deployment(2)), settings }).status).toBe('Healthy');
    expect(appliedHealth(operation, desired, { live: () => undefined, settings }).status).toBe('Missing');
  });

  test('does not wait for a load balancer that nobody may ever give an address, unless it is asked to', () => {
    const desired = of(deployment(2), ingress);
    const live = liveOf(deployment(2), ingress);
    expect(appliedHealth(operation, desired, { live, settings }).status).toBe('Healthy');
    const compatible = syncSettings({ 'plumbline.sync.awaitLoadBalancers': 'true' });
    expect(appliedHealth(operation, desired, { live, settings: compatible }).status).toBe('Progressing');
  });

  test('of a part is that of the part', () => {
    const desired = of(deployment(1), configMap('a'));
    const part = { ...operation, operation: { resources: [{ kind: 'ConfigMap', name: 'a' }] } };
    expect(appliedHealth(part, desired, { live: liveOf(deployment(1), configMap('a')), settings }).status).toBe('Healthy');
  });
});

describe('hooks', () => {
  test('a generateName becomes the same name at every look of one operation', () => {
    const desired = stateOf(desiredOf(job({ generateName: 'migrate-' }), 'hook'));
    const [named] = withNamedHooks(desired, operation).objects;
    expect(named?.object.metadata.name).toMatch(/^migrate-0123456-presync-\d+$/);
    expect(withNamedHooks(desired, operation).objects[0]?.key).toBe(named?.key);
    expect(withNamedHooks(desired, { ...operation, requestedAt: '2030-01-01T00:01:00.000Z' }).objects[0]?.key).not.toBe(named?.key);
  });

  // B010. They had the name of the first phase in all of them: the second run deleted the first one's object, and its log.
  test('a generateName is another object in each phase', () => {
    const hook = job({ generateName: 'migrate-', annotations: { 'argocd.argoproj.io/hook': 'PreSync,PostSync,SyncFail,PostDelete' } });
    const desired = withNamedHooks(stateOf(desiredOf(hook, 'hook'), desiredOf(configMap('a'), 'resource')), operation);
    const startedAt = Date.parse(operation.requestedAt) / 1_000;
    const planned = (again: DesiredState) => {
      const { steps, onFailure } = planOf(operation, again, []);
      return [...steps, ...onFailure].map(({ phase, objects }) => [phase, ...objects.map(({ object }) => object.metadata.name)]);
    };
    const names = [
      ['PreSync', `migrate-0123456-presync-${startedAt}`],
      ['Sync', 'a'],
      ['PostSync', `migrate-0123456-postsync-${startedAt}`],
      ['SyncFail', `migrate-0123456-syncfail-${startedAt}`],
    ];
    expect(planned(desired)).toEqual(names);
    const started = { ...operation, steps: stepHeads(planOf(operation, desired, []).steps) };
    const again = withNamedHooks(stateOf(desiredOf(hook, 'hook'), desiredOf(configMap('a'), 'resource')), started);
    expect(planned(again)).toEqual(names);
    expect(followPlan(started, planOf(started, again, []))).toEqual(planOf(started, again, []).steps);
    // What is written is what the manifest says.
    expect(desired.objects.map(({ object }) => object.metadata.annotations).slice(0, 4)).toEqual(Array.from({ length: 4 }, () => hook.metadata.annotations));
  });

  // A name is one object: it runs anew in each phase, as Argo CD has it.
  test('a name is the same object in each phase', () => {
    const hook = job({ name: 'migrate', annotations: { 'argocd.argoproj.io/hook': 'PreSync,PostSync' } });
    const { steps } = planOf(operation, withNamedHooks(stateOf(desiredOf(hook, 'hook')), operation), []);
    expect(steps.map(({ phase, objects }) => [phase, ...objects.map(({ object }) => object.metadata.name)])).toEqual([
      ['PreSync', 'migrate'],
      ['PostSync', 'migrate'],
    ]);
  });

  // Restarted in the middle, syncer deleted the running hook and made it again.
  test('know the attempt that made them', () => {
    const { object } = markedWithRun(desiredOf(job({ name: 'migrate' }), 'hook'), { instance: 'shop', operation });
    expect(isOfThisRun(object, operation)).toBe(true);
    expect(isOfThisRun(object, { ...operation, attempt: 1 })).toBe(false);
    expect(isOfThisRun(undefined, operation)).toBe(false);
  });

  test('that are gone have failed, unless they go by themselves', () => {
    expect(hookOutcome(job({ name: 'a' }), undefined)).toBe('failed');
    expect(hookOutcome(job({ name: 'a' }, { ttlSecondsAfterFinished: 0 }), undefined)).toBe('succeeded');
    expect(hookOutcome(job({ name: 'a' }), { ...job({ name: 'a' }), status: { conditions: [{ type: 'Complete', status: 'True' }] } })).toBe('succeeded');
    expect(hookOutcome(job({ name: 'a' }), job({ name: 'a' }))).toBe('running');
  });

  test('that ended say what their health says', () => {
    const { object } = desiredOf(job({ name: 'a', namespace: 'ns' }), 'hook');
    const result = {
      group: 'batch',
      version: 'v1',
      kind: 'Job',
      namespace: 'ns',
      name: 'a',
      status: 'Synced',
      message: 'job.batch/a created',
    } as ResourceResult;
    const complete: KubeObject = {
      ...object,
      status: { conditions: [{ type: 'Complete', status: 'True', message: 'Reached expected number of succeeded pods' }] },
    };
    const step = { phase: 'PreSync' as const, wave: 0, objects: [{ object, isHook: true }], prune: [] };
    const progress = progressOf(step, [{ ...result, hookPhase: 'Running' }], true, { live: () => complete, settings });
    expect(progress).toEqual({ state: 'done', results: [{ ...result, hookPhase: 'Succeeded', message: 'Reached expected number of succeeded pods' }] });
  });
});

// B025
test('an object that somebody deletes while its step waits for it fails the step and is named', () => {
  const object = configMap('a');
  const step = { phase: 'Sync' as const, wave: 0, objects: [{ object, isHook: false }], prune: [] };
  const result = { ...resourceIdOf(object), version: 'v1', status: 'Synced', message: 'created' } as ResourceResult;
  const progress = progressOf(step, [result], false, { live: () => undefined, settings });
  expect(progress).toMatchObject({
    state: 'done',
    results: [{ name: 'a', status: 'SyncFailed', message: expect.stringContaining('it might have been deleted') }],
  });
  expect(progressOf(step, [result], true, { live: () => undefined, settings })).toMatchObject({ results: [{ status: 'Synced' }] });
});
