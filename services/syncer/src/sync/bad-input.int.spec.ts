import { randomBytes } from 'node:crypto';
import { silentLogger } from '@plumbline/contracts';
import { makeKubeClient } from '@plumbline/kube';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SyncedApplication } from '../../test/synced-application.ts';
import { syncedApplication, realConnection } from '../../test/synced-application.ts';

let cluster: SyncedApplication;
beforeAll(async () => void (cluster = await syncedApplication()));
afterAll(() => cluster?.remove());

const configMap = (name: string, more: object = { data: { a: '1' } }, annotations: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, annotations },
  ...more,
});
const deployment = (name: string, app: string, containers: object[] = [{ name: 'a', image: 'busybox' }]) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { replicas: 0, selector: { matchLabels: { app } }, template: { metadata: { labels: { app } }, spec: { containers } } },
});
const theirs = (name: string) => configMap(name, undefined, { 'argocd.argoproj.io/tracking-id': `other:/ConfigMap:${cluster.namespace}/${name}` });

interface Case {
  what: string;
  before?: () => Promise<unknown>;
  bad: () => object;
  /** Cause and next step. */
  says: RegExp;
}

const cases: Case[] = [
  {
    what: 'an immutable field',
    before: () => cluster.sync({ manifests: [deployment('frozen', 'one')] }),
    bad: () => deployment('frozen', 'two'),
    says: /selector.*immutable.*Force=true/s,
  },
  {
    what: 'an object of another application',
    before: () => cluster.kube.create({ ...theirs('theirs'), metadata: { ...theirs('theirs').metadata, namespace: cluster.namespace } }),
    bad: () => configMap('theirs'),
    says: /belongs to application other: remove it from one of the two/,
  },
  {
    what: 'an object over 1.5 MB',
    bad: () => configMap('huge', { data: { a: randomBytes(1_000_000).toString('hex') } }),
    says: /^it has 1\.91 MiB: the API server stores at most 1\.5 MiB per object\. Split it/,
  },
  {
    what: 'an object that only the server finds too large',
    bad: () => configMap('large', { data: { a: 'x'.repeat(1_572_000) } }),
    says: /too (long|large)|at most/i,
  },
  { what: 'an unknown field', bad: () => configMap('typo', { dota: { a: '1' } }), says: /dota.*Validate=false/s },
  { what: 'a value of the wrong type', bad: () => configMap('typed', { data: { a: 1 } }), says: /data\.a.*Correct the manifest/s },
  { what: 'a schema that is not met', bad: () => deployment('empty', 'a', []), says: /containers.*Required value.*Correct the manifest/s },
  { what: 'a name that is none', bad: () => configMap('Not_A_Name'), says: /metadata\.name.*Correct the manifest/s },
  {
    what: 'a namespace that is not there',
    bad: () => ({ ...configMap('lost'), metadata: { name: 'lost', namespace: 'nowhere-to-be-found' } }),
    says: /not found.*CreateNamespace=true/s,
  },
];

it.each(cases)('$what fails by itself, with cause and next step; the rest of the wave is applied', async ({ what, before, bad, says }) => {
  await before?.();
  const good = `good-${what.replaceAll(/[^a-z]+/g, '-')}-x`;
  const outcome = await cluster.sync({ manifests: [configMap(good), bad(), configMap(`z${good}`)] });
  const failed = outcome.results.filter(({ status }) => status === 'SyncFailed');
  expect(failed.map(({ message }) => message)).toEqual([expect.stringMatching(says)]);
  expect(failed[0]!.message.length).toBeLessThan(2_000);
  expect(outcome.results.filter(({ status }) => status === 'Synced').map(({ name }) => name)).toEqual([good, `z${good}`]);
});

it.each([
  [
    'a kind in a version that is not served',
    () => ({ ...deployment('old', 'a'), apiVersion: 'apps/v1beta1' }),
    /version "v1beta1" of apps\/Deployment for old/,
  ],
  [
    'an unknown kind',
    () => ({ apiVersion: 'nobody.example.org/v1', kind: 'Nobody', metadata: { name: 'nobody' } }),
    /"v1" of nobody.example.org\/Nobody for nobody/,
  ],
])('%s makes the whole sync invalid, with a result per object (B017)', async (_, bad, says) => {
  const outcome = await cluster.sync({ manifests: [configMap('fine'), bad()] });
  expect(outcome).toMatchObject({ refusal: 'one or more synchronization tasks are not valid', sent: [] });
  expect(outcome.shown).toEqual([expect.stringMatching(says)]);
  expect(outcome.results[0]).toMatchObject({
    status: 'SyncFailed',
    message: expect.stringMatching(/CustomResourceDefinition.*correct apiVersion and kind/) as string,
  });
});

it('of the same object twice the last one counts (B067)', async () => {
  const outcome = await cluster.sync({ manifests: [configMap('twice', { data: { a: '1' } }), configMap('twice', { data: { a: '2' } })] });
  expect(outcome.shown).toEqual(['ConfigMap/twice: Synced configmap/twice created']);
  expect((await cluster.get('ConfigMap', 'twice'))?.['data']).toEqual({ a: '2' });
});

it('a quota that is used up names itself', async () => {
  const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none', namespace: cluster.namespace }, spec: { hard: { secrets: '0' } } };
  await cluster.kube.create(quota);
  await expect.poll(async () => ((await cluster.get('ResourceQuota', 'none'))?.['status'] as { hard?: object } | undefined)?.hard).toEqual({ secrets: '0' });
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'one' }, data: {} };
  const outcome = await cluster.sync({ manifests: [secret, configMap('beside')] });
  expect(outcome.results.map(({ name, status }) => `${name} ${status}`)).toEqual(['one SyncFailed', 'beside Synced']);
  await cluster.kube.delete({ group: '', version: 'v1', kind: 'ResourceQuota', namespace: cluster.namespace, name: 'none' });
});

it('a right that is missing is named: verb, kind and service account', async () => {
  const account = `system:serviceaccount:${cluster.namespace}:plumbline`;
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'patch', 'create'] }];
  const metadata = { name: 'some', namespace: cluster.namespace };
  await cluster.kube.create({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules });
  await cluster.kube.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'some' },
    subjects: [{ kind: 'ServiceAccount', name: 'plumbline', namespace: cluster.namespace }],
  });
  await cluster.kube.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'plumbline', namespace: cluster.namespace } });
  const kube = makeKubeClient({ connection: await realConnection(account), log: silentLogger });
  const manifests = [configMap('may'), deployment('may-not', 'a')];
  const outcome = await cluster.sync({ manifests, writer: kube });
  await kube.close();
  expect(outcome.shown).toEqual([
    expect.stringMatching(/^ConfigMap\/may: Synced/),
    expect.stringMatching(
      new RegExp(`^Deployment/may-not: SyncFailed .*"${account}" cannot patch resource "deployments".*Give Plumbline's service account that right`, 's'),
    ),
  ]);
});
