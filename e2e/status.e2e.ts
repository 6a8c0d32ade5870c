import { get } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Application, ApplicationStatus } from '@plumbline/contracts';
import { loadConnection } from '@plumbline/kube';
import type { Scenario } from '@plumbline/testing/scenario';
import { expect, onTestFinished, test } from 'vitest';
import { configMap, nginx } from './src/manifests.ts';
import { platformUnderTest, useScenarios } from './src/platform.ts';

const begin = useScenarios();

const objectsOfBig = 5_000;
// The machine may be busy; a minute is usual.
const bigTimeoutMs = 600_000;
const nameOf = (index: number): string => `settings-${String(index).padStart(4, '0')}`;
const valueOf = (object: { [name: string]: unknown }): string | undefined => (object['data'] as { a?: string } | undefined)?.a;

test(
  'an application of 5,000 objects is synced, and the drift of one of them is found and healed',
  async () => {
    const lab = await begin();
    const manifests = Array.from({ length: objectsOfBig }, (_, index) => configMap(nameOf(index), { a: '1' }));
    await lab.givenRepository({ 'manifests/all.yaml': manifests.join('\n---\n') });
    await lab.whenApplicationIsCreated();
    await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' }, bigTimeoutMs / 2);
    expect(await lab.kube.get({ group: '', version: 'v1', kind: 'ConfigMap', namespace: lab.namespace, name: nameOf(objectsOfBig - 1) })).toBeDefined();

    // The resource has room for every resource, not for every result; the API has all.
    const shown = await lab.status();
    expect(shown.resources).toHaveLength(objectsOfBig);
    expect(shown.operationState!.syncResult.resources.length).toBeLessThan(objectsOfBig);
    expect(shown.conditions).toMatchObject([{ type: 'StatusCutWarning' }]);
    const { status } = await lab.api.get<{ status: ApplicationStatus }>(`/api/v1/applications/${lab.name}`);
    expect(status.resources.filter((resource) => resource.status === 'Synced')).toHaveLength(objectsOfBig);
    // The namespace is one of them.
    expect(status.operationState!.syncResult.resources).toHaveLength(objectsOfBig + 1);

    const before = (await lab.ownEvents()).length;
    await lab.whenPatchedByHand('ConfigMap', nameOf(1_234), { data: { a: 'by hand' } });
    const drift = await lab.thenEvent('DriftDetected', (event) => JSON.stringify(event.data).includes(nameOf(1_234)));
    await lab.thenEvent('ApplicationCompared', (event) => event.position > drift.position && (event.data as { status: string }).status === 'Synced');
    await lab.thenObject('ConfigMap', nameOf(1_234), (object) => valueOf(object) === '1');
    await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
    const told = (await lab.ownEvents()).slice(before).filter(({ type }) => type === 'ApplicationCompared' || type === 'ResourcesCompared');
    expect(told.map(({ data }) => (data as { resources: unknown[] }).resources.length)).toEqual([1, 1]);
    expect(told.every(({ data }) => (data as { changesOnly?: boolean }).changesOnly === true)).toBe(true);

    // As it was when it had drifted.
    const then = await lab.api.get<{ status: ApplicationStatus }>(`/api/v1/applications/${lab.name}?at=${told[0]!.position}`);
    expect(then.status.resources).toHaveLength(objectsOfBig);
    expect(then.status.resources.filter((resource) => resource.status === 'OutOfSync').map(({ name }) => name)).toEqual([nameOf(1_234)]);
  },
  bigTimeoutMs,
);

/** The versions of the Application that the API server has told since it was asked to count. */
function countWrites(lab: Scenario): { settled(): Promise<Application[]> } {
  // The same version may come twice.
  const versions = new Set<string>();
  const seen: Application[] = [];
  const watch = lab.kube.watch({
    group: 'argoproj.io',
    version: 'v1alpha1',
    kind: 'Application',
    namespace: 'argocd',
    listener: {
      upsert: (object) => {
        const { name, resourceVersion = '' } = object.metadata;
        if (name !== lab.name || versions.has(resourceVersion)) return;
        versions.add(resourceVersion);
        seen.push(object as unknown as Application);
      },
      remove: () => undefined,
    },
  });
  onTestFinished(() => watch.stop());
  return {
    /** Once nothing was written for a while that is longer than a write may be put off. */
    async settled() {
      for (let before = -1; before !== seen.length;) {
        before = seen.length;
        await sleep(2_500);
      }
      return seen.splice(0);
    },
  };
}

test('the Application is written at most twice for a sync, and once for a commit that changes nothing for it', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated();
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  const writes = countWrites(lab);
  await writes.settled();

  const changed = await lab.whenPushed({ 'manifests/web.json': configMap('web', { a: '2' }) });
  await lab.thenApplicationIs({ revision: changed, sync: 'Synced', phase: 'Succeeded' });
  const ofChange = await writes.settled();
  expect(ofChange.length).toBeGreaterThan(0);
  expect(ofChange.length).toBeLessThanOrEqual(2);
  expect(ofChange.at(-1)!.status).toMatchObject({ sync: { revision: changed, status: 'Synced' }, operationState: { phase: 'Succeeded' } });

  const elsewhere = await lab.whenPushed({ 'README.md': 'nothing of it is rendered' });
  await lab.thenApplicationIs({ revision: elsewhere, sync: 'Synced' });
  expect(await writes.settled()).toHaveLength(1);

  await lab.whenPatchedByHand('ConfigMap', 'web', { data: { a: 'by hand' } });
  await lab.thenEvent('DriftDetected');
  await lab.thenObject('ConfigMap', 'web', (object) => valueOf(object) === '2');
  const ofHealing = await writes.settled();
  expect(ofHealing.length).toBeGreaterThan(0);
  expect(ofHealing.length).toBeLessThanOrEqual(2);
  expect(ofHealing.at(-1)!.status).toMatchObject({ sync: { status: 'Synced' }, operationState: { phase: 'Succeeded' } });
});

test('a sync that waits for health is written at most twice, too', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/web.yaml': nginx() });
  await lab.whenApplicationIsCreated();
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  const writes = countWrites(lab);
  await writes.settled();
  const changed = await lab.whenPushed({ 'manifests/web.yaml': nginx({ image: 'nginx:1.22' }) });
  await lab.thenEvent('SyncSucceeded', (event) => (event.data as { revision: string }).revision === changed);
  await lab.thenApplicationIs({ revision: changed, sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  const ofChange = await writes.settled();
  const shown = ofChange
    .map(({ status }) => status as unknown as ApplicationStatus)
    .map(({ health, operationState }) => [health.status, operationState?.phase]);
  expect(shown.length, JSON.stringify(shown)).toBeLessThanOrEqual(2);
  expect(shown.at(-1)).toEqual(['Healthy', 'Succeeded']);
});

test('an application that manages itself does not wait for itself', async () => {
  const lab = await begin();
  const spec = {
    project: 'default',
    source: { repoURL: lab.repoUrl, path: 'manifests', targetRevision: 'HEAD' },
    destination: { server: 'https://kubernetes.default.svc', namespace: lab.namespace },
    syncPolicy: { automated: { selfHeal: true }, syncOptions: ['CreateNamespace=true'] },
  };
  const itself = JSON.stringify({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata: { name: lab.name, namespace: 'argocd' }, spec });
  await lab.givenRepository({ 'manifests/itself.json': itself, 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated(spec);
  const status = await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  expect(status.summary).toEqual({ isAppOfApps: true });
});

test('the status says what is missing, what has to be confirmed, where it can be opened, and what the namespace got', async () => {
  const lab = await begin();
  const ingress = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'web' },
    spec: {
      rules: [{ host: 'shop.example.org', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }],
    },
  };
  const linked = { 'argocd.argoproj.io/sync-options': 'Delete=confirm', 'link.argocd.argoproj.io/handbook': 'https://handbook.example.org/' };
  await lab.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }, linked), 'manifests/ingress.json': JSON.stringify(ingress) });
  const syncOptions = ['CreateNamespace=true'];
  await lab.whenApplicationIsCreated({ syncPolicy: { syncOptions, managedNamespaceMetadata: { labels: { team: 'shop' } } } });
  const before = await lab.thenApplicationIs({ sync: 'OutOfSync', health: 'Missing' });
  expect(before.resources).toMatchObject([
    { kind: 'ConfigMap', status: 'OutOfSync', health: { status: 'Missing' }, requiresDeletionConfirmation: true },
    { kind: 'Ingress', status: 'OutOfSync', health: { status: 'Missing' } },
  ]);

  await lab.whenApplicationIsPatched({ operation: { sync: {} } });
  const after = await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  expect(after.resources?.[0]).not.toHaveProperty('health');
  expect(after.summary).toEqual({ externalURLs: ['http://shop.example.org/', 'https://handbook.example.org/'] });
  expect(after.operationState?.syncResult).toMatchObject({
    managedNamespaceMetadata: { labels: { team: 'shop' } },
    resources: [
      { kind: 'Namespace', name: lab.namespace, status: 'Synced', syncPhase: 'PreSync' },
      { kind: 'ConfigMap', status: 'Synced', syncPhase: 'Sync', hookPhase: 'Succeeded' },
      { kind: 'Ingress', status: 'Synced' },
    ],
  });
  expect(after.history).toMatchObject([{ id: 0, revision: after.sync!.revision }]);

  // More names than an event has room for: refused, once, and the application goes on.
  const resources = Array.from({ length: 2_000 }, (_, index) => ({ kind: 'ConfigMap', name: `a-name-that-is-not-short-${index}`, namespace: lab.namespace }));
  await lab.whenApplicationIsPatched({ operation: { sync: { resources } } });
  const refused = await lab.thenApplicationIs({ sync: 'Synced', phase: 'Error' });
  expect(refused.operationState?.message).toMatch(/^the operation names 2000 objects.*sync the whole application/);

  // Other metadata than the last sync gave it makes it out of sync, and the next sync gives it.
  await lab.whenApplicationIsPatched({ spec: { syncPolicy: { managedNamespaceMetadata: { labels: { team: 'checkout' } } } } });
  await lab.thenApplicationIs({ sync: 'OutOfSync' });
  await lab.whenApplicationIsPatched({ operation: { sync: {} } });
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  const labels = async () => (await lab.kube.get({ group: '', version: 'v1', kind: 'Namespace', name: lab.namespace }))?.metadata.labels;
  expect(await labels()).toMatchObject({ team: 'checkout' });

  // Where syncs are automated, one starts for it; that it may not prune is no reason not to.
  await lab.whenApplicationIsPatched({ spec: { syncPolicy: { automated: {}, managedNamespaceMetadata: { labels: { team: 'payment' } } } } });
  const { data } = await lab.thenEvent('SyncRequested', (event) => (event.data as { trigger: string }).trigger === 'automated');
  const { operationId } = data as { operationId: string };
  await lab.thenEvent('SyncSucceeded', (event) => (event.data as { operationId: string }).operationId === operationId);
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  expect(await labels()).toMatchObject({ team: 'payment' });
  expect((await lab.ownEvents()).filter(({ type }) => type === 'DriftDetected')).toEqual([]);
});

/** What `kubectl get` shows of one Application: it asks the API server for a table, and leaves out columns of a priority unless `-o wide` is given. */
async function tableRow(name: string): Promise<Record<string, { value: unknown; isWide: boolean }>> {
  const { server, tls, headers } = await loadConnection({ kubeconfigPath: platformUnderTest().kubeconfig, env: {} });
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { resolve, reject, promise } = Promise.withResolvers<string>();
  get(`${server}/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/${name}`, { ...tls, headers: { ...(await headers()), accept } }, (answer) => {
    text(answer).then(resolve, reject);
  }).once('error', reject);
  const table = JSON.parse(await promise) as { columnDefinitions: { name: string; priority: number }[]; rows: { cells: unknown[] }[] };
  return Object.fromEntries(table.columnDefinitions.map((column, index) => [column.name, { value: table.rows[0]?.cells[index], isWide: column.priority > 0 }]));
}

test('kubectl get shows sync and health, and with -o wide revision and project', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }) });
  await lab.whenApplicationIsCreated();
  const { sync } = await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  expect(await tableRow(lab.name)).toEqual({
    Name: { value: lab.name, isWide: false },
    'Sync Status': { value: 'Synced', isWide: false },
    'Health Status': { value: 'Healthy', isWide: false },
    Revision: { value: sync!.revision, isWide: true },
    Project: { value: 'default', isWide: true },
  });
});
