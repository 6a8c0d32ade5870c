import { canonicalJson, silentLogger } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../test/fault-proxy.ts';
import { definitionOf, eventually, randomName, testClient } from '../test/real-server.ts';
import { makeKubeClient, type KubeClient, type KubeClientOptions, type KubeConnection, type ObjectRef, type Watch, type WatchOptions } from './index.ts';

let kube: KubeClient;
let namespace: string;
let connection: KubeConnection;
let proxy: FaultProxy;
let drop: () => Promise<void>;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => void ({ kube, namespace, connection, drop } = await testClient()));
afterAll(async () => await drop?.());
beforeEach(async () => void (proxy = await startFaultProxy(connection)));
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await proxy.close();
});

const configMap = (name: string, label: string, value = '1'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels: { test: label } },
  data: { value },
});
const ref = (name: string): ObjectRef => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace, name });
const apply = (object: KubeObject): Promise<KubeObject> => kube.apply(object, { fieldManager: 'plumbline-test' });
const fast: KubeClientOptions['limits'] = { retryBackoffMs: 1, attemptsMax: 1, watch: { backoffMs: 5, backoffMaxMs: 50, refusedBackoffMs: 50 } };

interface Seen {
  watch: Watch;
  /** Name → value, as a listener that believes everything has it. */
  state: Map<string, string>;
  log: string[];
  removed: KubeObject[];
}

/** A watch through the proxy on what this test made. */
function watchThrough(label: string, limits: KubeClientOptions['limits'] = fast, more: Partial<WatchOptions> = {}): Seen {
  const client = makeKubeClient({ connection: proxy.connection, log: silentLogger, limits: { ...limits, watch: { ...fast?.watch, ...limits?.watch } } });
  closing.push(() => client.close());
  const seen: Omit<Seen, 'watch'> = { state: new Map(), log: [], removed: [] };
  const watch = client.watch({
    group: '',
    version: 'v1',
    kind: 'ConfigMap',
    namespace,
    labelSelector: `test=${label}`,
    listener: {
      upsert(object) {
        seen.state.set(object.metadata.name, (object['data'] as { value?: string } | undefined)?.value ?? '');
        seen.log.push(`+${object.metadata.name}`);
      },
      remove(object) {
        seen.state.delete(object.metadata.name);
        seen.log.push(`-${object.metadata.name}`);
        seen.removed.push(object);
      },
      synced: () => void seen.log.push('synced'),
      interrupted: () => void seen.log.push('interrupted'),
    },
    ...more,
  });
  return { watch, ...seen };
}

const until = (seen: Seen, expected: Record<string, string>): Promise<unknown> =>
  eventually(
    () => canonicalJson(Object.fromEntries(seen.state)),
    (state) => state === canonicalJson(expected),
  );
const isWatch = (url: string): boolean => url.includes('watch=1');
const watchesOpened = (): number => proxy.requests.filter(isWatch).length;
const listsMade = (): number =>
  proxy.requests.filter((url) => url.includes('/configmaps?') && !isWatch(url) && url.includes('limit=') && !url.includes('limit=1')).length;

test('what is there, what changes and what goes is told', async () => {
  await apply(configMap('a1', 'a'));
  const seen = watchThrough('a');
  await until(seen, { a1: '1' });
  await eventually(() => seen.watch.hasSynced(), Boolean);
  expect(seen.log).toEqual(['+a1', 'synced']);
  await apply(configMap('a2', 'a'));
  await apply(configMap('a1', 'a', '2'));
  await until(seen, { a1: '2', a2: '1' });
  await kube.delete(ref('a2'));
  await until(seen, { a1: '2' });
  await seen.watch.stop();
  await apply(configMap('a1', 'a', '3'));
  expect(Object.fromEntries(seen.state)).toEqual({ a1: '2' });
});

test('a watch whose connection is cut resumes from its last version, without a list, and misses nothing', async () => {
  await apply(configMap('cut1', 'cut'));
  const seen = watchThrough('cut');
  await until(seen, { cut1: '1' });
  await eventually(watchesOpened, (count) => count === 1);
  let isAway = true;
  proxy.setFault(() => (isAway ? 'break' : undefined));
  proxy.cut();
  await eventually(() => seen.log.includes('interrupted'), Boolean);
  await apply(configMap('cut2', 'cut'));
  await kube.delete(ref('cut1'));
  isAway = false;
  await until(seen, { cut2: '1' });
  expect(listsMade()).toBe(1);
  expect(seen.log.filter((entry) => entry === 'interrupted')).toHaveLength(1);
  expect(seen.log.at(-1)).not.toBe('interrupted');
  expect(seen.log.filter((entry) => entry === 'synced')).toHaveLength(2);
});

test('a watch that the server ends is opened again where it was, and nobody is alarmed', async () => {
  const seen = watchThrough('end', { watch: { secondsMin: 1, secondsMax: 1 } });
  await eventually(watchesOpened, (count) => count >= 2);
  await apply(configMap('end1', 'end'));
  await until(seen, { end1: '1' });
  expect(listsMade()).toBe(1);
  expect(seen.log).not.toContain('interrupted');
});

describe('410', () => {
  const gone = { kind: 'Status', status: 'Failure', reason: 'Expired', message: 'too old resource version', code: 410 };

  test.each([
    ['as an answer', { status: 410, body: gone }],
    ['as an event', { status: 200, body: { type: 'ERROR', object: gone } }],
  ])('%s lists this kind again; what vanished meanwhile is told', async (form, fault) => {
    const label = form.replaceAll(' ', '-');
    await apply(configMap(`${label}-1`, label));
    await apply(configMap(`${label}-2`, label));
    const seen = watchThrough(label);
    await until(seen, { [`${label}-1`]: '1', [`${label}-2`]: '1' });
    let faults = 0;
    proxy.setFault((_method, url) => (faults === 0 ? 'break' : isWatch(url) && faults++ === 1 ? fault : undefined));
    proxy.cut();
    await eventually(() => seen.log.includes('interrupted'), Boolean);
    await kube.delete(ref(`${label}-1`));
    await apply(configMap(`${label}-2`, label, '2'));
    faults = 1;
    await until(seen, { [`${label}-2`]: '2' });
    expect(listsMade()).toBe(2);
    expect(seen.removed).toHaveLength(1);
    expect(seen.removed[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${label}-1`, namespace } });
    expect(seen.removed.at(0)!.metadata.uid).toBeTruthy();
    expect(seen.removed.at(0)!.metadata.managedFields).toBeUndefined();
  });

  test('of the real server for a version that it no longer has', async () => {
    const group = `${randomName()}.example`;
    await kube.create(definitionOf(group));
    closing.push(
      async () => void (await kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `things.${group}` })),
    );
    const thing: KubeObject = { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name: 'a', namespace }, spec: {} };
    await eventually(
      () => kube.discover({ refresh: true }),
      (discovery) => discovery.find(group, 'v1', 'Thing') !== undefined,
    );
    await eventually(
      () =>
        apply(thing).then(
          () => true,
          () => false,
        ),
      Boolean,
    );
    let asked = 0;
    // Before the kind existed: its cache in the server can't reach back so far.
    proxy.setFault((_method, url) => (isWatch(url) && asked++ === 0 ? { rewrite: url.replace(/resourceVersion=\d+/, 'resourceVersion=1') } : undefined));
    const seen = watchThrough('none', fast, { group, kind: 'Thing', labelSelector: undefined as never });
    await eventually(
      () => seen.log.filter((entry) => entry === 'synced').length,
      (count) => count === 2,
    );
    expect(seen.log).toEqual(['+a', 'synced', 'synced']);
    await eventually(
      () => asked,
      (count) => count === 2,
    );
  });
});

test('a server whose versions went back (restored from a copy) is listed again', async () => {
  await apply(configMap('back1', 'back'));
  const seen = watchThrough('back');
  await until(seen, { back1: '1' });
  await eventually(watchesOpened, (count) => count === 1);
  const restored = { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: '5' }, items: [] };
  let checks = 0;
  proxy.setFault((_method, url) => (/[?&]limit=1(&|$)/.test(url) && checks++ === 0 ? { status: 200, body: restored } : undefined));
  proxy.cut();
  await eventually(listsMade, (count) => count === 2);
  await apply(configMap('back1', 'back', '2'));
  await until(seen, { back1: '2' });
});

test('a list that breaks off in the middle makes nothing vanish', async () => {
  await Promise.all(Array.from({ length: 6 }, (_, i) => apply(configMap(`part${i}`, 'part'))));
  const seen = watchThrough('part', { listPageSize: 2 });
  await eventually(
    () => seen.state.size,
    (size) => size === 6,
  );
  let isBroken = true;
  const before = proxy.requests.length;
  proxy.setFault((_method, url) => {
    if (isWatch(url)) return isBroken ? { status: 410, body: { kind: 'Status', reason: 'Expired', code: 410 } } : undefined;
    return isBroken && url.includes('continue=') ? { status: 503, body: {} } : undefined;
  });
  proxy.cut();
  await eventually(
    () => proxy.requests.slice(before).filter((url) => url.includes('continue=')).length,
    (count) => count >= 3,
  );
  expect(seen.removed).toEqual([]);
  await kube.delete(ref('part3'));
  isBroken = false;
  await eventually(
    () => seen.state.size,
    (size) => size === 5,
  );
  expect(seen.removed.map(({ metadata }) => metadata.name)).toEqual(['part3']);
});

test('a connection that has gone silent is noticed and opened anew', async () => {
  await apply(configMap('silent1', 'silent'));
  // Everything that was open goes silent, the kept connections of other requests too: those end at their deadline.
  const seen = watchThrough('silent', { requestDeadlineMs: 500, watch: { silenceMaxMs: 1_000 } });
  await until(seen, { silent1: '1' });
  await eventually(watchesOpened, (count) => count === 1);
  proxy.freeze();
  await apply(configMap('silent1', 'silent', '2'));
  await until(seen, { silent1: '2' });
  expect(seen.log).toContain('interrupted');
  expect(listsMade()).toBe(1);
});

test('1,200 objects come in pages; an object made anew under its name is told as gone and new', async () => {
  const names = Array.from({ length: 1_200 }, (_, i) => `many-${i}`);
  await Promise.all(names.map((name) => kube.create(configMap(name, 'many'))));
  const seen = watchThrough('many', { listPageSize: 500 });
  await eventually(
    () => seen.state.size,
    (size) => size === 1_200,
    30_000,
  );
  expect(listsMade()).toBe(3);
  let isAway = true;
  proxy.setFault((_method, url) =>
    isAway ? 'break' : isWatch(url) && watchesOpened() === 2 ? { status: 410, body: { kind: 'Status', reason: 'Expired', code: 410 } } : undefined,
  );
  proxy.cut();
  await eventually(() => seen.log.includes('interrupted'), Boolean);
  await kube.delete(ref('many-7'));
  await kube.create(configMap('many-7', 'many', 'new'));
  seen.log.length = 0;
  isAway = false;
  await eventually(
    () => seen.state.get('many-7'),
    (value) => value === 'new',
  );
  expect(seen.log.filter((entry) => entry.endsWith('many-7'))).toEqual(['-many-7', '+many-7']);
  expect(seen.log.filter((entry) => entry.startsWith('+'))).toEqual(['+many-7']);
});

test('a kind that is not served is waited for', async () => {
  const group = `${randomName()}.example`;
  const seen = watchThrough('none', { discoveryRefreshMinMs: 10 }, { group, kind: 'Thing', labelSelector: undefined as never });
  await eventually(() => seen.log.includes('interrupted'), Boolean);
  await kube.create(definitionOf(group));
  closing.push(
    async () => void (await kube.delete({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `things.${group}` })),
  );
  await eventually(() => seen.watch.hasSynced(), Boolean);
});

test('a listener that throws is told the same again', async () => {
  await apply(configMap('poison', 'poison'));
  const told: string[] = [];
  const seen = watchThrough('poison', fast, {
    listener: {
      upsert(object) {
        told.push(object.metadata.name);
        if (told.length === 1) throw new Error('not now');
      },
      remove: () => undefined,
      synced: () => void told.push('synced'),
    },
  });
  await eventually(() => seen.watch.hasSynced(), Boolean);
  expect(told).toEqual(['poison', 'poison', 'synced']);
});
