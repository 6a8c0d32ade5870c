import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KubeObject } from '@plumbline/manifests';
import { applicationSyncOptions, planSteps } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import type { DesiredObject } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import { applyStep } from './apply-step.ts';
import type { StepContext } from './step-context.ts';

const object = (kind: string, name: string, more: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, ...more },
});

/** An API server that takes a turn for each write, and remembers when each began and ended. */
function slowCluster(): { context: StepContext; told: string[] } {
  const told: string[] = [];
  const write = async (what: string): Promise<void> => {
    told.push(`${what} …`);
    await nextTurn();
    told.push(what);
  };
  const context = {
    kube: {
      apply: (given: KubeObject) => write(`${given.kind} ${given.metadata.name}`).then(() => given),
      delete: ({ kind, name }: { kind: string; name: string }) => write(`-${kind} ${name}`).then(() => true),
    },
    judge: { judge: () => Promise.resolve({ status: 'OutOfSync', fields: [] }), applied: () => undefined, forget: () => undefined },
    operation: { operation: { prune: true } } as unknown as OperationRecord,
    instance: 'web',
    options: applicationSyncOptions(undefined),
    desired: (one: KubeObject) => ({ key: one.metadata.name, object: one, options: { validate: true } }) as unknown as DesiredObject,
    live: () => undefined,
    forbidden: () => undefined,
    isDoneAndGone: () => false,
    isApplication: () => false,
    assertOwner: () => undefined,
    observe: () => undefined,
  };
  return { context: context as unknown as StepContext, told };
}

test('prunes first, then kind by kind, the objects of one kind at the same time (argocd-compat B019)', async () => {
  const [step] = planSteps([object('Pod', 'p'), object('Service', 's2'), object('Service', 's1'), object('Secret', 'a')], {
    prune: [object('ConfigMap', 'old')],
  });
  const { context, told } = slowCluster();
  await applyStep(step!, context);
  expect(told).toEqual([
    ...['-ConfigMap old …', '-ConfigMap old'],
    ...['Secret a …', 'Secret a'],
    ...['Service s1 …', 'Service s2 …', 'Service s1', 'Service s2'],
    ...['Pod p …', 'Pod p'],
  ]);
});

test('what is on its way out already is not deleted once more (argocd-compat B021)', async () => {
  const leaving = object('ConfigMap', 'leaving', { deletionTimestamp: '2030-01-01T00:00:00Z', finalizers: ['example.org/hold'] });
  const { context, told } = slowCluster();
  const { results } = await applyStep(planSteps([], { prune: [leaving, object('ConfigMap', 'old')] })[0]!, context);
  expect(results.map(({ name, status, message }) => `${name} ${status} ${message}`)).toEqual(['old Pruned pruned', 'leaving Pruned pruned']);
  expect(told).toEqual(['-ConfigMap old …', '-ConfigMap old']);
});
