import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planSteps, syncWave, type Step } from './order.ts';
import type { KubeObject } from './object.ts';

const object = (
  kind: string,
  name: string,
  more: { wave?: number | string; hook?: string; namespace?: string; apiVersion?: string; annotations?: Record<string, string>; spec?: unknown } = {},
): KubeObject => ({
  apiVersion: more.apiVersion ?? 'v1',
  kind,
  metadata: {
    name,
    ...(more.namespace === undefined ? {} : { namespace: more.namespace }),
    annotations: {
      ...(more.wave === undefined ? {} : { 'argocd.argoproj.io/sync-wave': String(more.wave) }),
      ...(more.hook === undefined ? {} : { 'argocd.argoproj.io/hook': more.hook }),
      ...more.annotations,
    },
  },
  ...(more.spec === undefined ? {} : { spec: more.spec }),
});
const shown = (steps: readonly Step[]): string[] =>
  steps.map(
    (step) =>
      `${step.phase} ${step.wave}: ${[...step.prune.map((o) => `-${o.metadata.name}`), ...step.objects.map(({ object: o }) => o.metadata.name)].join(' ')}`,
  );

test.each([
  [{ 'argocd.argoproj.io/sync-wave': '-3' }, -3],
  [{ 'argocd.argoproj.io/sync-wave': 'soon', 'helm.sh/hook-weight': '7' }, 7],
  [{ 'argocd.argoproj.io/sync-wave': '1.5' }, 0],
  [{ 'argocd.argoproj.io/sync-wave': '2', 'helm.sh/hook-weight': '7' }, 2],
  [{}, 0],
])('wave of %j is %d', (annotations, wave) => {
  expect(syncWave(object('ConfigMap', 'a', { annotations }))).toBe(wave);
});

describe('planSteps', () => {
  test('phases, then waves, then kinds, then names', () => {
    const steps = planSteps([
      object('Deployment', 'web', { apiVersion: 'apps/v1' }),
      object('Thing', 'custom', { apiVersion: 'x.io/v1' }),
      object('ConfigMap', 'b'),
      object('ConfigMap', 'a'),
      object('Secret', 's'),
      object('Service', 'late', { wave: 1 }),
      object('Job', 'early', { wave: -1 }),
      object('Job', 'migrate', { hook: 'PreSync', wave: 5 }),
      object('Job', 'both', { hook: 'PreSync,PostSync' }),
      object('Job', 'alarm', { hook: 'SyncFail' }),
      object('Job', 'skipped', { hook: 'Skip' }),
      object('Job', 'typo', { hook: 'Presync' }),
      object('Job', 'goodbye', { hook: 'PostDelete' }),
    ]);
    expect(shown(steps)).toEqual([
      'PreSync 0: both',
      'PreSync 5: migrate',
      'Sync -1: early',
      'Sync 0: s a b web custom',
      'Sync 1: late',
      'PostSync 0: both',
      'SyncFail 0: alarm',
    ]);
  });

  test('a hook may be told to run in some of its phases only', () => {
    const [first, second] = [object('Job', 'first', { hook: 'PreSync,PostSync' }), object('Job', 'second', { hook: 'PreSync,PostSync' })];
    const steps = planSteps([first, second], { phasesOf: (hook) => (hook === first ? ['PreSync'] : undefined) });
    expect(shown(steps)).toEqual(['PreSync 0: first second', 'PostSync 0: second']);
  });

  test('all kinds of one step are in the order of what needs what, unknown ones last (B002)', () => {
    const kinds = [
      ...['NetworkPolicy', 'ResourceQuota', 'LimitRange', 'PodSecurityPolicy', 'PodDisruptionBudget', 'ServiceAccount', 'Secret', 'SecretList'],
      ...['ConfigMap', 'StorageClass', 'PersistentVolume', 'PersistentVolumeClaim', 'ClusterRole', 'ClusterRoleList', 'ClusterRoleBinding'],
      ...['ClusterRoleBindingList', 'Role', 'RoleList', 'RoleBinding', 'RoleBindingList', 'Service', 'DaemonSet', 'Pod', 'ReplicationController'],
      ...['ReplicaSet', 'Deployment', 'HorizontalPodAutoscaler', 'StatefulSet', 'Job', 'CronJob', 'IngressClass', 'Ingress', 'APIService', 'AKindOfItsOwn'],
    ];
    const [step] = planSteps([...kinds.toReversed(), 'CustomResourceDefinition', 'Namespace'].map((kind) => object(kind, 'a')));
    expect(step!.objects.map(({ object: { kind } }) => kind)).toEqual([
      'Namespace',
      ...kinds.slice(0, kinds.indexOf('ClusterRole')),
      'CustomResourceDefinition',
      ...kinds.slice(kinds.indexOf('ClusterRole')),
    ]);
  });

  test('a Namespace and a definition move into the step of the first that needs them (B003)', () => {
    const definition = object('CustomResourceDefinition', 'crd', {
      apiVersion: 'apiextensions.k8s.io/v1',
      wave: 3,
      spec: { group: 'x.io', names: { kind: 'Thing' } },
    });
    const steps = planSteps([
      object('Namespace', 'ns', { wave: 2 }),
      object('ConfigMap', 'in-ns', { namespace: 'ns' }),
      object('Job', 'hook', { hook: 'PreSync', namespace: 'ns', wave: -4 }),
      definition,
      object('Thing', 'thing', { apiVersion: 'x.io/v1', wave: 1 }),
      object('Namespace', 'unused', { wave: 9 }),
    ]);
    expect(shown(steps)).toEqual(['PreSync -4: ns hook', 'Sync 0: in-ns', 'Sync 1: crd thing', 'Sync 9: unused']);
  });

  test('a Namespace that is early enough stays; a definition goes before a custom kind with a built-in name', () => {
    const definition = object('CustomResourceDefinition', 'crd', {
      apiVersion: 'apiextensions.k8s.io/v1',
      spec: { group: 'serving.knative.dev', names: { kind: 'Secret' } },
    });
    const steps = planSteps([
      object('Secret', 'custom', { apiVersion: 'serving.knative.dev/v1', namespace: 'ns' }),
      definition,
      object('Namespace', 'ns', { wave: -1 }),
    ]);
    expect(shown(steps)).toEqual(['Sync -1: ns', 'Sync 0: crd custom']);
  });

  test('prunes run in reversed waves (B020), the last of them after everything', () => {
    const live = [
      object('ConfigMap', 'p0'),
      object('ConfigMap', 'p1', { wave: 1 }),
      object('ConfigMap', 'p5', { wave: 5 }),
      object('ConfigMap', 'last', { wave: 1 }),
    ];
    const steps = planSteps([object('ConfigMap', 'a', { wave: 7 })], { prune: live, isPrunedLast: ({ metadata }) => metadata.name === 'last' });
    expect(shown(steps)).toEqual(['Sync 0: -p5', 'Sync 1: -p1', 'Sync 5: -p0', 'Sync 7: a', 'Sync 8: -last']);
  });

  test('within a step prunes go in the reverse of the kind order', () => {
    expect(shown(planSteps([], { prune: [object('Secret', 's'), object('Deployment', 'd'), object('Namespace', 'n')] }))).toEqual(['Sync 0: -d -s -n']);
  });

  const anyObject = fc.record({
    kind: fc.constantFrom('Namespace', 'ConfigMap', 'Deployment', 'Thing'),
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    wave: fc.integer({ min: -3, max: 3 }),
    hook: fc.constantFrom(undefined, undefined, 'PreSync', 'PostSync', 'PreSync,SyncFail'),
    namespace: fc.constantFrom('a', 'b', 'elsewhere'),
  });
  const phases = ['PreSync', 'Sync', 'PostSync', 'SyncFail'];

  test('every plan is ordered, complete, and never puts an object before its namespace', () => {
    fc.assert(
      fc.property(fc.array(anyObject, { maxLength: 20 }), (specs) => {
        const objects = specs.map(({ kind, name, namespace, ...rest }) => object(kind, name, { ...rest, ...(kind === 'Namespace' ? {} : { namespace }) }));
        const steps = planSteps(objects);
        const places = steps.map((step) => phases.indexOf(step.phase) * 1000 + step.wave);
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
        const order = steps.flatMap((step) => step.objects.map((planned) => planned.object));
        expect(order).toHaveLength(specs.reduce((sum, spec) => sum + (spec.hook?.split(',').length ?? 1), 0));
        for (const namespace of objects.filter(({ kind }) => kind === 'Namespace')) {
          const first = order.findIndex((o) => o.metadata.namespace === namespace.metadata.name);
          if (first >= 0) expect(order.indexOf(namespace)).toBeLessThan(first);
        }
      }),
    );
  });
});
