import { createHash, randomUUID } from 'node:crypto';
import { makeMemoryBlobStore, makeSealer } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import type { Application } from '@plumbline/contracts';
import { applicationStream, blobScope, canonicalJson, silentLogger } from '@plumbline/contracts';
import { makeLocalAnnouncements, makeMemoryDatabase, makeMemoryEventLog } from '@plumbline/event-log';
import type { KubeClient } from '@plumbline/kube';
import { makeKubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { realConnection } from '../../test/synced-application.ts';
import { ApplicationLog, unseen } from '../applications/application-log.ts';
import { makeDesiredStates } from '../desired/desired-state.ts';
import { declared, id, requested, started } from '../domain/testdata/examples.ts';
import { makeCluster } from '../live/cluster.ts';
import { markedWithRun } from '../sync/hooks.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import { endRunning, removeLeftHooks } from './terminate.ts';

let kube: KubeClient;
const instance = `shop-${randomUUID().slice(0, 8)}`;
const namespace = `terminate-${randomUUID().slice(0, 8)}`;
const webhook = { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingWebhookConfiguration', name: namespace };
const jobRef = (name: string) => ({ group: 'batch', version: 'v1', kind: 'Job', namespace, name });
const hook = (name: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace, labels, annotations: { 'argocd.argoproj.io/hook': 'Sync' } },
  // Nothing is to run.
  spec: { suspend: true, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'busybox' }] } } },
});

beforeAll(async () => {
  kube = makeKubeClient({ connection: await realConnection(), log: silentLogger });
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});
afterEach(async () => {
  await kube.delete(webhook);
  for (const { metadata } of (await kube.list(jobRef(''), { namespace })).items) {
    await kube.mergePatch(jobRef(metadata.name), { metadata: { finalizers: null } }, { fieldManager: 'test' });
    await kube.delete(jobRef(metadata.name), { propagationPolicy: 'Background' });
  }
});
afterAll(async () => {
  await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: namespace });
  await kube.close();
});

/** An application whose sync has made these hooks and waits for them. `writer`: who ends it. */
async function running(hooks: readonly KubeObject[], { writer = kube, home = namespace }: { writer?: KubeClient; home?: string } = {}) {
  const blobs = makeMemoryBlobStore();
  const text = canonicalJson({ version: 1, sourceType: 'Directory', objects: hooks.map((manifest) => ({ manifest })) });
  const manifestSet = createHash('sha256').update(text).digest('hex');
  await blobs.put(blobScope.manifests, [{ id: manifestSet, bytes: Buffer.from(text) }]);
  const log = makeMemoryEventLog({ database: makeMemoryDatabase(), announce: makeLocalAnnouncements().announce, clock: Date.now, newId: randomUUID });
  const metadata = { actor: 'system:test', service: 'test', schemaVersion: 1 };
  const events = [declared, requested('op', 'r1', { manifestSet }), started('op')].map((event) => ({ id: randomUUID(), metadata, ...event }));
  await log.append([{ stream: applicationStream(id), events }]);
  const application = new ApplicationLog(id, unseen, {
    log: { append: (batch) => log.append(batch), readStream: (...query) => log.readStream(...query) },
    event: (type, data) => ({ id: randomUUID(), metadata, type, data }),
    now: Date.now,
  });
  await application.catchUp();
  const resource = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata: id, spec: { project: 'default', destination: { namespace: home } } };
  const entry = { key: 'argocd/shop', instance, log: application, resource: resource as Application } as Entry;
  const desired = makeDesiredStates({ bus: {} as Bus, blobs, sealer: makeSealer(Buffer.alloc(32)), kube });
  const operation = declaredState(entry)!.operation!;
  for (const one of (await desired.load(entry.resource, instance, manifestSet)).objects) {
    // They were made before the spec named another home.
    const { metadata: at, ...rest } = one.object;
    await kube.create(markedWithRun({ ...one, object: { ...rest, metadata: { ...at, namespace } } }, { instance, operation }).object);
  }
  const cluster = makeCluster({
    kube: writer,
    log: silentLogger,
    listener: { changed: () => undefined },
    namespaces: [namespace],
    isExcluded: (_, kind) => kind !== 'Job',
  });
  onTestFinished(() => cluster.stop());
  const context = { desired, cluster, clock: Date.now, log: silentLogger, assertOwner: () => undefined };
  return {
    end: () => endRunning(entry, 'the application is being deleted', context),
    /** As somebody who ends a sync does it, whatever the API server says. */
    endAnyway: () => application.execute([{ type: 'FailSync', operationId: 'op', phase: 'Error', message: 'terminated', now: Date.now(), canRetry: false }]),
    removeLeft: () => removeLeftHooks(entry, context),
    operation: () => declaredState(entry)!.operation!,
    known: () => [...cluster.managedBy(instance)].length,
  };
}

/** Nobody answers for Jobs with the label `held`: the API server fails what is asked of it for them. */
async function givenFailingWebhook(): Promise<void> {
  await kube.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: webhook.kind,
    metadata: { name: webhook.name },
    webhooks: [
      {
        name: 'away.plumbline.example',
        clientConfig: { url: 'https://127.0.0.1:1/' },
        rules: [{ apiGroups: ['batch'], apiVersions: ['v1'], resources: ['jobs'], operations: ['UPDATE', 'DELETE'] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        objectSelector: { matchExpressions: [{ key: 'held', operator: 'Exists' }] },
        sideEffects: 'None',
        failurePolicy: 'Fail',
        timeoutSeconds: 1,
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  const isFailing = (): Promise<boolean> =>
    kube.mergePatch(jobRef('held'), { metadata: { labels: { probe: '1' } } }, { fieldManager: 'test', dryRun: true }).then(
      () => false,
      () => true,
    );
  await expect.poll(isFailing, { timeout: 30_000 }).toBe(true);
}

// It ended, and the hook kept its finalizer, and with it its namespace, for ever.
test('a sync runs on until its hooks are gone, however long the API server fails; one that is stuck does not keep the others', async () => {
  const { end, operation } = await running([hook('held', { held: 'yes' }), hook('other')]);
  await givenFailingWebhook();
  await expect(end()).rejects.toMatchObject({ retry: 'later', message: expect.stringContaining('away.plumbline.example') });
  expect(operation().phase).toBe('Running');
  expect((await kube.get(jobRef('held')))?.metadata.deletionTimestamp).toBeUndefined();
  expect(await kube.get(jobRef('other'))).toBeUndefined();

  await kube.delete(webhook);
  await expect.poll(() => end().then(() => operation()), { timeout: 30_000 }).toMatchObject({ phase: 'Error', message: 'the application is being deleted' });
  expect(await kube.get(jobRef('held'))).toBeUndefined();
});

test('what a terminated sync could not delete goes when the API server lets it', async () => {
  const { endAnyway, removeLeft, known } = await running([hook('held', { held: 'yes' })]);
  await expect.poll(known, { timeout: 20_000 }).toBe(1);
  await removeLeft();
  // Its sync still runs.
  expect((await kube.get(jobRef('held')))?.metadata.deletionTimestamp).toBeUndefined();
  await givenFailingWebhook();
  await endAnyway();
  await expect(removeLeft()).rejects.toMatchObject({ retry: 'later' });
  await kube.delete(webhook);
  await expect.poll(() => removeLeft().then(() => kube.get(jobRef('held'))), { timeout: 30_000 }).toBeUndefined();
});

// The spec that is invalid now may be so because it names another namespace.
test('hooks are found although the spec sends its objects elsewhere by now', async () => {
  const { metadata, ...rest } = hook('moved');
  const { namespace: _, ...placeless } = metadata;
  const { end, operation, known } = await running([{ ...rest, metadata: placeless }], { home: `${namespace}-elsewhere` });
  await expect.poll(known, { timeout: 20_000 }).toBe(1);
  await end();
  expect(operation()).toMatchObject({ phase: 'Error', message: 'the application is being deleted' });
  expect(await kube.get(jobRef('moved'))).toBeUndefined();
});

test('what we may not delete is said, and ends it', async () => {
  const nobody = makeKubeClient({ connection: await realConnection('system:serviceaccount:default:nobody'), log: silentLogger });
  const { end, operation } = await running([hook('theirs')], { writer: nobody });
  await end();
  expect(operation()).toMatchObject({
    phase: 'Error',
    message: expect.stringMatching(/^the application is being deleted; its hooks could not be deleted: batch\/Job .*theirs: the API server forbids it/),
  });
  expect(await kube.get(jobRef('theirs'))).toBeDefined();
  await nobody.close();
});
