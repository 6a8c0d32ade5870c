import { randomBytes } from 'node:crypto';
import type { KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RealCluster } from '../../test/real-cluster.ts';
import { eventually, realCluster } from '../../test/real-cluster.ts';
import { definitions } from './testdata/definitions.ts';

/** What controllers own although manifests send it: on a real API server. */
let cluster: RealCluster;
beforeAll(async () => void (cluster = await realCluster()));

const suffix = randomBytes(3).toString('hex');
const role = (name: string, fields: object): object => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: `${name}-${suffix}`, labels: {} },
  ...fields,
});
const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
const remove = (group: string, kind: string, name: string): Promise<boolean> => cluster.kube.delete({ group, version: 'v1', kind, name });
afterAll(async () => {
  if (cluster === undefined) return;
  for (const name of ['aggregated', 'part']) await remove('rbac.authorization.k8s.io', 'ClusterRole', `${name}-${suffix}`);
  await remove('admissionregistration.k8s.io', 'ValidatingWebhookConfiguration', `injected-${suffix}`);
  await remove('apiextensions.k8s.io', 'CustomResourceDefinition', `convertibles.c${suffix}.plumbline.example`);
  await remove('apiregistration.k8s.io', 'APIService', `v1.a${suffix}.plumbline.example`);
  await cluster.drop();
});

test('the rules of an aggregated ClusterRole: not compared, and not reset when it is written', async () => {
  const aggregated = (labels: object): object => ({
    ...role('aggregated', { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`part-of-${suffix}`]: 'yes' } }] }, rules: [] }),
    metadata: { name: `aggregated-${suffix}`, labels },
  });
  const live = () => cluster.live(aggregated({}) as KubeObject);
  await cluster.sync(aggregated({ a: '1' }));
  await cluster.kube.create({ ...(role('part', { rules }) as KubeObject), metadata: { name: `part-${suffix}`, labels: { [`part-of-${suffix}`]: 'yes' } } });
  await eventually(
    async () => (await live())?.['rules'],
    (found) => Array.isArray(found) && found.length === 1,
  );
  expect(await cluster.verdict(aggregated({ a: '1' }))).toMatchObject({ status: 'Synced', fields: [] });
  expect(await cluster.verdict(aggregated({ a: '1' }), cluster.freshJudge())).toMatchObject({ status: 'Synced', fields: [] });
  const seen: unknown[] = [];
  const watch = cluster.kube.watch({
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    kind: 'ClusterRole',
    listener: { upsert: (object) => void (object.metadata.name === `aggregated-${suffix}` && seen.push(object['rules'])), remove: () => undefined },
  });
  await cluster.sync(aggregated({ a: '2' }));
  await eventually(
    async () => (await live())?.metadata.labels,
    (labels) => labels?.['a'] === '2',
  );
  await eventually(
    () => seen.length,
    (count) => count > 1,
  );
  await watch.stop();
  for (const one of seen) expect(one).toEqual(rules);
});

const bundle = Buffer.from('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n').toString('base64');
const webhooks = (caBundle: string | undefined, path = '/'): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: `injected-${suffix}` },
  webhooks: ['a', 'b'].map((name) => ({
    name: `${name}.plumbline.example`,
    clientConfig: { service: { namespace: 'none', name: 'none', path }, ...(caBundle === undefined ? {} : { caBundle }) },
    rules: [],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  })),
});
const inject = (caBundle: string): Promise<KubeObject> =>
  cluster.kube.mergePatch(
    { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingWebhookConfiguration', name: `injected-${suffix}` },
    { webhooks: (webhooks(caBundle) as { webhooks: object[] }).webhooks },
    { fieldManager: 'cainjector' },
  );
const bundlesOf = (object: KubeObject | undefined): unknown[] =>
  ((object?.['webhooks'] ?? []) as { clientConfig: { caBundle?: string } }[]).map(({ clientConfig }) => clientConfig.caBundle);

test.each([
  ['absent', undefined],
  ['empty', ''],
  ['a line end', 'Cg=='],
])('a caBundle that the manifest has %s is the injector’s', async (_, sent) => {
  await cluster.sync(webhooks(sent));
  await inject(bundle);
  expect((await cluster.verdict(webhooks(sent))).status).toBe('Synced');
  expect((await cluster.verdict(webhooks(sent), cluster.freshJudge())).status).toBe('Synced');
  // A change of something else doesn't take it away.
  await cluster.sync(webhooks(sent, '/other'));
  expect(bundlesOf(await cluster.live(webhooks(sent) as KubeObject))).toEqual([bundle, bundle]);
  await remove('admissionregistration.k8s.io', 'ValidatingWebhookConfiguration', `injected-${suffix}`);
});

test('one that the manifest has itself is compared', async () => {
  const own = Buffer.from('-----BEGIN CERTIFICATE-----\nMIIA\n-----END CERTIFICATE-----\n').toString('base64');
  await cluster.sync(webhooks(own));
  await inject(bundle);
  expect(await cluster.verdict(webhooks(own))).toMatchObject({
    status: 'OutOfSync',
    fields: ['/webhooks/0/clientConfig/caBundle', '/webhooks/1/clientConfig/caBundle'],
  });
  await remove('admissionregistration.k8s.io', 'ValidatingWebhookConfiguration', `injected-${suffix}`);
});

test('the caBundle of an APIService', async () => {
  const group = `a${suffix}.plumbline.example`;
  const service = {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1.${group}` },
    spec: { group, version: 'v1', groupPriorityMinimum: 1, versionPriority: 1, service: { namespace: 'default', name: 'none' }, caBundle: 'Cg==' },
  };
  await cluster.sync(service);
  await cluster.kube.mergePatch(
    { group: 'apiregistration.k8s.io', version: 'v1', kind: 'APIService', name: service.metadata.name },
    { spec: { caBundle: bundle } },
    { fieldManager: 'cainjector' },
  );
  expect((await cluster.verdict(service)).status).toBe('Synced');
});

test('the caBundle of a conversion', async () => {
  const [definition] = definitions(`c${suffix}.plumbline.example`);
  const names = { plural: 'convertibles', singular: 'convertible', kind: 'Convertible', listKind: 'ConvertibleList' };
  const webhook = { clientConfig: { service: { namespace: 'none', name: 'none' }, caBundle: 'Cg==' }, conversionReviewVersions: ['v1'] };
  const convertible = {
    ...definition!,
    metadata: { name: `convertibles.c${suffix}.plumbline.example` },
    spec: { ...definition!.spec, names, conversion: { strategy: 'Webhook', webhook } },
  };
  const { results } = await cluster.sync(convertible);
  expect(results[0]?.message).toContain('created');
  await cluster.kube.mergePatch(
    { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: convertible.metadata.name },
    { spec: { conversion: { webhook: { clientConfig: { caBundle: bundle } } } } },
    { fieldManager: 'cainjector' },
  );
  expect((await cluster.verdict(convertible)).status).toBe('Synced');
});
