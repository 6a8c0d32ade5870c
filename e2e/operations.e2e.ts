import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { configMap } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const byHand = { syncPolicy: { syncOptions: ['CreateNamespace=true'] } };
const valueIs =
  (value: string) =>
  (object: { [name: string]: unknown }): boolean =>
    (object['data'] as { a?: string } | undefined)?.a === value;

test('an operation names the commit, the source but for its revision, and notes; another source is refused', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }) });
  const old = await lab.git.head();
  await lab.whenPushed({ 'manifests/web.json': configMap('web', { a: '2' }) });
  await lab.whenApplicationIsCreated(byHand);
  await lab.thenApplicationIs({ sync: 'OutOfSync' });

  const info = [{ name: 'Reason', value: 'the release before' }];
  await lab.whenApplicationIsPatched({ operation: { sync: { revision: old }, info, initiatedBy: { username: 'ann' } } });
  await lab.thenObject('ConfigMap', 'web', valueIs('1'));
  const first = await lab.thenApplicationIs({ phase: 'Succeeded', sync: 'OutOfSync' });
  expect(first.operationState).toMatchObject({ operation: { info, initiatedBy: { username: 'ann' } }, syncResult: { revision: old } });

  const source = { repoURL: lab.repoUrl, path: 'manifests', targetRevision: 'HEAD' };
  await lab.whenApplicationIsPatched({ operation: { sync: { source } } });
  await lab.thenObject('ConfigMap', 'web', valueIs('2'));
  await lab.thenApplicationIs({ phase: 'Succeeded', sync: 'Synced' });
  await lab.whenApplicationIsPatched({ operation: { sync: { source: { ...source, targetRevision: old } } } });
  await lab.thenObject('ConfigMap', 'web', valueIs('1'));
  await lab.thenApplicationIs({ phase: 'Succeeded', sync: 'OutOfSync' });

  await lab.whenApplicationIsPatched({ operation: { sync: { source: { ...source, path: 'elsewhere' } } } });
  const refused = await lab.thenApplicationIs({ phase: 'Error' });
  expect(refused.operationState?.message).toMatch(/^the operation names another source than the Application: change spec\.source/);
  await lab.thenObject('ConfigMap', 'web', valueIs('1'));
});

test('an Application that is to be left alone is, and made up for afterwards', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated({}, { finalizers: ['resources-finalizer.argocd.argoproj.io'] });
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  const leaveAlone = (value: string | null) => lab.whenApplicationIsPatched({ metadata: { annotations: { 'argocd.argoproj.io/skip-reconcile': value } } });
  onTestFinished(() => leaveAlone(null).catch(() => undefined));

  await leaveAlone('true');
  // What was under way when the annotation came is over.
  await sleep(1_000);
  const told = (await lab.ownEvents()).length;
  await lab.whenPatchedByHand('ConfigMap', 'web', { data: { a: 'by hand' } });
  await lab.whenPushed({ 'manifests/web.json': configMap('web', { a: '2' }) });
  await lab.whenApplicationIsPatched({ operation: { sync: {} } });
  await sleep(3_000);
  // The commit is seen; nobody does anything about it.
  expect((await lab.ownEvents()).slice(told).map(({ type }) => type)).toEqual(['RevisionObserved']);
  await lab.thenObject('ConfigMap', 'web', valueIs('by hand'));
  expect((await lab.application())?.operation).toBeDefined();

  await leaveAlone(null);
  await lab.thenObject('ConfigMap', 'web', valueIs('2'));
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });

  await leaveAlone('true');
  await lab.whenApplicationIsDeleted();
  await lab.thenObjectStays('ConfigMap', 'web', ({ metadata }) => metadata.deletionTimestamp === undefined);
  await leaveAlone(null);
  await lab.thenNoObject('ConfigMap', 'web');
});

test('a sync by hand with retry.refresh is tried again with the newest commit', async () => {
  const lab = await begin();
  const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none', namespace: lab.namespace }, spec: { hard: { secrets: '0' } } };
  await lab.givenObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: lab.namespace } });
  await lab.givenObject(quota);
  await lab.thenObject('ResourceQuota', 'none', (object) => (object['status'] as { hard?: object } | undefined)?.hard !== undefined);
  const secret = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'token' }, data: {} });
  await lab.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }), 'manifests/secret.json': secret });
  await lab.whenApplicationIsCreated(byHand);
  await lab.thenApplicationIs({ sync: 'OutOfSync' });
  const body = { retryStrategy: { limit: 3, refresh: true, backoff: { duration: '10m', factor: 1, maxDuration: '10m' } } };
  expect((await lab.api.call('POST', `/api/v1/applications/${lab.name}/sync`, { body })).status).toBe(200);
  await lab.thenEvent('SyncRetryScheduled');

  const mended = await lab.whenPushed({ 'manifests/secret.json': null, 'manifests/web.json': configMap('web', { a: '2' }) });
  await lab.thenObject('ConfigMap', 'web', valueIs('2'));
  const status = await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded', revision: mended });
  expect(status.operationState?.operation).toMatchObject({ initiatedBy: { username: 'admin' }, retry: { limit: 2, refresh: true } });
});
