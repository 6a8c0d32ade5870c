import { eventually } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { configMap, nginx } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const job = (metadata: string, hook: string): string => `apiVersion: batch/v1
kind: Job
metadata:
  ${metadata}
  annotations:
    argocd.argoproj.io/hook: ${hook}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - { name: work, image: busybox }
`;

const definitionOf = (kind: string, plural: string): string => `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${plural}.example.org }
spec:
  group: example.org
  scope: Namespaced
  names: { kind: ${kind}, plural: ${plural} }
  versions:
    - { name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } } }
`;

test('hooks and waves in order: a PreSync Job, a Deployment that becomes ready, then what needs it, a PostSync Job', async () => {
  const shop = await begin();
  await shop.givenRepository({
    'manifests/before.yaml': job('generateName: migrate-', 'PreSync'),
    'manifests/web.yaml': nginx(),
    'manifests/later.json': configMap('later', { a: '1' }, { 'argocd.argoproj.io/sync-wave': '5' }),
    'manifests/after.yaml': job('name: smoke', 'PostSync'),
  });
  await shop.whenApplicationIsCreated();
  const status = await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' }, 60_000);
  const results = status.operationState?.syncResult.resources ?? [];
  expect(results.map(({ kind, syncPhase }) => `${syncPhase} ${kind}`)).toEqual([
    'PreSync Namespace',
    'PreSync Job',
    'Sync Service',
    'Sync Deployment',
    'Sync ConfigMap',
    'PostSync Job',
  ]);
  expect(results.filter(({ kind }) => kind === 'Job').map(({ hookPhase }) => hookPhase)).toEqual(['Succeeded', 'Succeeded']);
  const steps = (await shop.ownEvents())
    .filter((event) => event.type === 'SyncStepCompleted')
    .map((event) => (event.data as { phase: string; wave: number }).phase);
  expect(steps).toEqual(['PreSync', 'Sync', 'Sync', 'PostSync']);
});

test('a custom kind in the same commit as its definition', async () => {
  const shop = await begin();
  const kind = `T${shop.name.slice(2)}`;
  const plural = `${kind.toLowerCase()}s`;
  await shop.givenRepository({
    'manifests/crd.yaml': definitionOf(kind, plural),
    'manifests/custom.yaml': `apiVersion: example.org/v1\nkind: ${kind}\nmetadata: { name: one }\nspec: { a: 1 }\n`,
    'manifests/web.json': configMap('web', { a: '1' }),
  });
  await shop.whenApplicationIsCreated();
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' }, 60_000);
  await shop.kube.discover({ refresh: true });
  await shop.thenObject(kind, 'one');

  // The definition goes, and its objects with it: the application goes on.
  await shop.whenPushed({ 'manifests/crd.yaml': null, 'manifests/custom.yaml': null });
  await shop.thenApplicationIs({ sync: 'Synced' }, 60_000);
  await shop.kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `${plural}.example.org` });
  await shop.whenPushed({ 'manifests/web.json': configMap('web', { a: '2' }) });
  await shop.thenObject('ConfigMap', 'web', (object) => (object['data'] as { a: string }).a === '2');
  await shop.thenApplicationIs({ sync: 'Synced' });
});

test('a custom kind whose definition another application brings: it is said what is missing, and synced as soon as it is there', async () => {
  const [user, provider] = [await begin(), await begin()];
  const kind = `U${user.name.slice(2)}`;
  const plural = `${kind.toLowerCase()}s`;
  await user.givenRepository({ 'manifests/custom.yaml': `apiVersion: example.org/v1\nkind: ${kind}\nmetadata: { name: one }\nspec: { a: 1 }\n` });
  await user.whenApplicationIsCreated();
  await user.thenCondition('UnknownKindWarning', kind);

  await provider.givenRepository({ 'manifests/crd.yaml': definitionOf(kind, plural) });
  await provider.whenApplicationIsCreated();
  await provider.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  await user.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  expect((await user.status()).conditions ?? []).toEqual([]);
  await user.kube.discover({ refresh: true });
  await user.thenObject(kind, 'one');
  await user.kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `${plural}.example.org` });
});

// argocd-compat B100
test('a sync of what can not be compared is refused, with what the condition says, and nothing is written', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }) });
  const spec = { source: { repoURL: shop.repoUrl, path: 'nowhere', targetRevision: 'HEAD' }, syncPolicy: { syncOptions: ['CreateNamespace=true'] } };
  await shop.whenApplicationIsCreated(spec);
  const message = await shop.thenCondition('ComparisonError', 'nowhere');

  expect((await shop.api.call('POST', `/api/v1/applications/${shop.name}/sync`, { body: {} })).status).toBe(200);
  const refused = await shop.thenApplicationIs({ phase: 'Error', sync: 'Unknown' });
  expect(refused.operationState).toMatchObject({ message, operation: { initiatedBy: { username: 'admin' } } });
  expect(refused.conditions).toMatchObject([{ type: 'ComparisonError', message }]);
  expect((await shop.application())?.operation).toBeUndefined();
  // It was good once: what was compared then is no reason to sync it.
  await shop.whenApplicationIsPatched({ spec: { source: { path: 'manifests' } } });
  await shop.thenApplicationIs({ sync: 'OutOfSync' });
  await shop.whenPushed({ 'manifests/web.json': '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {' });
  const broken = await shop.thenCondition('ComparisonError', 'web.json');
  await shop.whenApplicationIsPatched({ operation: { sync: {} } });
  await eventually('the sync of a broken commit is refused', async (note) => {
    const { operationState } = await shop.status();
    note(operationState);
    return operationState?.phase === 'Error' && operationState.message === broken ? true : undefined;
  });
  expect((await shop.ownEvents()).filter(({ type }) => type === 'SyncStarted')).toEqual([]);
  expect(await shop.kube.get({ group: '', version: 'v1', kind: 'Namespace', name: shop.namespace })).toBeUndefined();
});

test('what can never be synced ends the operation and says so', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }) });
  await shop.whenApplicationIsCreated({ destination: { server: 'https://kubernetes.default.svc', namespace: '../x' } });
  await shop.thenCondition('InvalidSpecError', 'not the name of a namespace');

  await shop.whenApplicationIsPatched({ operation: { sync: {} } });
  const status = await shop.thenApplicationIs({ phase: 'Error' });
  expect(status.operationState?.message).toContain('not the name of a namespace');
  expect((await shop.application())?.operation).toBeUndefined();

  await shop.whenApplicationIsPatched({ spec: { destination: { namespace: shop.namespace } } });
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
});
