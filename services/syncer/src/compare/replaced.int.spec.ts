import type { KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RealCluster } from '../../test/real-cluster.ts';
import { realCluster } from '../../test/real-cluster.ts';

/** Objects that are written with `Replace=true`, held against a real API server: argocd-compat B044. */
let cluster: RealCluster;
beforeAll(async () => void (cluster = await realCluster()));
afterAll(async () => await cluster?.drop());
beforeEach(() => void (cluster.spec = { syncPolicy: { syncOptions: ['Replace=true'] } }));

const synced = { status: 'Synced', fields: [] };
const somebody = { fieldManager: 'somebody' };
const configMap = (name: string, data: Record<string, string>): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
const ref = (name: string) => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace: cluster.namespace, name });
const wide = (name: string): KubeObject => configMap(name, { a: '1', b: '2' });

test('a field removed from the manifest, and put back', async () => {
  await cluster.sync(wide('replaced'));
  const shrunk = configMap('replaced', { a: '1' });
  expect(await cluster.verdict(shrunk)).toEqual({ status: 'OutOfSync', fields: [] });
  expect((await cluster.verdict(configMap('replaced', { a: '2' }))).fields).toEqual(['/data/a']);
  // However often it was looked at: Git's word of before is what is there.
  expect(await cluster.verdict(shrunk)).toEqual({ status: 'OutOfSync', fields: [] });
  expect(await cluster.verdict(wide('replaced'))).toEqual(synced);
  await cluster.sync(shrunk);
  expect((await cluster.live(shrunk))?.['data']).toEqual({ a: '1' });
  expect(await cluster.verdict(shrunk)).toEqual(synced);
});

test('of an object that nothing is remembered of, from the first look on', async () => {
  await cluster.sync(wide('forgotten'));
  const fresh = cluster.freshJudge();
  expect(await cluster.verdict(wide('forgotten'), fresh)).toEqual(synced);
  expect(await cluster.verdict(configMap('forgotten', { a: '1' }), fresh)).toEqual({ status: 'OutOfSync', fields: [] });
});

test('with Force=true only what the server calls a difference: nothing is made anew for another way to write it', async () => {
  cluster.spec = { syncPolicy: { syncOptions: ['Replace=true', 'Force=true'] } };
  await cluster.sync(wide('forced-anew'));
  expect(await cluster.verdict(configMap('forced-anew', { a: '1' }))).toEqual(synced);
});

// What was applied once, and is owned still, said nothing about what was replaced since.
test('a field that was applied before the option and replaced after it, changed by somebody', async () => {
  const manifest = configMap('moved', { a: '2', b: '2' });
  cluster.spec = {};
  await cluster.sync(wide('moved'));
  cluster.spec = { syncPolicy: { syncOptions: ['Replace=true'] } };
  await cluster.sync(manifest);
  await cluster.kube.mergePatch(ref('moved'), { metadata: { labels: { beside: 'us' } } }, somebody);
  expect(await cluster.verdict(manifest)).toEqual(synced);
  await cluster.kube.mergePatch(ref('moved'), { data: { a: '3' } }, somebody);
  expect(await cluster.verdict(manifest)).toMatchObject({ status: 'OutOfSync', fields: ['/data/a'] });
});
