import { randomBytes } from 'node:crypto';
import type { KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Admission } from '../../test/mutating-webhook.ts';
import { startMutatingWebhook } from '../../test/mutating-webhook.ts';
import type { RealCluster } from '../../test/real-cluster.ts';
import { eventually, realCluster } from '../../test/real-cluster.ts';
import { definitions } from './testdata/definitions.ts';
import { normalisedManifests } from './testdata/normalised-manifests.ts';

/** The design's sentences about difference, held against a real API server. */
let cluster: RealCluster;
beforeAll(async () => void (cluster = await realCluster()));
afterAll(async () => await cluster?.drop());

const synced = { status: 'Synced', fields: [] };
const somebody = { fieldManager: 'somebody' };

/** Applied, it is in sync: by the memo without asking, by a dry run after a lost memo, and by the memo that came of that. */
async function expectSynced(manifest: object): Promise<void> {
  const { results } = await cluster.sync(manifest);
  expect(results).toEqual([expect.objectContaining({ status: 'Synced' })]);
  const before = cluster.asked();
  expect([await cluster.verdict(manifest), cluster.asked()]).toEqual([synced, before]);
  const fresh = cluster.freshJudge();
  expect([await cluster.verdict(manifest, fresh), cluster.asked()]).toEqual([synced, before + 1]);
  expect([await cluster.verdict(manifest, fresh), cluster.asked()]).toEqual([synced, before + 1]);
}

describe('after an apply nothing is out of sync, whatever the server made of the manifest', () => {
  test.each(normalisedManifests)('$kind: $what', ({ manifest }) => expectSynced(manifest));
});

describe('nor of kinds of its own', () => {
  const group = `d${randomBytes(3).toString('hex')}.plumbline.example`;
  const all = definitions(group);
  beforeAll(async () => {
    for (const definition of all) await cluster.sync(definition);
    for (const { spec } of all)
      await eventually(
        async () => (await cluster.kube.discover({ refresh: true })).findKind(group, spec.names.kind),
        (kind) => kind !== undefined,
      );
  });
  afterAll(async () => {
    for (const { metadata } of all)
      await cluster.kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: metadata.name });
  });

  test('the definitions themselves, which the server fills in', async () => {
    for (const definition of all) {
      const fresh = cluster.freshJudge();
      expect(await cluster.verdict(definition, fresh)).toEqual(synced);
    }
  });

  const thing = (kind: string, version: string, spec: object, name = 'web'): object => ({ apiVersion: `${group}/${version}`, kind, metadata: { name }, spec });

  test('defaults of the schema', () => expectSynced(thing('Defaulted', 'v1', { size: 1, nested: {} })));
  test('fields that the schema keeps without knowing them', () => expectSynced(thing('Free', 'v1', { any: { thing: ['goes', 1, null] }, empty: {} })));
  test('a schema whose lists are merged by key, and int-or-string', () =>
    expectSynced(thing('Defaulted', 'v1', { size: 2, items: [{ name: 'a' }, { name: 'b', port: '10%' }] }, 'keyed')));

  test('an older version than the one that the watch reads', async () => {
    const older = thing('Versioned', 'v1', { size: 3 }, 'older');
    await expectSynced(older);
    expect((await cluster.live(older as KubeObject))?.apiVersion).toBe(`${group}/v2`);
    // In terms of the other version: what is ours changes.
    const ref = { group, version: 'v2', kind: 'Versioned', namespace: cluster.namespace, name: 'older' };
    await cluster.kube.mergePatch(ref, { spec: { size: 4 } }, somebody);
    expect(await cluster.verdict(older)).toMatchObject({
      status: 'OutOfSync',
      fields: ['/spec/size'],
      owners: [[{ manager: 'somebody', operation: 'Update' }]],
    });
    // What isn't ours does not; one look asks, the next one knows.
    await cluster.sync(older);
    await cluster.kube.mergePatch(ref, { metadata: { labels: { beside: 'us' } } }, somebody);
    expect(await cluster.verdict(older)).toEqual(synced);
    const before = cluster.asked();
    expect([await cluster.verdict(older), cluster.asked()]).toEqual([synced, before]);
  });

  test('a manifest that moves to the newer version', async () => {
    await cluster.sync(thing('Versioned', 'v1', { size: 1 }, 'moving'));
    await expectSynced(thing('Versioned', 'v2', { size: 1 }, 'moving'));
  });

  test('another schema is a new question, once', async () => {
    const manifest = thing('Defaulted', 'v1', { size: 5 }, 'schema');
    await expectSynced(manifest);
    const definition = structuredClone(all.find(({ spec }) => spec.names.kind === 'Defaulted')!);
    const { openAPIV3Schema } = (definition.spec.versions[0] as { schema: { openAPIV3Schema: { properties: { spec: { properties: object } } } } }).schema;
    Object.assign(openAPIV3Schema.properties.spec.properties, { later: { type: 'string', default: 'now' } });
    await cluster.sync(definition);
    const before = cluster.asked();
    expect([await cluster.verdict(manifest), cluster.asked()]).toEqual([synced, before + 1]);
    expect([await cluster.verdict(manifest), cluster.asked()]).toEqual([synced, before + 1]);
    await cluster.sync(all.find(({ spec }) => spec.names.kind === 'Defaulted')!);
  });

  test('a field that the schema no longer has: refused while the manifest sets it, and nothing is left of it when it does not', async () => {
    const definition = structuredClone(all.find(({ spec }) => spec.names.kind === 'Narrowed')!);
    const wide = thing('Narrowed', 'v1', { size: 1, note: 'n' }, 'narrowed');
    const narrow = thing('Narrowed', 'v1', { size: 1 }, 'narrowed');
    await expectSynced(wide);
    const { openAPIV3Schema } = (definition.spec.versions[0] as { schema: { openAPIV3Schema: { properties: { spec: { properties: { note?: object } } } } } })
      .schema;
    delete openAPIV3Schema.properties.spec.properties.note;
    await cluster.sync(definition);
    await eventually(
      async () => await cluster.verdict(wide, cluster.freshJudge()),
      ({ refused }) => refused !== undefined,
    );
    // The server's answer of before is not believed either.
    expect(await cluster.verdict(wide)).toMatchObject({ status: 'OutOfSync', refused: expect.stringContaining('.spec.note'), fields: ['/spec/note'] });
    await expect(cluster.sync(wide)).rejects.toThrow('.spec.note');
    await expectSynced(narrow);
    expect((await cluster.live(narrow as KubeObject))?.['spec']).toEqual({ size: 1 });
    // With the field in the schema again nothing of it comes back.
    await cluster.sync(all.find(({ spec }) => spec.names.kind === 'Narrowed')!);
    await eventually(
      async () => await cluster.verdict(wide, cluster.freshJudge()),
      ({ refused }) => refused === undefined,
    );
    expect((await cluster.live(narrow as KubeObject))?.['spec']).toEqual({ size: 1 });
    expect(await cluster.verdict(narrow)).toEqual(synced);
    await expectSynced(wide);
  });

  test('a field that the schema does not know is refused, and says which', async () => {
    const manifest = thing('Defaulted', 'v1', { size: 1, nested: {}, colour: 'red' });
    expect(await cluster.verdict(manifest)).toMatchObject({ status: 'OutOfSync', refused: expect.stringContaining('.spec.colour'), fields: ['/spec/colour'] });
  });
});

describe('admission that changes what is applied', () => {
  let admission: (object: KubeObject) => Admission;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    admission = ({ metadata, data }) =>
      metadata.name === 'mutated'
        ? {
            patch: [
              { op: 'replace', path: '/data/image', value: `mirror/${String((data as { image: string }).image).replace(/^mirror\//, '')}` },
              { op: 'add', path: '/data/injected', value: 'x' },
            ],
          }
        : { patch: [] };
    ({ stop } = await startMutatingWebhook(cluster.kube, cluster.namespace, (object) => admission(object)));
    // The server takes a moment to know its webhooks.
    const probe = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'mutated', namespace: cluster.namespace }, data: { image: 'a' } };
    await eventually(
      async () => (await cluster.kube.apply(probe, { ...somebody, dryRun: true }))['data'],
      (data) => (data as { image: string }).image === 'mirror/a',
    );
  });
  afterAll(async () => await stop?.());

  test('is no difference, be it another value than ours or one beside', () =>
    expectSynced({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'mutated' }, data: { image: 'nginx' } }));

  test.each(['ServerSideDiff=true', 'ServerSideDiff=false', 'ServerSideDiff=true,IncludeMutationWebhook=true'])(
    'whatever the compare option %s says of it, and drift of the same field is found',
    async (options) => {
      cluster.annotations = { 'argocd.argoproj.io/compare-options': options };
      const manifest = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'mutated' }, data: { image: `nginx-${randomBytes(2).toString('hex')}` } };
      try {
        await expectSynced(manifest);
        const ref = { group: '', version: 'v1', kind: 'ConfigMap', namespace: cluster.namespace, name: 'mutated' };
        expect((await cluster.kube.mergePatch(ref, { data: { image: 'other' } }, somebody))['data']).toMatchObject({ image: 'mirror/other', injected: 'x' });
        for (const judge of [cluster.judge, cluster.freshJudge()])
          expect(await cluster.verdict(manifest, judge)).toMatchObject({ status: 'OutOfSync', fields: ['/data/image'] });
      } finally {
        cluster.annotations = {};
      }
    },
  );

  test('what an apply means can change without the object: found within a day, and not forgotten again', async () => {
    const manifest: object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'verified' }, data: { a: '1' } };
    await cluster.sync(manifest);
    const dayMs = 86_400_000;
    let now = Date.now();
    const judge = cluster.freshJudge(() => now);
    expect(await cluster.verdict(manifest, judge)).toEqual(synced);
    const usual = admission;
    admission = ({ metadata }) => (metadata.name === 'verified' ? { patch: [{ op: 'replace', path: '/data/a', value: '2' }] } : { patch: [] });
    expect(await cluster.verdict(manifest, judge)).toEqual(synced);
    now += dayMs;
    expect(await cluster.verdict(manifest, judge)).toMatchObject({ status: 'OutOfSync', fields: ['/data/a'] });
    expect(await cluster.verdict(manifest, judge)).toMatchObject({ status: 'OutOfSync', fields: ['/data/a'] });
    admission = usual;
    // In sync again: at the next day's check, or when the object changes.
    await cluster.kube.mergePatch(
      { group: '', version: 'v1', kind: 'ConfigMap', namespace: cluster.namespace, name: 'verified' },
      { data: { b: '1' } },
      somebody,
    );
    expect(await cluster.verdict(manifest, judge)).toEqual(synced);
    const before = cluster.asked();
    now += dayMs;
    expect([await cluster.verdict(manifest, judge), cluster.asked()]).toEqual([synced, before + 1]);
    expect([await cluster.verdict(manifest, judge), cluster.asked()]).toEqual([synced, before + 1]);
  });

  test('a refused dry run says why, with a difference that was foretold; what was settled stays settled', async () => {
    const manifest = (value: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'refused' }, data: { a: value, b: '1' } });
    await cluster.sync(manifest('1'));
    admission = () => ({ refused: 'not on a Friday' });
    expect(await cluster.verdict(manifest('2'))).toMatchObject({
      status: 'OutOfSync',
      refused: expect.stringContaining('not on a Friday'),
      fields: ['/data/a'],
    });
    expect(await cluster.verdict(manifest('1'))).toEqual(synced);
  });
});

describe('what is there is another than what was applied', () => {
  const configMap = (name: string, data: Record<string, string>): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
  const ref = (name: string) => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace: cluster.namespace, name });

  test('recreated by somebody: another uid', async () => {
    const manifest = configMap('recreated', { a: '1' });
    await cluster.sync(manifest);
    await cluster.kube.delete(ref('recreated'));
    await cluster.kube.create({ ...manifest, metadata: { name: 'recreated', namespace: cluster.namespace } }, somebody);
    // All that is missing is the mark that says whose it is.
    expect(await cluster.verdict(manifest)).toMatchObject({ status: 'OutOfSync', fields: [expect.stringContaining('/metadata/annotations')] });
    await expectSynced(manifest);
  });

  test('ownership lost to another manager, by force', async () => {
    const manifest = configMap('forced', { a: '1', b: '2' });
    await cluster.sync(manifest);
    await cluster.kube.apply(configMapIn('forced', { a: 'x' }), somebody);
    expect(await cluster.verdict(manifest)).toMatchObject({
      status: 'OutOfSync',
      fields: ['/data/a'],
      owners: [[{ manager: 'somebody', operation: 'Apply', at: expect.stringMatching(/^\d{4}-/) }]],
    });
    const { results } = await cluster.sync(manifest);
    expect(results[0]?.message).toBe('configmap/forced configured, taken over from somebody');
    // The same value from two managers is nobody's difference.
    await cluster.kube.apply(configMapIn('forced', { a: '1' }), somebody);
    expect(await cluster.verdict(manifest)).toEqual(synced);
  });
  const configMapIn = (name: string, data: Record<string, string>): KubeObject => ({
    ...configMap(name, data),
    metadata: { name, namespace: cluster.namespace },
  });

  test('a field removed from the manifest', async () => {
    await cluster.sync(configMap('shrunk', { a: '1', b: '2' }));
    const shrunk = configMap('shrunk', { a: '1' });
    expect(await cluster.verdict(shrunk)).toMatchObject({ status: 'OutOfSync', fields: ['/data/b'], owners: [[{ manager: 'plumbline' }]] });
    await expectSynced(shrunk);
    expect((await cluster.live(shrunk))?.['data']).toEqual({ a: '1' });
  });

  test('a field removed by somebody', async () => {
    const manifest = configMap('robbed', { a: '1', b: '2' });
    await cluster.sync(manifest);
    await cluster.kube.mergePatch(ref('robbed'), { data: { b: null } }, somebody);
    expect(await cluster.verdict(manifest)).toMatchObject({ status: 'OutOfSync', fields: ['/data/b'] });
  });

  test('the answer is kept until what it is about changes, not until anything changes', async () => {
    const manifest = configMap('kept', { a: '1' });
    await cluster.sync(manifest);
    await cluster.kube.mergePatch(ref('kept'), { data: { a: '2' } }, somebody);
    expect((await cluster.verdict(manifest)).status).toBe('OutOfSync');
    const before = cluster.asked();
    expect([(await cluster.verdict(manifest)).fields, cluster.asked()]).toEqual([['/data/a'], before]);
    await cluster.kube.mergePatch(ref('kept'), { data: { a: '3' } }, somebody);
    expect([(await cluster.verdict(manifest)).fields, cluster.asked()]).toEqual([['/data/a'], before + 1]);
  });

  test('an immutable field: refused, with what would change', async () => {
    const job = (image: string): object => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'immutable' },
      spec: { suspend: true, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image }] } } },
    });
    await cluster.sync(job('a'));
    expect(await cluster.verdict(job('b'))).toMatchObject({
      status: 'OutOfSync',
      refused: expect.stringContaining('can not be changed'),
      fields: ['/spec/template/spec/containers/0/image'],
    });
  });
});
