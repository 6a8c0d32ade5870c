import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Scenario } from '@plumbline/testing/scenario';
import { eventually } from '@plumbline/testing/scenario';
import { expect, onTestFinished, test } from 'vitest';
import { configMap } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const configMapRef = (lab: Scenario, name: string) => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace: lab.namespace, name });
const held = (lab: Scenario, name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: lab.namespace, finalizers: ['example.org/hold'] },
});
const letGo = async (lab: Scenario, name: string): Promise<void> =>
  void (await lab.kube.mergePatch(configMapRef(lab, name), { metadata: { finalizers: null } }, { fieldManager: 'test' }).catch(() => undefined));

const messageOf = (lab: Scenario, fits: RegExp): Promise<string> =>
  eventually(`the operation says ${fits.source}`, async (note) => {
    const { operationState } = await lab.status();
    note(operationState);
    const results = operationState?.syncResult.resources.map(({ message }) => message) ?? [];
    return [operationState?.message ?? '', ...results].find((message) => fits.test(message));
  });

test('a namespace that is being deleted says so; once it is gone it is made anew', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated();
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  await lab.kube.create(held(lab, 'held'));
  onTestFinished(() => letGo(lab, 'held'));

  await lab.kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: lab.namespace });
  await messageOf(lab, /its namespace is being deleted/);
  await letGo(lab, 'held');
  await lab.thenObject('ConfigMap', 'web', () => true, 60_000);
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' }, 60_000);
});

test('what can’t be pruned is named with its finalizer, and holds up no newer commit', async () => {
  const lab = await begin();
  const sticky = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'sticky', finalizers: ['example.org/hold'] } });
  await lab.givenRepository({ 'manifests/sticky.json': sticky, 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated();
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  onTestFinished(() => letGo(lab, 'sticky'));

  await lab.whenPushed({ 'manifests/sticky.json': null });
  expect(await lab.thenCondition('DeletionWarning', 'sticky')).toContain('example.org/hold');
  await lab.whenPushed({ 'manifests/web.json': configMap('web', { a: '2' }) });
  await lab.thenObject('ConfigMap', 'web', (object) => (object['data'] as { a: string }).a === '2');
});

test('a webhook that doesn’t answer is named, the rest of its wave is applied, and it is tried again', async () => {
  const lab = await begin();
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  onTestFinished(() => void silent.close());
  await eventually('the silent server listens', async () => (silent.listening ? true : undefined));
  await lab.givenObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: lab.namespace } });
  const webhook = (failurePolicy: 'Fail' | 'Ignore') => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: lab.name },
    webhooks: [
      {
        name: 'silent.example.org',
        clientConfig: { url: `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`, caBundle: '' },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['services'] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': lab.namespace } },
        failurePolicy,
        timeoutSeconds: 1,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  await lab.givenObject(webhook('Fail'));
  const service = JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } });
  await lab.givenRepository({ 'manifests/service.json': service, 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated();
  await lab.thenObject('ConfigMap', 'web');
  await lab.thenEvent('SyncRetryScheduled', (event) => (event.data as { message: string }).message.includes('silent.example.org'));

  await lab.kube.apply(webhook('Ignore'), { fieldManager: 'kubectl' });
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' }, 60_000);
});

test('a definition whose names are taken is degraded and says so; when they are free, what needs it is synced', async () => {
  const lab = await begin();
  const kind = `Thing${lab.name.slice(2)}`;
  const group = `${lab.name}.example.org`;
  const definition = (plural: string) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
    },
  });
  await lab.givenObject(definition('others'));
  await lab.givenRepository({
    'manifests/crd.json': JSON.stringify(definition('things')),
    'manifests/web.json': configMap('web', { a: '1' }, { 'argocd.argoproj.io/sync-wave': '1' }),
  });
  await lab.whenApplicationIsCreated();
  const { message = '' } = (await lab.thenApplicationIs({ health: 'Degraded', phase: 'Failed' })).operationState ?? {};
  expect(message).toMatch(/CustomResourceDefinition .*things.*is already in use/);
  await lab.thenNoObject('ConfigMap', 'web');

  await lab.kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `others.${group}` });
  await lab.whenPushed({ 'manifests/one.json': JSON.stringify({ apiVersion: `${group}/v1`, kind, metadata: { name: 'one' } }) });
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' }, 60_000);
  await lab.thenObject('ConfigMap', 'web');
  await lab.whenPushed({ 'manifests/crd.json': null, 'manifests/one.json': null });
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' }, 60_000);
});
