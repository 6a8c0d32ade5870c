import { expect, test } from 'vitest';
import { nginx } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const replicas = (object: { [field: string]: unknown }): unknown => (object['spec'] as { replicas?: number }).replicas;

test('the tutorial: push, see it running; change, heal, prune, revert', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/nginx-deployment.yaml': nginx(), 'README.md': '# demo' });

  await lab.whenApplicationIsCreated();
  await lab.thenObject('Deployment', 'nginx-demo', (object) => replicas(object) === 2);
  await lab.thenObject('Service', 'nginx-demo-service');
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });

  const three = await lab.whenPushed({ 'manifests/nginx-deployment.yaml': nginx({ replicas: 3 }) });
  await lab.thenObject('Deployment', 'nginx-demo', (object) => replicas(object) === 3);
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', revision: three });

  await lab.whenPatchedByHand('Deployment', 'nginx-demo', { spec: { replicas: 7 } });
  await lab.thenObject('Deployment', 'nginx-demo', (object) => replicas(object) === 3);
  await lab.thenEvent('DriftDetected', (event) => JSON.stringify(event.data).includes('/spec/replicas'));

  await lab.whenDeletedByHand('Deployment', 'nginx-demo');
  await lab.thenEvent('DriftDetected', (event) => JSON.stringify(event.data).includes('missing'));
  await lab.thenObject('Deployment', 'nginx-demo', (object) => replicas(object) === 3 && object.metadata.deletionTimestamp === undefined);

  await lab.whenPushed({ 'manifests/nginx-deployment.yaml': nginx({ replicas: 3, service: false }) });
  await lab.thenNoObject('Service', 'nginx-demo-service');
  await lab.thenApplicationIs({ sync: 'Synced' });

  await lab.whenReverted();
  await lab.thenObject('Service', 'nginx-demo-service');
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
});

test('the log tells a push from the commit to the healthy object', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/nginx-deployment.yaml': nginx() });
  await lab.whenApplicationIsCreated();
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
  const commit = await lab.whenPushed({ 'manifests/nginx-deployment.yaml': nginx({ image: 'nginx:1.22' }) });
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', revision: commit });
  await lab.thenEvent('ManifestsRendered', (event) => JSON.stringify(event.data).includes(commit));

  const events = await lab.ownEvents();
  const ofPush = events.slice(events.findIndex((event) => event.type === 'RevisionObserved' && JSON.stringify(event.data).includes(commit)));
  const types = ofPush.map((event) => event.type);
  const story = [
    'RevisionObserved',
    'ApplicationCompared',
    'SyncRequested',
    'SyncStarted',
    'SyncStepCompleted',
    'SyncApplied',
    'ApplicationCompared',
    'SyncSucceeded',
  ];
  let at = -1;
  for (const type of story) {
    at = types.indexOf(type, at + 1);
    expect(at, `${type} in ${types.join(', ')}`).toBeGreaterThanOrEqual(0);
  }
  const positions = ofPush.map((event) => event.position);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
});

test('nothing is out of sync after a sync, and nothing is written again', async () => {
  const lab = await begin();
  await lab.givenRepository({
    'manifests/web.yaml': nginx(),
    'manifests/limits.yaml': `apiVersion: v1
kind: LimitRange
metadata: { name: limits }
spec:
  limits:
    - type: Container
      default: { cpu: "0.5", memory: 1024Mi }
      defaultRequest: { cpu: 100m }
`,
    'manifests/secret.yaml': `apiVersion: v1
kind: Secret
metadata: { name: s }
stringData: { password: very-secret }
`,
  });
  await lab.whenApplicationIsCreated();
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
  const before = await lab.kube.get({ group: '', version: 'v1', kind: 'LimitRange', namespace: lab.namespace, name: 'limits' });
  const syncs = async (): Promise<number> => (await lab.ownEvents()).filter((event) => event.type === 'SyncRequested').length;
  expect(await syncs()).toBe(1);
  await lab.whenApplicationIsPatched({ metadata: { annotations: { 'argocd.argoproj.io/refresh': 'hard' } } });
  await lab.thenObjectStays('LimitRange', 'limits', (object) => object.metadata.resourceVersion === before?.metadata.resourceVersion);
  expect(await syncs()).toBe(1);
  const events = JSON.stringify(await lab.ownEvents());
  for (const form of ['very-secret', btoa('very-secret')]) expect(events).not.toContain(form);
});
