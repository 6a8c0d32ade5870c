import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { SyncedApplication } from '../../test/synced-application.ts';
import { syncedApplication } from '../../test/synced-application.ts';

let cluster: SyncedApplication;
beforeAll(async () => void (cluster = await syncedApplication()));
afterAll(() => cluster?.remove());

const configMap = (name: string, wave = 0, data: Record<string, string> = { a: '1' }) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, annotations: { 'argocd.argoproj.io/sync-wave': String(wave) } },
  data,
});
const names = Array.from({ length: 200 }, (_, index) => `c${String(index).padStart(3, '0')}`);

/** Until the test ends, ConfigMaps of this namespace must not say so. */
async function givenPolicy(): Promise<void> {
  const name = `no-forbidden-${cluster.namespace}`;
  const group = 'admissionregistration.k8s.io';
  const kinds = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'];
  onTestFinished(async () => {
    for (const kind of kinds) await cluster.kube.delete({ group, version: 'v1', kind, name });
  });
  await cluster.kube.create({
    apiVersion: `${group}/v1`,
    kind: kinds[0]!,
    metadata: { name },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] }] },
      validations: [{ expression: '!has(object.data) || !("forbidden" in object.data)', message: 'nothing is called forbidden here' }],
    },
  });
  await cluster.kube.create({
    apiVersion: `${group}/v1`,
    kind: kinds[1]!,
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': cluster.namespace } } },
    },
  });
  // A policy counts some time after it is made.
  const { namespace } = cluster;
  const probe = { ...configMap('probe', 0, { forbidden: '1' }), metadata: { name: 'probe', namespace } };
  const isDenied = (): Promise<boolean> =>
    cluster.kube.create(probe, { fieldManager: 'test', dryRun: true }).then(
      () => false,
      () => true,
    );
  await expect.poll(isDenied, { timeout: 30_000 }).toBe(true);
}

// The fault matrix: an admission policy denies one of 200 objects (F24).
it('one object of 200 that is denied has the policy’s reason; the others are applied, and a sync of several waves does nothing', async () => {
  await givenPolicy();
  const denied = 'c117';
  const manifests = names.map((name) => configMap(name, 0, name === denied ? { forbidden: '1' } : { a: '1' }));
  const outcome = await cluster.sync({ manifests });
  expect(outcome.results).toHaveLength(200);
  const failed = outcome.results.filter(({ status }) => status !== 'Synced');
  expect(failed.map(({ name }) => name)).toEqual([denied]);
  expect(failed[0]!.message).toMatch(
    /nothing is called forbidden here\. An admission policy of the cluster refuses it: correct the manifest, or ask whoever keeps/,
  );
  expect(await cluster.get('ConfigMap', denied)).toBeUndefined();
  expect((await cluster.get('ConfigMap', names.at(-1)!))?.['data']).toEqual({ a: '1' });
  // What was applied is not written again, however often the denied one is tried.
  const again = await cluster.sync({ manifests });
  expect(again.sent.filter((line) => !line.endsWith('(dry run)'))).toEqual([`apply ConfigMap/${denied}`]);

  const later = await cluster.sync({
    manifests: [...manifests.map((manifest) => ({ ...manifest, data: { ...manifest.data, b: '2' } })), configMap('later', 1)],
  });
  expect(later.refusal).toBeDefined();
  expect(later.results.map(({ name }) => name)).toEqual([denied]);
  expect(later.sent.filter((line) => !line.endsWith('(dry run)'))).toEqual([]);
});
