import type { DeletionHookResult } from '@plumbline/contracts';
import type { Scenario } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { configMap } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const resources = 'resources-finalizer.argocd.argoproj.io';
const pre = 'pre-delete-finalizer.argocd.argoproj.io';
const post = 'post-delete-finalizer.argocd.argoproj.io';

/** `isStuck`: no node takes its Pod, and the Job fails when its time is up. */
const job = (
  metadata: object,
  phase: string,
  { annotations = {}, isStuck = false }: { annotations?: Record<string, string>; isStuck?: boolean } = {},
): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { ...metadata, annotations: { 'argocd.argoproj.io/hook': phase, ...annotations } },
    spec: {
      ...(isStuck ? { activeDeadlineSeconds: 1 } : {}),
      template: {
        spec: {
          restartPolicy: 'Never',
          containers: [{ name: 'work', image: 'busybox' }],
          ...(isStuck ? { nodeSelector: { 'example.org/nowhere': 'true' } } : {}),
        },
      },
    },
  });

const ended = (lab: Scenario, phase: string, status: 'Succeeded' | 'Failed') =>
  lab.thenEvent('DeletionHooksEnded', ({ data }) => {
    const { phase: of, hooks } = data as { phase: string; hooks: DeletionHookResult[] };
    return of === phase && hooks.some((hook) => hook.status === status);
  });

const finalizersBecome = (lab: Scenario, expected: string[]): Promise<unknown> =>
  expect.poll(async () => (await lab.application())?.metadata?.finalizers ?? [], { timeout: 20_000 }).toEqual(expected);

const jobs = async (lab: Scenario): Promise<string[]> => {
  const { items } = await lab.kube.list({ group: 'batch', version: 'v1', kind: 'Job' }, { namespace: lab.namespace });
  return items.map(({ metadata: { name, finalizers = [] } }) => [name.replace(/(?<=-).*/, '…'), ...finalizers].join(' ')).sort();
};

test('hooks of a deletion run before and after the objects go, from the manifests that were compared last', async () => {
  const lab = await begin();
  await lab.givenRepository({
    'manifests/web.json': configMap('web', { a: '1' }),
    'manifests/smoke.json': job({ name: 'smoke' }, 'PostSync'),
    'manifests/backup.json': job({ name: 'backup' }, 'PreDelete', { annotations: { 'argocd.argoproj.io/hook-delete-policy': 'HookSucceeded' } }),
    'manifests/note.json': configMap('note', { a: '1' }, { 'helm.sh/hook': 'pre-delete', 'helm.sh/hook-weight': '5' }),
    'manifests/goodbye.json': job({ generateName: 'goodbye-' }, 'PostDelete'),
  });
  await lab.whenApplicationIsCreated({}, { finalizers: [resources] });
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  await finalizersBecome(lab, [resources, pre, `${pre}/cleanup`, post, `${post}/cleanup`]);
  expect(await jobs(lab)).toEqual(['smoke']);

  await lab.whenPushed({ 'manifests/web.json': '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {' });
  await lab.thenCondition('ComparisonError', 'web.json');
  await lab.whenApplicationIsDeleted();
  await lab.thenEvent('ApplicationDeleted');
  await lab.thenNoObject('ConfigMap', 'web');
  // What its policy removes is removed; what a sync left goes with the objects; nothing keeps a finalizer of ours.
  expect(await jobs(lab)).toEqual(['goodbye-…']);
  expect((await lab.thenObject('ConfigMap', 'note')).metadata.finalizers).toBeUndefined();
  const told = (await lab.ownEvents()).filter(({ type }) => type === 'DeletionHooksEnded' || type.startsWith('ApplicationDelet'));
  expect(told.map(({ type, data }) => ({ type, ...(data as object) }))).toMatchObject([
    { type: 'ApplicationDeletionStarted', cascade: true, resources: 2 },
    { type: 'DeletionHooksEnded', phase: 'PreDelete', wave: 0, hooks: [{ kind: 'Job', name: 'backup', status: 'Succeeded' }] },
    { type: 'DeletionHooksEnded', phase: 'PreDelete', wave: 5, hooks: [{ kind: 'ConfigMap', name: 'note', status: 'Succeeded' }] },
    {
      type: 'DeletionHooksEnded',
      phase: 'PostDelete',
      wave: 0,
      hooks: [{ kind: 'Job', name: expect.stringMatching(/^goodbye-.*-postdelete-\d+$/) as unknown }],
    },
    { type: 'ApplicationDeleted', cascaded: true },
  ]);
});

test('a hook that fails blocks the deletion, runs again, and can be left out by whoever takes its finalizer off', async () => {
  const lab = await begin();
  await lab.givenRepository({
    'manifests/web.json': configMap('web', { a: '1' }),
    'manifests/backup.json': job({ name: 'backup' }, 'PreDelete', { isStuck: true }),
  });
  await lab.whenApplicationIsCreated({}, { finalizers: [resources] });
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  await finalizersBecome(lab, [resources, pre, `${pre}/cleanup`]);
  await lab.whenApplicationIsDeleted();
  await ended(lab, 'PreDelete', 'Failed');
  const condition = await lab.thenCondition('DeletionError', 'PreDelete hook failed: Job backup');
  expect(condition).toMatch(/tried again at 20.*take the finalizer pre-delete-finalizer\.argocd\.argoproj\.io off the Application/);
  const first = await lab.thenObject('Job', 'backup');
  // Until it runs again, the one that failed is there for whoever wants its log.
  await lab.thenObject('Job', 'backup', ({ metadata: { uid } }) => uid !== first.metadata.uid, 20_000);
  await lab.thenObjectStays('ConfigMap', 'web', ({ metadata }) => metadata.deletionTimestamp === undefined);

  await lab.whenApplicationIsPatched({ metadata: { finalizers: [resources, `${pre}/cleanup`] } });
  await lab.thenEvent('ApplicationDeleted');
  await lab.thenNoObject('ConfigMap', 'web');
  expect((await jobs(lab)).filter((name) => name.includes('hook-finalizer'))).toEqual([]);
});

test('finalizers go with the hooks; hooks run also when the objects stay; nothing is kept by an Application that is forced away', async () => {
  const lab = await begin();
  const goodbye = (metadata: object = {}): string => job({ name: 'goodbye', ...metadata }, 'PostDelete', { isStuck: true });
  await lab.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }), 'manifests/goodbye.json': goodbye() });
  await lab.whenApplicationIsCreated();
  await finalizersBecome(lab, [post, `${post}/cleanup`]);
  await lab.whenPushed({ 'manifests/goodbye.json': null });
  await finalizersBecome(lab, []);
  await lab.whenPushed({ 'manifests/goodbye.json': goodbye() });
  await finalizersBecome(lab, [post, `${post}/cleanup`]);
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });

  await lab.whenApplicationIsDeleted();
  await lab.thenObject('Job', 'goodbye', ({ metadata }) => metadata.finalizers?.includes('argocd.argoproj.io/hook-finalizer') === true);
  await lab.whenApplicationIsPatched({ metadata: { finalizers: null } });
  expect((await lab.thenEvent('ApplicationDeleted')).data).toEqual({ cascaded: false });
  await expect.poll(async () => (await jobs(lab)).filter((name) => name.includes('hook-finalizer')), { timeout: 20_000 }).toEqual([]);
  await lab.thenObject('ConfigMap', 'web', ({ metadata }) => metadata.deletionTimestamp === undefined);
});
