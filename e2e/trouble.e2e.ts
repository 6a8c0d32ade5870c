import { expect, test } from 'vitest';
import { configMap, nginx } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const replicas = (object: { [field: string]: unknown }): unknown => (object['spec'] as { replicas?: number }).replicas;

test('a syntax error says file and line; the last good state keeps being healed; the next good commit ends it', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.yaml': nginx() });
  await shop.whenApplicationIsCreated();
  await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });

  await shop.whenPushed({ 'manifests/web.yaml': nginx({ replicas: 5 }).replace('    spec:\n      containers:', '    spec:\n   containers:') });
  const message = await shop.thenCondition('ComparisonError', 'manifests/web.yaml');
  expect(message).toMatch(/manifests\/web\.yaml.*(line |:)\d+/);
  expect((await shop.status()).sync?.status).toBe('Unknown');

  await shop.whenPatchedByHand('Deployment', 'nginx-demo', { spec: { replicas: 9 } });
  await shop.thenObject('Deployment', 'nginx-demo', (object) => replicas(object) === 2);
  await shop.thenCondition('ComparisonError', 'manifests/web.yaml');

  await shop.whenPushed({ 'manifests/web.yaml': nginx({ replicas: 5 }) });
  await shop.thenObject('Deployment', 'nginx-demo', (object) => replicas(object) === 5);
  const status = await shop.thenApplicationIs({ sync: 'Synced' });
  expect(status.conditions ?? []).toEqual([]);
});

test('an unknown kind is named with its file; other applications go on', async () => {
  const [broken, fine] = [await begin(), await begin()];
  await broken.givenRepository({ 'manifests/widget.yaml': 'apiVersion: example.org/v1\nkind: Widget\nmetadata: { name: w }\n' });
  await fine.givenRepository({ 'manifests/web.yaml': nginx() });
  await broken.whenApplicationIsCreated();
  await fine.whenApplicationIsCreated();
  expect(await broken.thenCondition('UnknownKindWarning', 'Widget')).toContain('manifests/widget.yaml');
  await fine.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
});

test('a missing path and a missing branch are said', async () => {
  const [path, branch] = [await begin(), await begin()];
  await path.givenRepository({ 'manifests/web.yaml': nginx() });
  await branch.givenRepository({ 'manifests/web.yaml': nginx() });
  await path.whenApplicationIsCreated({ source: { repoURL: path.repoUrl, path: 'nowhere' } });
  await branch.whenApplicationIsCreated({ source: { repoURL: branch.repoUrl, path: 'manifests', targetRevision: 'no-such-branch' } });
  await path.thenCondition('ComparisonError', 'nowhere');
  await branch.thenCondition('ComparisonError', 'no-such-branch');
});

test('an unreachable repository is said, and found again when it is there', async () => {
  const shop = await begin();
  // The demo Git server answers 404 until the first push makes the repository.
  await shop.whenApplicationIsCreated();
  await shop.thenCondition('ComparisonError', shop.name);
  await shop.givenRepository({ 'manifests/web.yaml': nginx() });
  await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
});

test('a project that forbids the destination, the source or a kind stops the sync, with the reason', async () => {
  const [destination, source, kind] = [await begin(), await begin(), await begin()];
  for (const scenario of [destination, source, kind]) await scenario.givenRepository({ 'manifests/web.yaml': nginx() });
  await destination.givenProject({ sourceRepos: ['*'], destinations: [{ server: '*', namespace: 'elsewhere' }] });
  await source.givenProject({ sourceRepos: ['https://git.example.org/**'], destinations: [{ server: '*', namespace: '*' }] });
  await kind.givenProject({
    sourceRepos: ['*'],
    destinations: [{ server: '*', namespace: '*' }],
    namespaceResourceBlacklist: [{ group: '', kind: 'Service' }],
  });
  for (const scenario of [destination, source, kind]) await scenario.whenApplicationIsCreated({ project: scenario.name });
  await destination.thenCondition('InvalidSpecError', 'do not match any of the allowed destinations');
  await source.thenCondition('InvalidSpecError', 'is not permitted in project');
  const status = await kind.thenApplicationIs({ phase: 'Failed' });
  expect(status.operationState?.message).toMatch(/Service.*not permitted/);
  await kind.thenNoObject('Service', 'nginx-demo-service');
  await destination.thenNoObject('Deployment', 'nginx-demo');
});

test('an immutable field fails the operation with the reason, without endless retries', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.yaml': nginx(), 'manifests/other.json': configMap('other', { a: '1' }) });
  await shop.whenApplicationIsCreated();
  await shop.thenApplicationIs({ sync: 'Synced' });
  await shop.whenPushed({
    'manifests/web.yaml': nginx()
      .replace('    matchLabels:\n      app: nginx-demo', '    matchLabels:\n      app: other')
      .replace('      labels:\n        app: nginx-demo', '      labels:\n        app: other'),
    'manifests/other.json': configMap('other', { a: '2' }),
  });
  const status = await shop.thenApplicationIs({ phase: 'Failed', sync: 'OutOfSync' });
  expect(status.operationState?.message).toContain('immutable');
  await shop.thenCondition('SyncError', 'immutable');
  // The rest of the wave was applied.
  await shop.thenObject('ConfigMap', 'other', (object) => (object['data'] as { a: string }).a === '2');
});

test('an empty render never prunes everything', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.yaml': nginx(), 'manifests/README.md': 'manifests' });
  await shop.whenApplicationIsCreated();
  await shop.thenApplicationIs({ sync: 'Synced' });
  await shop.whenPushed({ 'manifests/web.yaml': '# nothing here\n' });
  await shop.thenCondition('SyncError', 'wipe out all resources');
  await shop.thenObjectStays('Deployment', 'nginx-demo', (object) => object.metadata.deletionTimestamp === undefined);
});

test('deleting the Application with the finalizer takes its objects along, without it leaves them', async () => {
  const [cascading, plain] = [await begin(), await begin()];
  for (const scenario of [cascading, plain]) await scenario.givenRepository({ 'manifests/web.yaml': nginx() });
  await cascading.whenApplicationIsCreated({}, { finalizers: ['resources-finalizer.argocd.argoproj.io'] });
  await plain.whenApplicationIsCreated();
  for (const scenario of [cascading, plain]) {
    await scenario.thenApplicationIs({ sync: 'Synced' });
    await scenario.whenApplicationIsDeleted();
    await scenario.thenEvent('ApplicationDeleted');
  }
  await cascading.thenNoObject('Deployment', 'nginx-demo');
  await plain.thenObjectStays('Deployment', 'nginx-demo', (object) => object.metadata.deletionTimestamp === undefined);
});
