import { createHash, randomUUID } from 'node:crypto';
import { makeMemoryBlobStore, makeSealer } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import type { Application, ResourceResult, SyncOperation } from '@plumbline/contracts';
import { blobScope, canonicalJson, silentLogger } from '@plumbline/contracts';
import type { KubeClient, KubeConnection, ObjectRef } from '@plumbline/kube';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { applicationSyncOptions, resourceIdOf, resourceKey } from '@plumbline/manifests';
import type { Judge } from '../src/compare/judge.ts';
import { makeJudge } from '../src/compare/judge.ts';
import type { Memo, MemoStore } from '../src/compare/memo.ts';
import type { DesiredState } from '../src/desired/desired-object.ts';
import { unknownKind, unknownKindsOf } from '../src/desired/unknown-kinds.ts';
import { makeDesiredStates } from '../src/desired/desired-state.ts';
import type { OperationRecord } from '../src/domain/state.ts';
import { refOf } from '../src/live/object-ref.ts';
import { createdNamespace } from '../src/sync/created-namespace.ts';
import { doStep } from '../src/sync/do-step.ts';
import { desiredIndex, planOf, stepHeads, withNamedHooks } from '../src/sync/operation.ts';
import type { StepContext } from '../src/sync/step-context.ts';

export interface SyncInput {
  manifests: readonly object[];
  /** `spec.syncPolicy` … and whatever else of the spec matters. */
  spec?: Partial<Application['spec']>;
  operation?: SyncOperation;
  /** Live objects of the application that are no longer wanted. */
  prune?: readonly ObjectRef[];
  deletionApprovedAt?: string;
  forbidden?: StepContext['forbidden'];
  /** Who writes. Default: the administrator. */
  writer?: KubeClient;
}

export interface SyncOutcome {
  /** `kind/name: status message`, in order. */
  shown: string[];
  results: ResourceResult[];
  refusal?: string;
  waiting?: string;
  /** Writes that were sent: verb, kind and name; dry runs are marked. */
  sent: string[];
  judged(): Promise<Record<string, readonly string[]>>;
}

/** One application on a real API server, synced without waiting for health: what is told and written, and what comes of it. */
export interface SyncedApplication {
  kube: KubeClient;
  namespace: string;
  sync(input: SyncInput): Promise<SyncOutcome>;
  get(kind: string, name: string): Promise<KubeObject | undefined>;
  remove(): Promise<void>;
}

/** The API server that the tests talk to, as an administrator or as whom the administrator says to be. */
export async function realConnection(as?: string): Promise<KubeConnection> {
  const kubeconfigPath = process.env['TEST_KUBECONFIG'];
  if (kubeconfigPath === undefined) throw new Error('these tests need a real Kubernetes API server: set TEST_KUBECONFIG to a kubeconfig of an administrator');
  const connection = await loadConnection({ kubeconfigPath, env: {} });
  if (as === undefined) return connection;
  return { ...connection, headers: async () => ({ ...(await connection.headers()), 'Impersonate-User': as }) };
}

const instance = 'web';

export async function syncedApplication(): Promise<SyncedApplication> {
  const kube = makeKubeClient({ connection: await realConnection(), log: silentLogger });
  const namespace = `sync-${randomUUID().slice(0, 8)}`;
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const parts = partsOn(kube);
  return {
    kube,
    namespace,
    async sync(input) {
      const spec = { project: 'default', destination: { namespace }, ...input.spec };
      const application = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata: { name: instance, namespace: 'argocd' }, spec } as Application;
      const operation = operationOf({ prune: true, ...input.operation }, input.operation?.syncOptions ?? spec.syncPolicy?.syncOptions);
      const desired = withNamedHooks(await parts.load(application, input.manifests), operation);
      const sent: string[] = [];
      const outcome = await synced({ application, operation, desired, input, kube: recording(input.writer ?? kube, sent) }, parts);
      const judged = async (): Promise<Record<string, readonly string[]>> => {
        const now = await lookedUp(
          kube,
          desired.objects.map(({ object }) => object),
        );
        const all = [...desired.byKey.values()];
        return Object.fromEntries(
          await Promise.all(all.map(async (one) => [one.object.metadata.name, (await parts.judge.judge(one, now.get(one.key), false)).fields] as const)),
        );
      };
      const shown = outcome.results.map(({ kind, name, status, message }) => `${kind}/${name}: ${status} ${message}`);
      return { ...outcome, sent, shown, judged };
    },
    async get(kind, name) {
      const info = (await kube.discover()).kinds.find((one) => one.kind === kind && one.preferred);
      return info === undefined ? undefined : kube.get({ ...info, name, ...(info.namespaced ? { namespace } : {}) });
    },
    async remove() {
      await parts.judge.stop();
      await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: namespace });
      await kube.close();
    },
  };
}

interface Parts {
  kube: KubeClient;
  judge: Judge;
  load(application: Application, manifests: readonly object[]): Promise<DesiredState>;
}

function partsOn(kube: KubeClient): Parts {
  const sealer = makeSealer(Buffer.alloc(32));
  const blobs = makeMemoryBlobStore();
  const states = makeDesiredStates({ bus: {} as Bus, blobs, sealer, kube });
  const kept = new Map<string, Memo>();
  const memos: MemoStore = { get: (key) => kept.get(key), set: (key, memo) => void kept.set(key, memo), delete: (key) => void kept.delete(key) };
  return {
    kube,
    judge: makeJudge({ kube, memos, clock: Date.now, keyedHash: sealer.keyedHash }),
    async load(application, manifests) {
      const text = canonicalJson({ version: 1, sourceType: 'Directory', objects: manifests.map((manifest) => ({ manifest })) });
      const id = createHash('sha256').update(text).digest('hex');
      await blobs.put(blobScope.manifests, [{ id, bytes: Buffer.from(text) }]);
      await kube.discover({ refresh: true });
      return states.load(application, instance, id);
    },
  };
}

interface Sync {
  application: Application;
  operation: OperationRecord;
  desired: DesiredState;
  input: SyncInput;
  /** Writes go through it. */
  kube: KubeClient;
}

/** The steps one after the other, until one fails or waits. */
async function synced(sync: Sync, parts: Parts): Promise<Pick<SyncOutcome, 'results' | 'refusal' | 'waiting'>> {
  const { application, desired, input } = sync;
  const live = await lookedUp(
    parts.kube,
    desired.objects.map(({ object }) => object),
  );
  const pruned = await lookedUp(parts.kube, input.prune ?? []);
  const { steps } = planOf(sync.operation, desired, [...pruned.values()]);
  const operation = { ...sync.operation, steps: stepHeads(steps) };
  const context = await contextOf({ ...sync, operation }, live, parts);
  const has = { manifest: (key: string) => desired.byKey.has(key), live: context.exists };
  const namespace = context.options.createNamespace ? createdNamespace(application, has) : undefined;
  const results: ResourceResult[] = [];
  for (const [index, step] of steps.entries()) {
    const begin = { steps, namespace, isRehearsed: false, rehearsed: () => undefined };
    const outcome = await doStep(step, begin, { ...context, operation: { ...operation, stepsCompleted: index } });
    results.push(...outcome.results);
    const { refusal, waiting } = outcome;
    if (refusal !== undefined) return { results, refusal };
    if (waiting !== undefined) return { results, waiting };
    if (outcome.results.some(({ status }) => status === 'SyncFailed')) break;
  }
  return { results };
}

async function contextOf({ application, operation, desired, input, kube }: Sync, live: Map<string, KubeObject>, parts: Parts): Promise<StepContext> {
  const options = applicationSyncOptions(operation.operation.syncOptions);
  const unknown = unknownKindsOf(desired, await parts.kube.discover(), new Set());
  const { namespace = '' } = application.spec.destination;
  const isHome = namespace !== '' && (await parts.kube.get({ group: '', version: 'v1', kind: 'Namespace', name: namespace })) !== undefined;
  return {
    kube,
    judge: parts.judge,
    operation,
    instance,
    options,
    ...(input.deletionApprovedAt === undefined ? {} : { deletionApprovedAt: input.deletionApprovedAt }),
    desired: desiredIndex(desired, options),
    live: (key) => live.get(key),
    exists: (key) => live.has(key) || (isHome && key === `/Namespace//${namespace}`),
    forbidden: input.forbidden ?? (() => undefined),
    unknownKind: (object) => unknownKind({ object }, unknown),
    isApplication: () => true,
    isDoneAndGone: () => false,
    assertOwner: () => undefined,
    observe: (object) => void live.set(resourceKey(resourceIdOf(object)), object),
  };
}

function operationOf(operation: SyncOperation, syncOptions: string[] | undefined): OperationRecord {
  return {
    operationId: randomUUID(),
    trigger: 'manual',
    revision: '0123456789abcdef',
    manifestSet: 'set',
    specHash: 'spec',
    operation: { ...operation, ...(syncOptions === undefined ? {} : { syncOptions }) },
    retryLimit: 0,
    backoff: { durationMs: 1, factor: 1, maxDurationMs: 1 },
    phase: 'Running',
    attempt: 0,
    steps: [],
    onFailure: [],
    stepsCompleted: 0,
    results: [],
    requestedAt: new Date().toISOString(),
    message: '',
  };
}

async function lookedUp(kube: KubeClient, wanted: readonly (KubeObject | ObjectRef)[]): Promise<Map<string, KubeObject>> {
  const found = new Map<string, KubeObject>();
  const discovery = await kube.discover();
  for (const one of wanted) {
    const ref = 'metadata' in one ? refOf(one) : one;
    if (ref.name === '' || discovery.find(ref.group, ref.version, ref.kind) === undefined) continue;
    const object = await kube.get(ref);
    if (object !== undefined) found.set(resourceKey(resourceIdOf(object)), object);
  }
  return found;
}

function recording(kube: KubeClient, sent: string[]): KubeClient {
  const note = (verb: string, { kind, name }: { kind: string; name: string }, isDryRun = false): void =>
    void sent.push(`${verb} ${kind}/${name}${isDryRun ? ' (dry run)' : ''}`);
  const named = ({ kind, metadata }: KubeObject): { kind: string; name: string } => ({ kind, name: metadata.name });
  return {
    discover: (options) => kube.discover(options),
    get: (ref) => kube.get(ref),
    list: (kind, options) => kube.list(kind, options),
    watch: (options) => kube.watch(options),
    close: () => kube.close(),
    create: (object, options) => (note('create', named(object), options?.dryRun), kube.create(object, options)),
    apply: (object, options) => (note('apply', named(object), options.dryRun), kube.apply(object, options)),
    replace: (object, options) => (note('replace', named(object), options.dryRun), kube.replace(object, options)),
    mergePatch: (ref, patch, options) => (note('patch', ref, options.dryRun), kube.mergePatch(ref, patch, options)),
    delete: (ref, options) => (
      note(`delete${options?.propagationPolicy === undefined ? '' : ` ${options.propagationPolicy}`}`, ref),
      kube.delete(ref, options)
    ),
  };
}
