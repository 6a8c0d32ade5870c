import { silentLogger } from '@plumbline/contracts';
import { ownEntry, type KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../test/fault-proxy.ts';
import { definitionOf, eventually, randomName, testClient } from '../test/real-server.ts';
import { makeKubeClient, type KubeClient, type ObjectRef } from './index.ts';

let kube: KubeClient;
let namespace: string;
let proxy: FaultProxy;
let drop: () => Promise<void>;

beforeAll(async () => {
  const client = await testClient();
  ({ kube, namespace, drop } = client);
  proxy = await startFaultProxy(client.connection);
});
afterAll(async () => {
  await proxy?.close();
  await drop?.();
});

const fieldManager = 'plumbline-test';
const configMap = (name: string, data: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});
const configMapRef = (name: string): ObjectRef => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace, name });
const deployment = (name: string, spec: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    ...spec,
  },
});
const failure = (code: string, message: RegExp, details: Record<string, unknown> = {}): unknown =>
  expect.objectContaining({ name: 'AppError', code, message: expect.stringMatching(message), details: expect.objectContaining(details) });

describe('objects', () => {
  test('are created, read, patched, replaced and deleted', async () => {
    const created = await kube.create(configMap('crud', { a: '1' }));
    expect(created.metadata.uid).toBeTruthy();
    await expect(kube.create(configMap('crud'))).rejects.toEqual(failure('already-exists', new RegExp(`ConfigMap ${namespace}/crud: .*already exists`)));
    const patched = await kube.mergePatch(configMapRef('crud'), { data: { b: '2' } }, { fieldManager });
    expect(patched['data']).toEqual({ a: '1', b: '2' });
    const replaced = await kube.replace({ ...patched, data: { c: '3' } }, { fieldManager });
    expect((await kube.get(configMapRef('crud')))?.['data']).toEqual({ c: '3' });
    await expect(kube.replace({ ...patched, data: {} }, { fieldManager })).rejects.toMatchObject({ code: 'conflict', retry: 'later' });
    expect(await kube.delete(configMapRef('crud'), { uid: replaced.metadata.uid! })).toBe(true);
    expect(await kube.delete(configMapRef('crud'))).toBe(false);
    expect(await kube.get(configMapRef('crud'))).toBeUndefined();
  });

  test('are deleted only as the very object that was meant', async () => {
    const { metadata } = await kube.create(configMap('precious'));
    await expect(kube.delete(configMapRef('precious'), { uid: '00000000-0000-0000-0000-000000000000' })).rejects.toEqual(failure('conflict', /precious/));
    await expect(kube.delete(configMapRef('precious'), { uid: metadata.uid!, resourceVersion: '1' })).rejects.toMatchObject({ code: 'conflict' });
    expect(await kube.get(configMapRef('precious'))).toBeDefined();
  });

  test('in a namespace that is not there are not-found, without a namespace refused before they are sent', async () => {
    const elsewhere = { ...configMap('a'), metadata: { name: 'a', namespace: 'no-such-namespace' } };
    await expect(kube.apply(elsewhere, { fieldManager })).rejects.toEqual(failure('not-found', /namespaces "no-such-namespace" not found/));
    await expect(kube.apply({ ...configMap('a'), metadata: { name: 'a' } }, { fieldManager })).rejects.toEqual(
      failure('manifest-invalid', /ConfigMap a has no namespace/),
    );
  });
});

describe('apply', () => {
  test('owns what it sent and answers managedFields', async () => {
    const applied = await kube.apply(configMap('owned', { a: '1' }), { fieldManager });
    expect(ownEntry(applied, fieldManager, 'Apply')?.fieldsV1).toEqual({ 'f:data': { 'f:a': {} } });
    await kube.mergePatch(configMapRef('owned'), { data: { foreign: 'x' } }, { fieldManager: 'somebody' });
    const again = await kube.apply(configMap('owned', { b: '2' }), { fieldManager });
    expect(again['data']).toEqual({ b: '2', foreign: 'x' });
  });

  test('as a dry run changes nothing', async () => {
    const answer = await kube.apply(configMap('never', { a: '1' }), { fieldManager, dryRun: true });
    expect(answer['data']).toEqual({ a: '1' });
    expect(await kube.get(configMapRef('never'))).toBeUndefined();
  });

  test('takes over by force; without it says who owns what', async () => {
    await kube.apply(configMap('contested', { a: '1' }), { fieldManager: 'first' });
    await expect(kube.apply(configMap('contested', { a: '2' }), { fieldManager: 'second', force: false })).rejects.toEqual(
      failure('conflict', /conflict with "first"/, { causes: [expect.objectContaining({ field: '.data.a' })] }),
    );
    expect((await kube.apply(configMap('contested', { a: '2' }), { fieldManager: 'second' }))['data']).toEqual({ a: '2' });
  });

  test('names an unknown field, in built-in kinds and unless asked otherwise', async () => {
    const wrong = deployment('typo', { replicsa: 1 });
    await expect(kube.apply(wrong, { fieldManager })).rejects.toEqual(failure('manifest-invalid', /apps\/Deployment .*typo: .*spec\.replicsa.*not declared/));
    await expect(kube.create(wrong)).rejects.toEqual(failure('manifest-invalid', /unknown field "spec\.replicsa"/));
  });

  test('says what validation says', async () => {
    const wrong = deployment('invalid', { replicas: -1 });
    await expect(kube.apply(wrong, { fieldManager })).rejects.toEqual(
      failure('manifest-invalid', /spec\.replicas/, { reason: 'Invalid', causes: [expect.objectContaining({ field: 'spec.replicas' })] }),
    );
  });

  test.each<[string, KubeObject, KubeObject]>([
    [
      'selector of a Deployment',
      deployment('fixed'),
      deployment('fixed', {
        selector: { matchLabels: { app: 'x' } },
        template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
      }),
    ],
    ['data of an immutable ConfigMap', { ...configMap('frozen', { a: '1' }), immutable: true }, { ...configMap('frozen', { a: '2' }), immutable: true }],
    [
      'volumeClaimTemplates of a StatefulSet',
      { ...deployment('set', { serviceName: 'a' }), kind: 'StatefulSet' },
      { ...deployment('set', { serviceName: 'b' }), kind: 'StatefulSet' },
    ],
    [
      'storage class of a claim',
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'claim', namespace },
        spec: { storageClassName: 'a', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'claim', namespace },
        spec: { storageClassName: 'b', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  ])('knows an immutable field: %s', async (_name, before, after) => {
    const inNamespace = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, namespace } });
    await kube.apply(inNamespace(before), { fieldManager });
    await expect(kube.apply(inNamespace(after), { fieldManager })).rejects.toEqual(failure('immutable-field', new RegExp(`${namespace}/`)));
  });

  test.each<[string, Record<string, unknown>]>([
    ['a value of the wrong type', { data: { pin: 'R2VoZWlt', other: { hunter2: true } } }],
    ['a number', { data: { pin: 471100815 } }],
    ['what is not base64', { data: { pin: 'hunter2!!' } }],
    ['a bad key', { stringData: { 'hunter2 with spaces': 'hunter2' } }],
    ['a bad type', { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': Buffer.from('hunter2').toString('base64') } }],
    ['a bad annotation', { metadata: { annotations: { 'bad key!': 'hunter2' } } }],
  ])('never quotes a Secret: %s', async (_name, fields) => {
    const name = 'secret';
    const object = { apiVersion: 'v1', kind: 'Secret', ...fields, metadata: { name, namespace, ...(fields['metadata'] as object | undefined) } } as KubeObject;
    const error = await kube.apply(object, { fieldManager }).then(
      () => expect.unreachable('the server took it'),
      (thrown: unknown) => thrown as Error & { details: unknown; cause?: unknown },
    );
    const shown = JSON.stringify([error.message, error.details, String(error.cause)]);
    expect(error.message).toMatch(new RegExp(`Secret ${namespace}/secret`));
    expect(shown).not.toMatch(/471100815|R2VoZWlt|aHVudGVyMg|hunter2!!|"hunter2"/);
  });
});

describe('kinds', () => {
  test('built-in ones are discovered with their scope and preferred version', async () => {
    const discovery = await kube.discover();
    expect(discovery.serverVersion).toMatch(/^v1\.\d+/);
    expect(discovery.find('apps', 'v1', 'Deployment')).toMatchObject({ resource: 'deployments', namespaced: true, preferred: true });
    expect(discovery.findKind('', 'Namespace')).toMatchObject({ version: 'v1', namespaced: false });
    expect(discovery.findKind('autoscaling', 'HorizontalPodAutoscaler')?.version).toBe('v2');
    expect(discovery.find('autoscaling', 'v1', 'HorizontalPodAutoscaler')).toMatchObject({ preferred: false });
    expect(['Deployment', 'ControllerRevision'].map((kind) => discovery.findKind('apps', kind)?.hasStatusSubresource)).toEqual([true, false]);
    expect(discovery.apiVersions).toEqual(expect.arrayContaining(['v1', 'apps/v1', 'autoscaling/v2']));
    expect(discovery.kinds.some(({ resource }) => resource.includes('/'))).toBe(false);
  });

  test('the old way of discovery finds the same', async () => {
    const old = makeKubeClient({ connection: { ...proxy.connection, headers: async () => ({}) }, log: silentLogger });
    // A server before 1.26 ignores what it doesn't know in Accept; this one is asked without it.
    proxy.setFault((_method, url) =>
      url === '/apis' || url === '/api' ? { status: 200, body: url === '/api' ? { kind: 'APIVersions', versions: ['v1'] } : groupList } : undefined,
    );
    const groupList = {
      kind: 'APIGroupList',
      groups: [
        { name: 'apps', versions: [{ version: 'v1' }], preferredVersion: { version: 'v1' } },
        { name: 'down.example', versions: [{ version: 'v1' }] },
      ],
    };
    const discovery = await old.discover();
    proxy.setFault(() => undefined);
    const real = await kube.discover();
    for (const [group, kind] of [
      ['apps', 'Deployment'],
      ['', 'Secret'],
      ['', 'Namespace'],
    ] as const)
      expect(discovery.findKind(group, kind)).toEqual(real.findKind(group, kind));
    expect(discovery.unavailableGroups).toEqual(['down.example']);
    await expect(old.get({ group: 'down.example', version: 'v1', kind: 'Thing', namespace, name: 'x' })).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'later',
    });
    await old.close();
  });

  test('an unknown one is said to be so, until its definition is there', async () => {
    const group = `${randomName()}.example`;
    const thing: KubeObject = { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name: 'a', namespace }, spec: { x: 1 } };
    await expect(kube.apply(thing, { fieldManager })).rejects.toEqual(failure('unknown-kind', /Thing in version v1 is not served .*CustomResourceDefinition/));
    await expect(kube.apply({ ...deployment('a'), apiVersion: 'apps/v9' }, { fieldManager })).rejects.toEqual(failure('unknown-kind', /it serves version v1/));
    await kube.create(definitionOf(group));
    try {
      await eventually(
        () => kube.discover({ refresh: true }),
        (discovery) => discovery.find(group, 'v1', 'Thing') !== undefined,
      );
      const applied = await eventually(
        () => kube.apply(thing, { fieldManager }).catch((error: Error) => error),
        (answer) => !(answer instanceof Error),
      );
      expect((applied as KubeObject)['spec']).toEqual({ x: 1 });
      expect((await kube.discover()).findKind(group, 'Thing')).toMatchObject({ namespaced: true });
    } finally {
      await kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `things.${group}` });
    }
  });
});

describe('a bad road', () => {
  test('429 is waited for as long as the server says, and tried again', async () => {
    const client = makeKubeClient({ connection: proxy.connection, log: silentLogger });
    await client.discover();
    let refused = 0;
    proxy.setFault((method) =>
      method === 'POST' && refused++ < 2
        ? { status: 429, headers: { 'retry-after': '0' }, body: { kind: 'Status', reason: 'TooManyRequests', code: 429 } }
        : undefined,
    );
    await client.create(configMap('patient'));
    expect(refused).toBe(3);
    proxy.setFault((method) => (method === 'POST' ? { status: 429, headers: { 'retry-after': '3600' }, body: {} } : undefined));
    await expect(client.create(configMap('impatient'))).rejects.toMatchObject({ code: 'resource-exhausted', retry: 'later' });
    proxy.setFault(() => undefined);
    await client.close();
  });

  test('a write that may have happened is not done twice unless it is the same twice', async () => {
    const client = makeKubeClient({ connection: proxy.connection, log: silentLogger, limits: { retryBackoffMs: 1 } });
    await client.discover();
    let tries = 0;
    const failing = (method: string): { status: number; body: unknown } | undefined =>
      method === 'GET' ? undefined : (tries++, { status: 503, body: { kind: 'Status', reason: 'ServiceUnavailable', message: 'overloaded', code: 503 } });
    proxy.setFault(failing);
    await expect(client.create(configMap('once'))).rejects.toEqual(failure('unavailable', /overloaded/));
    expect(tries).toBe(1);
    tries = 0;
    await expect(client.apply(configMap('often'), { fieldManager })).rejects.toMatchObject({ code: 'unavailable' });
    expect(tries).toBe(4);
    proxy.setFault(() => undefined);
    await client.close();
  });

  test('a connection that breaks is tried again; a server that is not there is said to be so', async () => {
    const client = makeKubeClient({ connection: proxy.connection, log: silentLogger, limits: { retryBackoffMs: 1 } });
    await client.discover();
    let broken = 0;
    proxy.setFault((method) => (method === 'PATCH' && broken++ === 0 ? 'break' : undefined));
    await client.apply(configMap('second-try'), { fieldManager });
    expect(broken).toBe(2);
    proxy.setFault(() => undefined);
    await client.close();

    const nobody = makeKubeClient({ connection: { ...proxy.connection, server: 'http://127.0.0.1:1' }, log: silentLogger, limits: { retryBackoffMs: 1 } });
    await expect(nobody.discover()).rejects.toEqual(failure('cluster-unreachable', /http:\/\/127\.0\.0\.1:1 can't be reached/));
    await nobody.close();
  });

  test('a server that does not answer is given up at the deadline', async () => {
    const client = makeKubeClient({ connection: proxy.connection, log: silentLogger, limits: { requestDeadlineMs: 300 } });
    await client.discover();
    proxy.setFault((method) => (method === 'PATCH' ? 'hang' : undefined));
    await expect(client.apply(configMap('slow'), { fieldManager })).rejects.toMatchObject({ code: 'deadline-exceeded', retry: 'later' });
    proxy.setFault(() => undefined);
    await client.close();
  });

  test('credentials that expired are asked for again, once', async () => {
    let asked = 0;
    const connection = { ...proxy.connection, headers: async () => ({ authorization: `Bearer ${++asked}` }) };
    const client = makeKubeClient({ connection, log: silentLogger });
    let refused = 0;
    proxy.setFault((_method, url) =>
      url === '/version' && refused++ === 0 ? { status: 401, body: { kind: 'Status', reason: 'Unauthorized', code: 401 } } : undefined,
    );
    await client.discover();
    expect([asked, refused]).toEqual([2, 2]);
    proxy.setFault(() => undefined);
    await client.close();
  });
});

test('a list comes in pages and whole', async () => {
  const names = Array.from({ length: 25 }, (_, i) => `page-${i}`);
  await Promise.all(names.map((name) => kube.create({ ...configMap(name), metadata: { name, namespace, labels: { page: 'yes' } } })));
  const client = makeKubeClient({ connection: proxy.connection, log: silentLogger, limits: { listPageSize: 10 } });
  const before = proxy.requests.length;
  const { items, resourceVersion } = await client.list({ group: '', version: 'v1', kind: 'ConfigMap' }, { namespace, labelSelector: 'page=yes' });
  expect(new Set(items.map(({ metadata }) => metadata.name))).toEqual(new Set(names));
  expect(items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
  expect(Number(resourceVersion)).toBeGreaterThan(0);
  expect(proxy.requests.slice(before).filter((request) => request.includes('/configmaps?'))).toHaveLength(3);

  let expired = 0;
  proxy.setFault((_method, url) =>
    url.includes('continue=') && expired++ === 0 ? { status: 410, body: { kind: 'Status', reason: 'Expired', code: 410 } } : undefined,
  );
  expect((await client.list({ group: '', version: 'v1', kind: 'ConfigMap' }, { namespace, labelSelector: 'page=yes' })).items).toHaveLength(25);
  proxy.setFault(() => undefined);
  await client.close();
});
