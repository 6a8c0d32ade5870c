import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:https';
import type { Sealer } from '@plumbline/blobs';
import { makeMemoryBlobStore, makeSealer } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import type { Application, ApplicationSpec, Clock } from '@plumbline/contracts';
import { blobScope, canonicalJson, silentLogger } from '@plumbline/contracts';
import type { KubeClient, KubeConnection } from '@plumbline/kube';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { applicationSyncOptions, groupVersionKind, resourceIdOf, resourceKey } from '@plumbline/manifests';
import type { Judge, Judgement } from '../src/compare/judge.ts';
import { makeJudge } from '../src/compare/judge.ts';
import type { Memo } from '../src/compare/memo.ts';
import type { DesiredObject } from '../src/desired/desired-object.ts';
import { makeDesiredStates } from '../src/desired/desired-state.ts';
import type { OperationRecord } from '../src/domain/state.ts';
import { refOf } from '../src/live/object-ref.ts';
import type { StepOutcome } from '../src/sync/apply-step.ts';
import { applyStep } from '../src/sync/apply-step.ts';
import type { StepContext } from '../src/sync/step-context.ts';

export const instance = 'web';

/** A real API server with a namespace of its own, and of Plumbline what compares and writes. */
export interface RealCluster {
  kube: KubeClient;
  namespace: string;
  connection: KubeConnection;
  /** `resource.…` of argocd-cm. */
  settings: Record<string, string>;
  /** Of the application that the objects belong to. */
  spec: Partial<ApplicationSpec>;
  annotations: Record<string, string>;
  /** Syncs are dry runs. */
  isDryRun: boolean;
  desired(manifest: object): Promise<DesiredObject>;
  /** As the watch sees it: in the version that the server prefers. */
  live(object: KubeObject): Promise<KubeObject | undefined>;
  /** The manifest as a sync writes it; throws where that fails. `beside`: what the same step has besides; `meanwhile`: what happens after it looked. */
  sync(manifest: object, beside?: readonly object[], meanwhile?: () => Promise<void>): Promise<StepOutcome>;
  /** A JSON request that `kube` has no word for; the path with its query. */
  send(method: 'PATCH', path: string, body: unknown): Promise<void>;
  /** The judge that knows what was applied. */
  judge: Judge;
  /** What it says of the manifest against what is live. */
  verdict(manifest: object, judge?: Judge): Promise<Judgement>;
  /** A judge that knows nothing yet: it has to ask. */
  freshJudge(clock?: Clock): Judge;
  /** Dry runs so far. */
  asked(): number;
  drop(): Promise<void>;
}

export async function realCluster(): Promise<RealCluster> {
  const kubeconfigPath = process.env['TEST_KUBECONFIG'];
  if (kubeconfigPath === undefined) throw new Error('these tests need a real Kubernetes API server: set TEST_KUBECONFIG to a kubeconfig of an administrator');
  const connection = await loadConnection({ kubeconfigPath, env: {} });
  const kube = makeKubeClient({ connection, log: silentLogger });
  const namespace = `syncer-test-${randomBytes(4).toString('hex')}`;
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  return clusterOf(kube, connection, namespace);
}

function clusterOf(kube: KubeClient, connection: KubeConnection, namespace: string): RealCluster {
  const sealer = makeSealer(randomBytes(32));
  const judges: Judge[] = [];
  let asked = 0;
  const freshJudge = (clock: Clock = Date.now): Judge => {
    const made = makeJudge({
      kube,
      memos: new Map<string, Memo>(),
      clock,
      keyedHash: (value) => sealer.keyedHash(value),
      schemaOf: (object) => schemaOf(kube, object),
      onDryRun: () => void asked++,
    });
    judges.push(made);
    return made;
  };
  const judge = freshJudge();
  const desired = desiredBy(kube, sealer, namespace);

  const cluster: RealCluster = {
    kube,
    namespace,
    connection,
    settings: {},
    spec: {},
    annotations: {},
    isDryRun: false,
    judge,
    freshJudge,
    asked: () => asked,
    desired: (manifest) => desired(manifest, cluster),
    async live(object) {
      const { group, version, kind } = groupVersionKind(object);
      const info = (await kube.discover()).findKind(group, kind);
      return kube.get({ ...(info?.namespaced === true ? { namespace } : {}), ...refOf(object), version: info?.version ?? version });
    },
    async sync(manifest, beside = [], meanwhile) {
      const all = [await cluster.desired(manifest), ...(await Promise.all(beside.map((one) => cluster.desired(one))))];
      const seen = new Map<string, KubeObject | undefined>();
      for (const { key, object } of all) seen.set(key, await cluster.live(object));
      await meanwhile?.();
      const step = { phase: 'Sync' as const, wave: 0, objects: all.map(({ object }) => ({ object, isHook: false })), prune: [] };
      const outcome = await applyStep(step, stepContext(cluster, all, seen));
      const failed = outcome.results.find(({ status }) => status === 'SyncFailed');
      if (failed !== undefined) throw new Error(failed.message);
      return outcome;
    },
    send: (method, path, body) => send(connection, method, path, body),
    async verdict(manifest, asks = judge) {
      const wanted = await cluster.desired(manifest);
      return asks.judge(wanted, await cluster.live(wanted.object), false);
    },
    async drop() {
      await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: namespace });
      await Promise.all(judges.map((one) => one.stop()));
      await kube.close();
    },
  };
  return cluster;
}

/** Manifests as the syncer makes them its own: by way of the blob store. */
function desiredBy(
  kube: KubeClient,
  sealer: Sealer,
  namespace: string,
): (manifest: object, cluster: Pick<RealCluster, 'annotations' | 'spec' | 'settings'>) => Promise<DesiredObject> {
  const blobs = makeMemoryBlobStore();
  let settings: Record<string, string> = {};
  const states = makeDesiredStates({ bus: {} as Bus, blobs, sealer, kube, settings: () => settings });
  return async (manifest, cluster) => {
    settings = { ...cluster.settings };
    const text = canonicalJson({ version: 1, sourceType: 'Directory', objects: [{ manifest }] });
    const id = createHash('sha256').update(text).digest('hex');
    await blobs.put(blobScope.manifests, [{ id, bytes: Buffer.from(text) }]);
    const application: Application = {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name: instance, namespace: 'argocd', annotations: cluster.annotations },
      spec: { project: 'default', destination: { namespace }, ...cluster.spec },
    };
    const [object] = (await states.load(application, instance, id)).objects;
    if (object === undefined) throw new Error('the manifest makes no object');
    return object;
  };
}

function stepContext(cluster: RealCluster, all: readonly DesiredObject[], seen: Map<string, KubeObject | undefined>): StepContext {
  const byObject = new Map(all.map((one) => [one.object, one]));
  return {
    kube: cluster.kube,
    judge: cluster.judge,
    operation: { operation: { dryRun: cluster.isDryRun } } as unknown as OperationRecord,
    instance,
    options: applicationSyncOptions(cluster.spec.syncPolicy?.syncOptions),
    desired: (object) => byObject.get(object)!,
    live: (key) => seen.get(key),
    exists: (key) => seen.get(key) !== undefined,
    forbidden: () => undefined,
    unknownKind: () => undefined,
    isApplication: () => true,
    isDoneAndGone: () => false,
    assertOwner: () => undefined,
    observe: (object) => void seen.set(resourceKey(resourceIdOf(object)), object),
  };
}

/** As the syncer knows it from a watch. */
async function schemaOf(kube: KubeClient, object: KubeObject): Promise<number | undefined> {
  const { group, kind } = groupVersionKind(object);
  if (!group.endsWith('.plumbline.example')) return undefined;
  const info = (await kube.discover()).findKind(group, kind);
  const definition = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: `${info?.resource}.${group}` };
  return (await kube.get(definition))?.metadata.generation;
}

async function send(connection: KubeConnection, method: string, path: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/merge-patch+json', ...(await connection.headers()) };
  await new Promise<void>((resolve, reject) => {
    const sent = request(`${connection.server}${path}`, { method, headers, ...connection.tls }, (answer) => {
      answer.resume();
      const { statusCode = 0 } = answer;
      answer.on('end', () => (statusCode < 300 ? resolve() : reject(new Error(`${method} ${path}: HTTP status ${statusCode}`))));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

/** Polls until it holds; fails with what was seen last. */
export async function eventually<T>(look: () => T | Promise<T>, holds: (value: T) => boolean, timeoutMs = 20_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    if (Date.now() > end) throw new Error(`did not come true within ${timeoutMs} ms; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
