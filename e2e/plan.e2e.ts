import type { Scenario } from '@plumbline/testing/scenario';
import { eventually } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { configMap } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const hookFinalizer = 'argocd.argoproj.io/hook-finalizer';
const job = (name: string, hook: string, spec: object = {}, annotations: Record<string, string> = {}): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, annotations: { 'argocd.argoproj.io/hook': hook, ...annotations } },
    spec: { ...spec, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'busybox' }] } } },
  });

test('a sync of several waves that would fail in its last one does nothing, and says which object and why', async () => {
  const shop = await begin();
  await shop.givenObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: shop.namespace } });
  await shop.givenRepository({
    'manifests/hook.json': job('before', 'PreSync'),
    'manifests/cleanup.json': job('cleanup', 'SyncFail'),
    'manifests/first.json': configMap('first', { a: '1' }),
    'manifests/last.json': configMap('last', { a: 1 as unknown as string }, { 'argocd.argoproj.io/sync-wave': '3' }),
  });
  await shop.whenApplicationIsCreated();
  const status = await shop.thenApplicationIs({ phase: 'Failed' }, 30_000);
  expect(status.operationState?.message).toMatch(/^one or more objects failed to apply \(dry run\), reason: ConfigMap .*last/);
  expect(status.operationState?.syncResult.resources.map(({ name, status: code }) => `${name} ${code}`)).toEqual(['last SyncFailed']);
  for (const [kind, name] of [
    ['ConfigMap', 'first'],
    ['Job', 'before'],
    ['Job', 'cleanup'],
  ] as const)
    await shop.thenNoObject(kind, name);
});

/** Synced, with a ConfigMap `old` that is pruned only when somebody confirms it. */
async function givenToBeConfirmed(shop: Scenario): Promise<void> {
  await shop.givenRepository({
    'manifests/kept.json': configMap('kept', { a: '1' }),
    'manifests/old.json': configMap('old', { a: '1' }, { 'argocd.argoproj.io/sync-options': 'Prune=confirm' }),
  });
  await shop.whenApplicationIsCreated();
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
}

test('Prune=confirm waits for a word on the Application', async () => {
  const shop = await begin();
  await givenToBeConfirmed(shop);
  await shop.whenPushed({ 'manifests/old.json': null, 'manifests/kept.json': configMap('kept', { a: '2' }) });
  await shop.thenEvent('SyncConfirmationRequested');
  const status = await shop.thenApplicationIs({ phase: 'Running' });
  expect(status.operationState?.message).toBe(`waiting for pruning confirmation of ConfigMap/${shop.namespace}/old`);
  const warning = await shop.thenCondition('PruneConfirmationWarning', `ConfigMap/${shop.namespace}/old`);
  expect(warning).toContain('argocd.argoproj.io/deletion-approved');
  await shop.thenObjectStays('ConfigMap', 'old');
  await shop.whenApplicationIsPatched({ metadata: { annotations: { 'argocd.argoproj.io/deletion-approved': new Date().toISOString() } } });
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  expect((await shop.status()).conditions?.map(({ type }) => type) ?? []).not.toContain('PruneConfirmationWarning');
  await shop.thenEvent('SyncResumed');
  await shop.thenNoObject('ConfigMap', 'old');
  await shop.thenObject('ConfigMap', 'kept', (object) => (object['data'] as { a: string }).a === '2');
});

test('a hook keeps its result until it is recorded, gives its finalizer up, and goes as its policy says', async () => {
  const shop = await begin();
  await shop.givenRepository({
    'manifests/short.json': job('short', 'PreSync', { ttlSecondsAfterFinished: 0 }),
    'manifests/succeeds.json': job('succeeds', 'PostSync', {}, { 'argocd.argoproj.io/hook-delete-policy': 'HookSucceeded' }),
    'manifests/stays.json': job('stays', 'PreSync,PostSync'),
    'manifests/web.json': configMap('web', { a: '1' }),
  });
  await shop.whenApplicationIsCreated();
  const status = await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' }, 60_000);
  const hooks = status.operationState?.syncResult.resources.filter(({ kind }) => kind === 'Job');
  expect(hooks?.map(({ name, hookType, hookPhase }) => `${hookType} ${name} ${hookPhase}`).sort()).toEqual([
    'PostSync stays Succeeded',
    'PostSync succeeds Succeeded',
    'PreSync short Succeeded',
    'PreSync stays Succeeded',
  ]);
  await shop.thenNoObject('Job', 'short');
  await shop.thenNoObject('Job', 'succeeds');
  await shop.thenObject('Job', 'stays', ({ metadata }) => metadata.finalizers?.includes(hookFinalizer) !== true);
});

// Whoever confirmed should not be told to confirm again while the step does its work.
test('what was confirmed is not asked for any more, although the step waits for something else', async () => {
  const shop = await begin();
  await givenToBeConfirmed(shop);
  const stuck = { suspend: true };
  await shop.whenPushed({
    'manifests/old.json': null,
    'manifests/hook.json': job('beside', 'Sync', stuck),
    'manifests/kept.json': configMap('kept', { a: '2' }),
  });
  await shop.thenCondition('PruneConfirmationWarning', 'old');
  await shop.whenApplicationIsPatched({ metadata: { annotations: { 'argocd.argoproj.io/deletion-approved': new Date().toISOString() } } });
  await shop.thenNoObject('ConfigMap', 'old');
  await eventually('the condition is gone', async (note) => {
    const { conditions = [], operationState } = await shop.status();
    note(conditions);
    const isAsked = conditions.some(({ type }) => type === 'PruneConfirmationWarning');
    return !isAsked && operationState?.phase === 'Running' && operationState.message === 'syncing' ? true : undefined;
  });
  await shop.whenPatchedByHand('Job', 'beside', { spec: { suspend: false } });
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' }, 60_000);
});

// argocd-compat B012: an Application elsewhere is nobody's to reconcile, so its status is what this test says.
test('a hook whose health is unknown has failed, and its result says what its health says', async () => {
  const shop = await begin();
  const source = { repoURL: shop.repoUrl, path: 'manifests', targetRevision: 'HEAD' };
  const destination = { server: 'https://kubernetes.default.svc', namespace: shop.namespace };
  const hook = {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: { name: 'asked', namespace: shop.namespace, annotations: { 'argocd.argoproj.io/hook': 'PreSync' } },
    spec: { project: 'default', source, destination },
  };
  await shop.givenRepository({ 'manifests/hook.json': JSON.stringify(hook), 'manifests/web.json': configMap('web', { a: '1' }) });
  await shop.whenApplicationIsCreated();
  await shop.thenObject('Application', 'asked');
  const sync = { status: 'Synced', comparedTo: { source, destination } };
  await shop.whenPatchedByHand('Application', 'asked', { status: { sync, health: { status: 'Unknown', message: 'nobody knows' } } });
  const { operationState } = await shop.thenApplicationIs({ phase: 'Failed' });
  expect(operationState?.message).toContain(`Application ${shop.namespace}/asked: nobody knows`);
  const results = operationState?.syncResult.resources.filter(({ kind }) => kind === 'Application');
  expect(results).toMatchObject([{ name: 'asked', hookType: 'PreSync', hookPhase: 'Failed', message: 'nobody knows' }]);
  await shop.thenNoObject('ConfigMap', 'web');
});

test('the deletion of an application with Delete=confirm waits for a word on it', async () => {
  const shop = await begin();
  await shop.givenRepository({
    'manifests/asks.json': configMap('asks', { a: '1' }, { 'argocd.argoproj.io/sync-options': 'Delete=confirm' }),
    'manifests/keeps.json': configMap('keeps', { a: '1' }, { 'argocd.argoproj.io/sync-options': 'Delete=false' }),
  });
  await shop.whenApplicationIsCreated({}, { finalizers: ['resources-finalizer.argocd.argoproj.io'] });
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  await shop.whenApplicationIsDeleted();
  await shop.thenEvent('ApplicationDeletionStarted');
  await shop.thenObjectStays('ConfigMap', 'asks');
  await shop.thenCondition('DeletionWarning', /confirms it, for ConfigMap asks.*deletion-approved/);
  await shop.whenApplicationIsPatched({ metadata: { annotations: { 'argocd.argoproj.io/deletion-approved': new Date(Date.now() + 1_000).toISOString() } } });
  await shop.thenNoObject('ConfigMap', 'asks');
  await shop.thenObject('ConfigMap', 'keeps');
});

test('local manifests take the place of the rendered ones for one sync, and are no deployment of a commit', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }) });
  await shop.whenApplicationIsCreated({ syncPolicy: { syncOptions: ['CreateNamespace=true'] } });
  await shop.thenApplicationIs({ sync: 'OutOfSync' });
  const local = (a: string): string[] => [
    configMap('web', { a }),
    JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'local' }, stringData: { a } }),
  ];
  const sync = (body: object) => shop.api.call('POST', `/api/v1/applications/${shop.name}/sync`, { body });
  expect((await sync({ manifests: local('mine') })).status).toBe(200);
  await shop.thenObject('Secret', 'local', (object) => (object['data'] as { a: string }).a === Buffer.from('mine').toString('base64'));
  const status = await shop.thenApplicationIs({ phase: 'Succeeded', sync: 'OutOfSync' });
  expect(status.history ?? []).toEqual([]);
  expect(JSON.stringify(await shop.ownEvents())).not.toContain('mine');

  await shop.whenApplicationIsPatched({ spec: { syncPolicy: { automated: {} } } });
  await shop.thenObject('ConfigMap', 'web', (object) => (object['data'] as { a: string }).a === '1');
  await eventually('local manifests are refused', async (note) => {
    const { status: code, body } = await sync({ manifests: local('again') });
    note(body);
    return code === 400 && JSON.stringify(body).includes('Cannot use local sync') ? true : undefined;
  });
});
