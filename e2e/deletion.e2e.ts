import type { Scenario } from '@plumbline/testing/scenario';
import { expect, onTestFinished, test } from 'vitest';
import { configMap } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const finalizer = 'resources-finalizer.argocd.argoproj.io';
const wave = (value: number): Record<string, string> => ({ 'argocd.argoproj.io/sync-wave': String(value) });
const ref = (lab: Scenario, name: string) => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace: lab.namespace, name });

/** It goes only when somebody takes the finalizer off: the deletion of what is in the waves before it has to wait. */
async function givenHeld(lab: Scenario, name: string): Promise<{ letGo(): Promise<unknown> }> {
  await lab.kube.mergePatch(ref(lab, name), { metadata: { finalizers: ['example.org/hold'] } }, { fieldManager: 'test' });
  const letGo = () => lab.kube.mergePatch(ref(lab, name), { metadata: { finalizers: null } }, { fieldManager: 'test' }).catch(() => undefined);
  onTestFinished(() => void letGo());
  return { letGo };
}

const isLeaving = (object: { metadata: { deletionTimestamp?: string } }): boolean => object.metadata.deletionTimestamp !== undefined;

// It waited for itself: it was one of its own objects, and could go only when they had gone.
test('an application that manages itself can be deleted; what its project forbids by now stays', async () => {
  const lab = await begin();
  const permitted = { sourceRepos: ['*'], destinations: [{ server: '*', namespace: '*' }], clusterResourceWhitelist: [{ group: '*', kind: '*' }] };
  await lab.givenProject(permitted);
  const spec = {
    project: lab.name,
    source: { repoURL: lab.repoUrl, path: 'manifests', targetRevision: 'HEAD' },
    destination: { server: 'https://kubernetes.default.svc', namespace: lab.namespace },
    syncPolicy: { automated: { prune: true }, syncOptions: ['CreateNamespace=true'] },
  };
  const metadata = { name: lab.name, namespace: 'argocd', finalizers: [finalizer] };
  await lab.givenRepository({
    'manifests/itself.json': JSON.stringify({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata, spec }),
    'manifests/web.json': configMap('web', { a: '1' }),
    'manifests/service.json': JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }),
  });
  await lab.whenApplicationIsCreated(spec, { finalizers: [finalizer] });
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  await lab.givenProject({ ...permitted, namespaceResourceBlacklist: [{ group: '', kind: 'Service' }] });
  await lab.thenCondition('ExcludedResourceWarning', 'Service');
  await lab.whenApplicationIsDeleted();
  await lab.thenEvent('ApplicationDeleted');
  await lab.thenNoObject('ConfigMap', 'web');
  await lab.thenObject('Service', 'web', (object) => !isLeaving(object));
});

test('an application whose destination is a cluster that nobody knows goes, and leaves everything', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/web.json': configMap('web', { a: '1' }) });
  const finalizers = [finalizer, 'post-delete-finalizer.argocd.argoproj.io/cleanup'];
  await lab.whenApplicationIsCreated({}, { finalizers });
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  await lab.whenApplicationIsPatched({ spec: { destination: { server: 'https://elsewhere.example.org' } } });
  await lab.thenCondition('InvalidSpecError', 'elsewhere.example.org');
  await lab.whenApplicationIsDeleted();
  const deleted = await lab.thenEvent('ApplicationDeleted');
  expect(deleted.data).toEqual({ cascaded: false });
  await lab.thenObjectStays('ConfigMap', 'web', (object) => !isLeaving(object));
});

test('objects go in the reverse order of their waves, each wave once the one after it has gone; what is to stay stays', async () => {
  const lab = await begin();
  const kind = `Kept${lab.name.slice(2)}`;
  const plural = `${kind.toLowerCase()}s`;
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.org` },
    spec: {
      group: 'example.org',
      scope: 'Namespaced',
      names: { kind, plural },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  };
  onTestFinished(async () => {
    await lab.kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: definition.metadata.name });
  });
  await lab.givenRepository({
    'manifests/crd.json': JSON.stringify(definition),
    'manifests/first.json': configMap('first', { a: '1' }, wave(-1)),
    'manifests/middle.json': configMap('middle', { a: '1' }),
    'manifests/last.json': configMap('last', { a: '1' }, wave(3)),
    'manifests/chart.json': configMap('chart-keeps', { a: '1' }, { 'helm.sh/resource-policy': 'keep', ...wave(3) }),
    'manifests/option.json': configMap('option-keeps', { a: '1' }, { 'argocd.argoproj.io/sync-options': 'Delete=false' }),
  });
  // The suffix of the finalizer says how dependants go; it is the same finalizer (argocd-compat B110).
  await lab.whenApplicationIsCreated({}, { finalizers: [`${finalizer}/background`] });
  const { resources = [] } = await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  const waves = resources.filter(({ kind: of }) => of === 'ConfigMap').map(({ name, syncWave }) => `${name} ${syncWave ?? 'none'}`);
  expect(waves).toEqual(['chart-keeps 3', 'first -1', 'last 3', 'middle none', 'option-keeps none']);
  const last = await givenHeld(lab, 'last');
  const middle = await givenHeld(lab, 'middle');
  await lab.whenApplicationIsDeleted();
  const started = await lab.thenEvent('ApplicationDeletionStarted');
  expect(started.data).toEqual({ cascade: true, resources: 3 });

  await lab.thenObject('ConfigMap', 'last', isLeaving);
  await lab.thenObjectStays('ConfigMap', 'middle', (object) => !isLeaving(object));
  await last.letGo();
  await lab.thenObject('ConfigMap', 'middle', isLeaving);
  await lab.thenObjectStays('ConfigMap', 'first', (object) => !isLeaving(object));
  // Whoever looks at the Application that doesn't go reads why.
  expect(await lab.thenCondition('DeletionWarning', 'middle')).toContain('waits for finalizers example.org/hold');
  await middle.letGo();
  await lab.thenNoObject('ConfigMap', 'first');
  const deleted = await lab.thenEvent('ApplicationDeleted');
  expect(deleted.data).toEqual({ cascaded: true });
  for (const name of ['chart-keeps', 'option-keeps']) await lab.thenObject('ConfigMap', name, (object) => !isLeaving(object));
  await lab.thenObject('CustomResourceDefinition', definition.metadata.name, (object) => !isLeaving(object));
});

test('a deletion that waits says so also when the application could not be compared', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/held.json': configMap('held', { a: '1' }) });
  await lab.whenApplicationIsCreated({}, { finalizers: [finalizer] });
  await lab.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  const held = await givenHeld(lab, 'held');
  await lab.whenPushed({ 'manifests/held.json': '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {' });
  await lab.thenCondition('ComparisonError', 'held.json');
  await lab.whenApplicationIsDeleted();
  expect(await lab.thenCondition('ComparisonError', 'ConfigMap held')).toContain('waits for finalizers example.org/hold');
  await held.letGo();
  await lab.thenEvent('ApplicationDeleted');
});
