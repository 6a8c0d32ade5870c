import { randomBytes } from 'node:crypto';
import type { IgnoreDifference } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { ownEntry } from '@plumbline/manifests';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isNewerVersion } from '../live/resource-version.ts';
import type { RealCluster } from '../../test/real-cluster.ts';
import { eventually, realCluster } from '../../test/real-cluster.ts';

/** What others change stays as it is, and what only we own isn't reset: on a real API server (argocd-compat B048). */
let cluster: RealCluster;
beforeAll(async () => void (cluster = await realCluster()));
afterAll(async () => await cluster?.drop());
afterEach(() => void (cluster.spec = {}));

const labels = { app: 'web' };
const newName = (): string => `web-${randomBytes(3).toString('hex')}`;
const deployment = (name: string, spec: object, image = 'nginx:1'): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    ...spec,
    // Nothing is to run: pods would only keep the scheduler busy.
    paused: true,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [
          { name: 'web', image, ports: [{ containerPort: 80 }] },
          { name: 'proxy', image: 'proxy:1' },
        ],
      },
    },
  },
});
const autoscaler = (target: string): KubeObject => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: target },
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target }, minReplicas: 1, maxReplicas: 30 },
});
const ref = (name: string) => ({ group: 'apps', version: 'v1', kind: 'Deployment', namespace: cluster.namespace, name });
const replicas = async (name: string): Promise<unknown> =>
  (await cluster.kube.get(ref(name)))!['spec'] && ((await cluster.kube.get(ref(name)))!['spec'] as { replicas: number }).replicas;
const managers = async (name: string): Promise<string[]> =>
  ((await cluster.kube.get(ref(name)))!.metadata.managedFields ?? []).map(({ manager = '' }) => manager);
const respecting = (rule: Partial<IgnoreDifference>): void =>
  void (cluster.spec = { ignoreDifferences: [{ group: 'apps', kind: 'Deployment', ...rule }], syncPolicy: { syncOptions: ['RespectIgnoreDifferences=true'] } });

/** As an autoscaler does it: through the scale subresource. */
async function scale(name: string, count: number): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${cluster.namespace}/deployments/${name}/scale`;
  await cluster.send('PATCH', `${path}?fieldManager=kube-controller-manager`, { spec: { replicas: count } });
}

/** Every state of the object while `work` runs. */
async function replicasDuring(name: string, work: () => Promise<unknown>): Promise<Set<unknown>> {
  const seen = new Set<unknown>();
  let last = '';
  const watch = cluster.kube.watch({
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
    namespace: cluster.namespace,
    listener: {
      upsert(object) {
        if (object.metadata.name !== name) return;
        seen.add((object['spec'] as { replicas: number }).replicas);
        last = object.metadata.resourceVersion ?? '';
      },
      remove: () => undefined,
    },
  });
  await eventually(
    () => watch.hasSynced(),
    (is) => is,
  );
  await work();
  const now = (await cluster.kube.get(ref(name)))!.metadata.resourceVersion ?? '';
  await eventually(
    () => last,
    // Controllers go on writing its status.
    (version) => version === now || isNewerVersion(version, now),
  );
  await watch.stop();
  return seen;
}

describe('an autoscaler at twenty replicas', () => {
  test('stays at twenty while the manifest says three and the field is ignored', async () => {
    const name = newName();
    respecting({ jsonPointers: ['/spec/replicas'] });
    await cluster.sync(deployment(name, { replicas: 3 }));
    await scale(name, 20);
    expect((await cluster.verdict(deployment(name, { replicas: 3 }))).status).toBe('Synced');
    expect(await replicasDuring(name, () => cluster.sync(deployment(name, { replicas: 4 }, 'nginx:2')))).toEqual(new Set([20]));
    expect((await cluster.verdict(deployment(name, { replicas: 4 }, 'nginx:2'))).status).toBe('Synced');
    expect((await cluster.verdict(deployment(name, { replicas: 4 }, 'nginx:2'), cluster.freshJudge())).status).toBe('Synced');
    // Without the option the manifest's word counts as soon as anything is written.
    cluster.spec = { ignoreDifferences: cluster.spec.ignoreDifferences! };
    await cluster.sync(deployment(name, { replicas: 4 }, 'nginx:3'));
    expect(await replicas(name)).toBe(4);
  });

  test('stays at twenty when the replicas leave the manifest', async () => {
    const name = newName();
    await cluster.sync(deployment(name, { replicas: 20 }));
    await cluster.sync(autoscaler(name));
    expect(await replicasDuring(name, () => cluster.sync(deployment(name, {})))).toEqual(new Set([20]));
    expect(await managers(name)).toContain('plumbline-handover');
    expect((await cluster.verdict(deployment(name, {}))).status).toBe('Synced');
    // And goes on from there.
    await scale(name, 21);
    expect((await cluster.verdict(deployment(name, {}))).status).toBe('Synced');
    expect(await replicasDuring(name, () => cluster.sync(deployment(name, {}, 'nginx:2')))).toEqual(new Set([21]));
  });

  test('stays at twenty when the autoscaler comes with the same commit', async () => {
    const name = newName();
    await cluster.sync(deployment(name, { replicas: 20 }));
    expect(await replicasDuring(name, () => cluster.sync(deployment(name, {}), [autoscaler(name)]))).toEqual(new Set([20]));
  });

  test('of another object changes nothing: removed replicas are the default again', async () => {
    const name = newName();
    await cluster.sync(deployment(name, { replicas: 5 }));
    await cluster.sync(autoscaler(`${name}-other`));
    await cluster.sync(deployment(name, {}));
    expect(await replicas(name)).toBe(1);
  });
});

describe('RespectIgnoreDifferences', () => {
  const images = async (name: string): Promise<string[]> =>
    ((await cluster.kube.get(ref(name)))!['spec'] as { template: { spec: { containers: { image: string }[] } } }).template.spec.containers.map(
      ({ image }) => image,
    );

  test('a field that only we own is handed over, not reset', async () => {
    const name = newName();
    await cluster.sync(deployment(name, { replicas: 7, minReadySeconds: 9 }));
    respecting({ jsonPointers: ['/spec/replicas', '/spec/minReadySeconds'] });
    expect(await replicasDuring(name, () => cluster.sync(deployment(name, { replicas: 2, minReadySeconds: 1 }, 'nginx:2')))).toEqual(new Set([7]));
    const live = (await cluster.kube.get(ref(name)))!;
    expect(live['spec']).toMatchObject({ replicas: 7, minReadySeconds: 9 });
    expect(ownEntry(live, 'plumbline-handover', 'Apply')?.fieldsV1).toEqual({ 'f:spec': { 'f:replicas': {}, 'f:minReadySeconds': {} } });
    expect((await cluster.verdict(deployment(name, { replicas: 2, minReadySeconds: 1 }, 'nginx:2'))).status).toBe('Synced');
  });

  test('a field of an item of a list, found by jq', async () => {
    const name = newName();
    await cluster.sync(deployment(name, {}));
    await cluster.kube.apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace: cluster.namespace },
        spec: { template: { spec: { containers: [{ name: 'web', image: 'injected:1' }] } } },
      } as KubeObject,
      { fieldManager: 'injector' },
    );
    respecting({ jqPathExpressions: ['.spec.template.spec.containers[].image'] });
    // One image is the injector's, the other only ours.
    await cluster.sync(deployment(name, { minReadySeconds: 1 }, 'nginx:2'));
    expect(await images(name)).toEqual(['injected:1', 'proxy:1']);
    expect((await cluster.verdict(deployment(name, { minReadySeconds: 1 }, 'nginx:2'))).status).toBe('Synced');
  });

  test('fields of a manager', async () => {
    const name = newName();
    await cluster.sync(deployment(name, { replicas: 3 }));
    await cluster.kube.mergePatch(ref(name), { spec: { replicas: 6, minReadySeconds: 2 } }, { fieldManager: 'somebody' });
    respecting({ managedFieldsManagers: ['somebody'] });
    await cluster.sync(deployment(name, { replicas: 3, minReadySeconds: 1 }, 'nginx:2'));
    expect((await cluster.kube.get(ref(name)))!['spec']).toMatchObject({ replicas: 6, minReadySeconds: 2 });
    expect(await images(name)).toEqual(['nginx:2', 'proxy:1']);
  });

  test('an object that is replaced as a whole keeps them too', async () => {
    const name = newName();
    const replaced = (image: string): KubeObject => {
      const one = deployment(name, { replicas: 3 }, image);
      return { ...one, metadata: { ...one.metadata, annotations: { 'argocd.argoproj.io/sync-options': 'Replace=true' } } };
    };
    await cluster.sync(replaced('nginx:1'));
    await scale(name, 20);
    respecting({ jqPathExpressions: ['.spec.replicas', '.spec.template.spec.containers[] | select(.name == "proxy") | .image'] });
    await cluster.kube.mergePatch(
      ref(name),
      {
        spec: {
          template: {
            spec: {
              containers: [
                { name: 'proxy', image: 'proxy:9' },
                { name: 'web', image: 'nginx:1' },
              ],
            },
          },
        },
      },
      { fieldManager: 'somebody' },
    );
    // A replace has the version that was looked at as its precondition, and controllers write the status: the sync is retried.
    const untilDone = () =>
      eventually(
        () => cluster.sync(replaced('nginx:2')).then(() => 'done', String),
        (outcome) => outcome === 'done',
      );
    expect(await replicasDuring(name, untilDone)).toEqual(new Set([20]));
    expect(await images(name)).toEqual(['nginx:2', 'proxy:9']);
  });

  test('a new object is written as its manifest says', async () => {
    const name = newName();
    respecting({ jsonPointers: ['/spec/replicas'] });
    await cluster.sync(deployment(name, { replicas: 3 }));
    expect(await replicas(name)).toBe(3);
  });

  test('an immutable field that is ignored does not stand in the way', async () => {
    const job = (name: string, image: string, parallelism: number): KubeObject => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name },
      spec: { suspend: true, parallelism, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image }] } } },
    });
    const name = newName();
    await cluster.sync(job(name, 'a', 1));
    respecting({ group: 'batch', kind: 'Job', jsonPointers: ['/spec/template/spec/containers/0/image'] });
    expect((await cluster.verdict(job(name, 'b', 1))).status).toBe('Synced');
    await cluster.sync(job(name, 'b', 2));
    expect((await cluster.live(job(name, 'b', 2)))!['spec']).toMatchObject({ parallelism: 2 });
  });

  test('an object that Force makes anew is made of the whole manifest', async () => {
    const job = (name: string, image: string): KubeObject => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, annotations: { 'argocd.argoproj.io/sync-options': 'Force=true' } },
      spec: { suspend: true, parallelism: 4, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image }] } } },
    });
    const name = newName();
    respecting({ group: 'batch', kind: 'Job', jsonPointers: ['/spec/parallelism'] });
    await cluster.sync(job(name, 'a'));
    const before = await cluster.live(job(name, 'a'));
    await cluster.sync(job(name, 'b'));
    const after = await cluster.live(job(name, 'b'));
    expect([after?.metadata.uid === before?.metadata.uid, after?.['spec']]).toEqual([false, expect.objectContaining({ parallelism: 4 })]);
  });

  test('when the rule goes, the manifest counts again and nobody holds the field', async () => {
    const name = newName();
    await cluster.sync(deployment(name, { replicas: 7 }));
    respecting({ jsonPointers: ['/spec/replicas'] });
    await cluster.sync(deployment(name, { replicas: 2 }, 'nginx:2'));
    cluster.spec = {};
    expect(await cluster.verdict(deployment(name, { replicas: 2 }, 'nginx:2'))).toMatchObject({
      status: 'OutOfSync',
      fields: ['/spec/replicas'],
      owners: [[{ manager: 'plumbline-handover' }]],
    });
    await cluster.sync(deployment(name, { replicas: 2 }, 'nginx:2'));
    await cluster.sync(deployment(name, { replicas: 2 }, 'nginx:3'));
    expect([await replicas(name), await managers(name)]).toEqual([2, expect.not.arrayContaining(['plumbline-handover'])]);
    await cluster.sync(deployment(name, {}, 'nginx:4'));
    expect(await replicas(name)).toBe(1);
  });

  test('who is overtaken by another writer looks again', async () => {
    const name = newName();
    await cluster.sync(deployment(name, { replicas: 7 }));
    respecting({ jsonPointers: ['/spec/replicas'] });
    // Between the look and the write somebody scales.
    await cluster.sync(deployment(name, { replicas: 2 }, 'nginx:2'), [], () => scale(name, 9));
    expect(await replicas(name)).toBe(9);
  });
});
