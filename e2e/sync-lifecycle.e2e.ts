import { eventually } from '@plumbline/testing/scenario';
import type { Scenario } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { configMap, nginx } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

/** No node has this label: its Pods stay Pending. */
const stuck = (annotations: Record<string, string> = {}, spec: object = {}): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'stuck', annotations },
    spec: {
      ...spec,
      selector: { matchLabels: { app: 'stuck' } },
      template: {
        metadata: { labels: { app: 'stuck' } },
        spec: { nodeSelector: { 'example.org/nowhere': 'true' }, containers: [{ name: 'web', image: 'nginx' }] },
      },
    },
  });

const job = (name: string, hook: string, isStuck = false): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, annotations: { 'argocd.argoproj.io/hook': hook } },
    spec: {
      template: {
        spec: {
          restartPolicy: 'Never',
          containers: [{ name: 'work', image: 'busybox' }],
          ...(isStuck ? { nodeSelector: { 'example.org/nowhere': 'true' } } : {}),
        },
      },
    },
  });

const waitsForHealth = (lab: Scenario): Promise<unknown> =>
  lab.thenEvent('SyncApplied', (event) => (event.data as { healthUntil?: string }).healthUntil !== undefined);

test('a sync ends when what it applied is healthy, and no earlier', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/web.yaml': nginx() });
  await lab.whenApplicationIsCreated();
  await waitsForHealth(lab);
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  const types = (await lab.ownEvents()).map(({ type }) => type);
  expect(types.indexOf('SyncSucceeded')).toBeGreaterThan(types.indexOf('SyncApplied') + 1);
});

test('one that is never healthy fails when its time is up, and the next commit is synced all the same', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/stuck.json': stuck() });
  await lab.whenApplicationIsCreated({
    syncPolicy: { automated: { prune: true, selfHeal: true }, syncOptions: ['CreateNamespace=true', 'HealthTimeout=1s'] },
  });
  const status = await lab.thenApplicationIs({ sync: 'Synced', health: 'Progressing', phase: 'Failed' });
  expect(status.operationState?.message).toMatch(/^applied, not healthy: apps\/Deployment:.*stuck.*still Progressing after 1 s/);
  expect(status.history).toHaveLength(1);

  await lab.whenPushed({ 'manifests/stuck.json': null, 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.thenObject('ConfigMap', 'web');
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
});

test('a commit that mends it does not wait for a sync that waits for health, nor for one that waits between waves', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/stuck.json': stuck() });
  await lab.whenApplicationIsCreated();
  await waitsForHealth(lab);
  await lab.whenPushed({
    'manifests/later.json': configMap('later', { a: '1' }, { 'argocd.argoproj.io/sync-wave': '5' }),
    'manifests/stuck.json': stuck({ a: 'b' }),
  });
  await lab.thenEvent('SyncSucceeded', (event) => /superseded by \w+ before it was healthy/.test((event.data as { message: string }).message));
  await lab.thenEvent('SyncStarted', (event) => (event.data as { steps: unknown[] }).steps.length === 2);

  await lab.whenPushed({ 'manifests/stuck.json': null });
  await lab.thenEvent('SyncFailed', (event) => (event.data as { message: string }).message.startsWith('0 of 2 steps done; superseded by'));
  await lab.thenObject('ConfigMap', 'later');
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
});

test('what drifts is healed while a sync waits for health', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/stuck.json': stuck(), 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated();
  await waitsForHealth(lab);
  await lab.whenPatchedByHand('ConfigMap', 'web', { data: { a: 'by hand' } });
  await lab.thenEvent('DriftDetected');
  await lab.thenObject('ConfigMap', 'web', (object) => (object['data'] as { a: string }).a === '1');
});

test('terminating wins: the hook that ran is deleted, the rest stays', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/hook.json': job('migrate', 'PreSync', true), 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated();
  await lab.thenObject('Job', 'migrate');
  await lab.thenApplicationIs({ phase: 'Running' });
  expect((await lab.api.call('DELETE', `/api/v1/applications/${lab.name}/operation`)).status).toBe(200);
  const status = await lab.thenApplicationIs({ phase: 'Failed' }, 10_000);
  expect(status.operationState?.message).toBe('Operation terminated');
  await lab.thenNoObject('Job', 'migrate');
  await lab.thenNoObject('ConfigMap', 'web');
  // What has ended can't be ended.
  await eventually('api says that nothing runs', async (note) => {
    const answer = await lab.api.call('DELETE', `/api/v1/applications/${lab.name}/operation`);
    note(answer.body);
    return answer.status === 400 && JSON.stringify(answer.body).includes('No operation is in progress') ? true : undefined;
  });
});

test('an application that is deleted in the middle of a sync leaves no hook behind that nobody can delete', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/hook.json': job('migrate', 'PreSync', true), 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated();
  await lab.thenObject('Job', 'migrate');
  await lab.whenApplicationIsDeleted();
  await lab.thenEvent('SyncFailed', (event) => (event.data as { message: string }).message === 'the application is being deleted');
  await lab.thenNoObject('Job', 'migrate');
  await lab.thenEvent('ApplicationDeleted');
});

// The sync ended, and its hook kept its finalizer, and with it its namespace, for ever.
test('an application that is deleted while the API server fails runs its sync on until its hooks are gone', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/hook.json': job('migrate', 'PreSync', true), 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated({}, { finalizers: ['resources-finalizer.argocd.argoproj.io'] });
  const { metadata } = await lab.thenObject('Job', 'migrate');
  const webhook = { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingWebhookConfiguration', name: lab.name };
  await lab.givenObject({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: webhook.kind,
    metadata: { name: webhook.name },
    webhooks: [
      {
        name: 'away.example.org',
        clientConfig: { url: 'https://127.0.0.1:1/' },
        rules: [{ apiGroups: ['batch'], apiVersions: ['v1'], operations: ['UPDATE', 'DELETE'], resources: ['jobs'] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': lab.namespace } },
        failurePolicy: 'Fail',
        timeoutSeconds: 1,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  const ref = { group: 'batch', version: 'v1', kind: 'Job', namespace: lab.namespace, name: 'migrate' };
  await eventually('the webhook counts', () =>
    lab.kube.mergePatch(ref, { metadata: { labels: { probe: '1' } } }, { fieldManager: 'test', dryRun: true }).then(
      () => undefined,
      () => true,
    ),
  );

  await lab.whenApplicationIsDeleted();
  expect(await lab.thenCondition('DeletionWarning', 'migrate')).toContain('away.example.org');
  await lab.thenObjectStays('Job', 'migrate', (object) => object.metadata.uid === metadata.uid);
  expect((await lab.status()).operationState?.phase).toBe('Running');
  expect((await lab.ownEvents()).map(({ type }) => type)).not.toContain('SyncFailed');
  await lab.kube.delete(webhook);
  await lab.thenNoObject('Job', 'migrate');
  const ended = await lab.thenEvent('SyncFailed');
  expect(ended.data).toMatchObject({ phase: 'Error', message: 'the application is being deleted' });
  await lab.thenEvent('ApplicationDeleted');
});

test('a spec that becomes invalid ends the sync, and its hook goes, although the spec names another namespace now', async () => {
  const lab = await begin();
  await lab.givenProject({
    sourceRepos: ['*'],
    destinations: [{ server: '*', namespace: lab.namespace }],
    clusterResourceWhitelist: [{ group: '*', kind: '*' }],
  });
  await lab.givenRepository({ 'manifests/hook.json': job('migrate', 'PreSync', true), 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated({ project: lab.name });
  await lab.thenObject('Job', 'migrate');
  await lab.whenApplicationIsPatched({ spec: { destination: { namespace: `${lab.namespace}-elsewhere` } } });
  await lab.thenCondition('InvalidSpecError', 'do not match any of the allowed destinations');
  await lab.thenApplicationIs({ phase: 'Error' });
  await lab.thenNoObject('Job', 'migrate');
});

test('SyncFail hooks run when a step fails, before the sync ends', async () => {
  const lab = await begin();
  await lab.givenRepository({
    'manifests/hook.json': job('tell', 'SyncFail'),
    'manifests/stuck.json': stuck({}, { progressDeadlineSeconds: 1 }),
    'manifests/later.json': configMap('later', { a: '1' }, { 'argocd.argoproj.io/sync-wave': '1' }),
  });
  await lab.whenApplicationIsCreated();
  await lab.thenEvent('SyncFailPhaseStarted');
  const status = await lab.thenApplicationIs({ phase: 'Failed' }, 30_000);
  expect(status.operationState?.message).toMatch(/Deployment .*stuck: it is degraded/);
  await lab.thenNoObject('ConfigMap', 'later');
  const hooks = status.operationState?.syncResult.resources.filter(({ kind }) => kind === 'Job');
  expect(hooks).toMatchObject([{ name: 'tell', syncPhase: 'SyncFail', hookPhase: 'Succeeded' }]);
  expect(status.resources?.find(({ name }) => name === 'tell')).toEqual({
    group: 'batch',
    version: 'v1',
    kind: 'Job',
    namespace: lab.namespace,
    name: 'tell',
    hook: true,
  });
  expect(await lab.thenObject('Job', 'tell')).toBeDefined();
});

test('an application of applications waits for its children', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/stuck.json': stuck() });
  const child = {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: { name: `${lab.name}-child`, namespace: 'argocd', annotations: { 'argocd.argoproj.io/sync-wave': '-1' } },
    spec: {
      project: 'default',
      source: { repoURL: lab.repoUrl, path: 'manifests', targetRevision: 'HEAD' },
      destination: { server: 'https://kubernetes.default.svc', namespace: lab.namespace },
      syncPolicy: { automated: { prune: true } },
    },
  };
  await lab.whenPushed({ 'parent/child.json': JSON.stringify(child), 'parent/after.json': configMap('after', { a: '1' }) });
  const source = { repoURL: lab.repoUrl, path: 'parent', targetRevision: 'HEAD' };
  await lab.whenApplicationIsCreated({ source }, { finalizers: ['resources-finalizer.argocd.argoproj.io'] });
  await lab.thenObject('Deployment', 'stuck');
  await lab.thenApplicationIs({ phase: 'Running', health: 'Progressing' });
  await lab.thenNoObject('ConfigMap', 'after');
  await lab.whenPushed({ 'manifests/stuck.json': configMap('now', { a: '1' }) });
  await lab.thenObject('ConfigMap', 'after');
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' }, 30_000);
});
