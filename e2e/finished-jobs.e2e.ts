import type { ResourceResult } from '@plumbline/contracts';
import type { Scenario } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { configMap } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const job = (image: string, ttlSecondsAfterFinished = 2): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'once' },
    spec: { ttlSecondsAfterFinished, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image }] } } },
  });

const automated = { automated: { selfHeal: true }, syncOptions: ['CreateNamespace=true'] };

const resultsOf = async (lab: Scenario): Promise<readonly ResourceResult[]> => (await lab.status()).operationState?.syncResult.resources ?? [];

// It was missing, and self-healing ran it again and again, each time for as long as its TTL.
test('a Job that its TTL removed has run: it is not missing, and runs again only when somebody wants it to', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/once.json': job('busybox'), 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated({ syncPolicy: automated });
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  await lab.thenNoObject('Job', 'once');
  const { resources = [] } = await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
  expect(resources.find(({ kind }) => kind === 'Job')).toMatchObject({ status: 'Synced', health: { status: 'Healthy' } });

  // Neither self-healing nor a sync of something else.
  const revision = await lab.whenPushed({ 'manifests/web.json': configMap('web', { a: '2' }) });
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded', revision });
  await lab.thenObject('ConfigMap', 'web', (object) => (object['data'] as { a: string }).a === '2');
  expect((await resultsOf(lab)).find(({ kind }) => kind === 'Job')).toMatchObject({ status: 'Synced', message: 'job.batch/once has run and is gone' });
  await lab.thenNoObject('Job', 'once');
  expect((await lab.ownEvents()).filter(({ type, data }) => type === 'SyncRequested' && (data as { trigger: string }).trigger === 'self-heal')).toEqual([]);

  // Whoever names it, or changes it, wants it to run.
  await lab.whenApplicationIsPatched({ operation: { sync: { resources: [{ group: 'batch', kind: 'Job', name: 'once' }] } } });
  await lab.thenObject('Job', 'once');
  await lab.thenNoObject('Job', 'once');
  await lab.whenPushed({ 'manifests/once.json': job('busybox:1.36') });
  await lab.thenObject('Job', 'once', (object) => JSON.stringify(object).includes('busybox:1.36'));
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
});
