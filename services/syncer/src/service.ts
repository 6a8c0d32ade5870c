import { AppError, blobScope, canonicalJson, describeResourceTree } from '@plumbline/contracts';
import type { KindInfo, KubeClient } from '@plumbline/kube';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { RunningService, ServiceContext } from '@plumbline/platform';
import { managingInstance } from '@plumbline/manifests';
import { defineService, sqlOf } from '@plumbline/platform';
import type { Folded } from './applications/application-log.ts';
import { Applications } from './applications/applications.ts';
import { applicationsProjection, readApplications } from './applications/projection.ts';
import { makeJudge } from './compare/judge.ts';
import type { MemoStore } from './compare/memo.ts';
import { makeMemoTable } from './compare/memo-table.ts';
import { schemaGeneration } from './compare/schemas.ts';
import { makeDesiredStates } from './desired/desired-state.ts';
import type { SyncerConfig } from './config.ts';
import { syncerVariables } from './config.ts';
import { limits } from './limits.ts';
import type { Cluster, ClusterListener } from './live/cluster.ts';
import { makeCluster } from './live/cluster.ts';
import { makeLateWrites } from './live/late-writes.ts';
import type { Lease } from './live/lease.ts';
import { fencedLog, makeLease } from './live/lease.ts';
import { migrations } from './migrations.ts';
import type { ReconcileContext } from './reconcile/context.ts';
import type { MovedRepositories } from './reconcile/moved-repository.ts';
import { makeMovedRepositories } from './reconcile/moved-repository.ts';
import { reconcile } from './reconcile/reconcile.ts';
import type { Subscriptions } from './reconcile/subscriptions.ts';
import type { Entry } from './reconcile/entry.ts';
import { declaredState, noteLateWrite } from './reconcile/entry.ts';
import { makeSubscriptions } from './reconcile/subscriptions.ts';
import { makeSweep } from './reconcile/sweep.ts';
import { makeWakeups } from './reconcile/wakeups.ts';
import type { WorkQueue } from './reconcile/work-queue.ts';
import { makeWorkQueue } from './reconcile/work-queue.ts';
import type { Settings } from './settings/settings.ts';
import { watchSettings } from './settings/settings.ts';
import type { StatusWriterOptions } from './status/status-writer.ts';
import { makeStatusWriter } from './status/status-writer.ts';
import { resourceTree } from './tree/resource-tree.ts';
import type { World, WorldChange, WorldProjection } from './world/world.ts';
import { makeWorld } from './world/world.ts';

/**
 * Applications, their comparison with the cluster, their health and their syncs. Owns the `application-` streams, one
 * cluster's live state (by a lease) and the `.status` of Applications.
 */
export const syncer = defineService({
  name: 'syncer',
  config: syncerVariables,
  migrations,
  blobCacheBytesMax: limits.blobCacheBytesMax,
  start: async (context) => {
    const { config, log, clock } = context;
    const connection = await loadConnection({ ...(config.kubeconfig === undefined ? {} : { kubeconfigPath: config.kubeconfig }), env: process.env });
    return startSyncer(context, makeKubeClient({ connection, log, clock }), () => process.kill(process.pid, 'SIGTERM'));
  },
});

/** The running service on a given API server. `onLost`: another instance owns the cluster; this process has to end. */
export async function startSyncer(context: ServiceContext<SyncerConfig>, kube: KubeClient, onLost: () => void): Promise<RunningService> {
  const { log, clock, config, jobs } = context;
  const database = sqlOf(context.database);
  const lease = makeLease('in-cluster', config.instance, context.leases, { clock, log, onLost });
  await lease.acquire();
  const memos = makeMemoTable(database, log);
  await memos.load();

  const [subscriptions, world] = [makeSubscriptions(), makeWorld()];
  const known = await caughtUp(context, world);
  const lateWrites = makeLateWrites(clock, (object, write) => {
    const entry = applications.byInstance(managingInstance(object) ?? '');
    if (entry !== undefined) noteLateWrite(entry, { ...write, epoch: lease.fence().epoch }, log);
  });
  const cluster = makeCluster({
    kube: lateWrites.client(kube),
    log,
    ...(config.namespaces === undefined ? {} : { namespaces: config.namespaces }),
    clock,
    isExcluded: (group, kind) => settings.watched().isExcluded(group, kind),
    listener: {
      observed: (before, after) => lateWrites.changed(before, after),
      changed: (whom) => wakeForObject(whom, applications, queue),
      kindsChanged: () => wakeForKinds({ applications, cluster, queue }),
      failing: (kind, isFailing) => wakeForKind(kind, isFailing, { applications, cluster, queue, metrics: context.metrics }),
    },
  });
  const controlNamespace = config.namespace;
  const written: StatusWriterOptions['written'] = (entry, resource) => applications.written(entry, resource);
  const statusWriter = makeStatusWriter({ kube, clock, log, controlNamespace, assertOwner: () => lease.assert(), written });
  const queue: WorkQueue = makeWorkQueue({ ...reconcileLimits, log, work: (key) => reconcileKey(key, applications, reconciling) });
  const applications: Applications = new Applications({
    kube,
    log,
    controlNamespace,
    known,
    wake: (key) => queue.wake(key),
    logOptions: { log: fencedLog(context.eventLog, lease), event: (type, data, why) => context.event(type, data, why), now: clock },
  });
  // Nothing is compared before the installation's rules are known: what they ignore would be drift.
  const begin = (): void => beginWith(cluster, applications, queue);
  const settings = watchSettings({ kube, namespace: config.namespace, log, changed: begin });
  const reconciling: ReconcileContext = reconcileContext(context, {
    kube,
    settings,
    namespaces: config.namespaces,
    cluster,
    memos,
    lease,
    world: world.world,
    subscriptions,
    applications,
    wake: (entry) => queue.wake(entry.key),
    statusChanged: (entry) => statusWriter.changed(entry),
  });
  jobs.work(wakeupQueue, async (key) => queue.wake(key), { concurrency: 4 });
  const sweep = makeSweep({ applications, wakeups: reconciling.wakeups, wake: (key) => queue.wake(key), everyMs: limits.sweepMs });
  const { desired } = reconciling;
  const movedRepositories = makeMovedRepositories({ applications, subscriptions, desired, world: world.world, kube, log, wake: (key) => queue.wake(key) });
  world.listen((change) => wakeFor(change, applications, movedRepositories, queue));
  serveResourceTree(context, applications, cluster);

  return {
    isReady: () => applications.hasSynced() && lease.isHeld(),
    async stop() {
      // What looks and decides first, then what it works with.
      sweep.stop();
      for (const part of [settings, applications, queue, statusWriter, cluster]) await part.stop();
      await Promise.all([memos.stop(), reconciling.judge.stop()]);
      await lease.stop();
      await kube.close();
    },
  };
}

const reconcileLimits = { concurrency: limits.reconcilesMax, retryMs: limits.reconcileRetryMs, retryMsMax: limits.reconcileRetryMsMax };

async function reconcileKey(key: string, applications: Applications, context: ReconcileContext): Promise<void> {
  const entry = applications.get(key);
  if (entry === undefined) return;
  await reconcile(entry, context);
  if (entry.log.state.status === 'deleted') applications.forget(entry);
}

const wakeupQueue = 'application-wakeups';

/** Both projections at the head of the log; answers the streams of applications. */
async function caughtUp(context: ServiceContext, world: WorldProjection): Promise<Map<string, Folded>> {
  const own = await context.consume(applicationsProjection);
  const others = await context.consume(world.consumer);
  const { position } = await context.eventLog.head();
  await Promise.all([own.waitFor(position, limits.catchUpMs), others.waitFor(position, limits.catchUpMs)]);
  return context.transaction((tx) => readApplications(tx));
}

function wakeFor(change: WorldChange, applications: Applications, repositories: MovedRepositories, queue: WorkQueue): void {
  if (change.kind === 'repository') repositories.moved(change.repository, change.correlation);
  else for (const entry of applications.byProject(change.name)) queue.wake(entry.key);
}

/** The installation's settings are known, or others than before: everything is looked at in their light. */
function beginWith(cluster: Cluster, applications: Applications, queue: WorkQueue): void {
  cluster.exclusionsChanged();
  applications.start();
  for (const entry of applications.all()) queue.wake(entry.key);
}

function wakeForObject(whom: Parameters<ClusterListener['changed']>[0], applications: Applications, queue: WorkQueue): void {
  const key = 'key' in whom ? whom.key : applications.byInstance(whom.instance)?.key;
  if (key !== undefined) queue.wake(key);
}

interface KindListeners {
  applications: Applications;
  cluster: Cluster;
  queue: WorkQueue;
}

/** What could not be compared may be comparable now; and of an API that can't be reached any more nothing is known. */
function wakeForKinds({ applications, cluster, queue }: KindListeners): void {
  const away = cluster.state.unavailableGroups().map((group) => `${group}/`);
  for (const entry of applications.all()) {
    const isInDoubt = declaredState(entry)?.failure !== undefined || (entry.doubtedKinds?.size ?? 0) + (entry.unknownKinds?.size ?? 0) > 0;
    if (isInDoubt || away.some((prefix) => hasSome(entry, prefix, cluster))) queue.wake(entry.key);
  }
}

/** The list of a kind fails, or works again: those that want or have objects of it look, and those that did without some. */
function wakeForKind({ group, kind }: KindInfo, isFailing: boolean, listeners: KindListeners & Pick<ServiceContext, 'metrics'>): void {
  const { applications, cluster, queue, metrics } = listeners;
  metrics.gauge('kind_list_failing', Number(isFailing), { group, kind });
  for (const entry of applications.all()) if (hasSome(entry, `${group}/${kind}/`, cluster)) queue.wake(entry.key);
  wakeForKinds(listeners);
}

/** Whether it wants or has objects whose keys begin so. */
const hasSome = (entry: Entry, prefix: string, cluster: Cluster): boolean =>
  [...entry.wanted, ...cluster.managedBy(entry.instance)].some((key) => key.startsWith(prefix));

interface Parts {
  kube: KubeClient;
  settings: Settings;
  namespaces: readonly string[] | undefined;
  cluster: Cluster;
  memos: MemoStore;
  lease: Lease;
  world: World;
  subscriptions: Subscriptions;
  applications: Applications;
  wake: ReconcileContext['wake'];
  statusChanged: ReconcileContext['statusChanged'];
}

function reconcileContext(context: ServiceContext, parts: Parts): ReconcileContext {
  const { bus, blobs, sealer, log, metrics, clock } = context;
  const { kube, settings, cluster, memos, lease, world, subscriptions, applications, statusChanged } = parts;
  return {
    bus,
    blobs,
    sealer,
    settings: () => settings.data(),
    namespaces: parts.namespaces,
    cluster,
    judge: makeJudge({
      kube,
      memos,
      clock,
      keyedHash: (value) => sealer.keyedHash(value),
      schemaOf: async (object) => schemaGeneration(object, await cluster.kube.discover(), cluster.state),
      onDryRun: () => metrics.count('dry_runs_total'),
    }),
    desired: makeDesiredStates({ bus, blobs, sealer, kube, settings: () => settings.data(), watched: () => settings.watched() }),
    world,
    log,
    clock,
    isApplication: (instance) => applications.byInstance(instance) !== undefined,
    assertOwner: () => lease.assert(),
    wakeups: makeWakeups({ queue: context.jobs.queue(wakeupQueue), clock, log }),
    wake: parts.wake,
    follows: (entry, repository) => subscriptions.follow(entry.key, repository),
    followers: (repository) => subscriptions.count(repository),
    statusChanged,
  };
}

/** Live state below an application, for api; the answer may be big and goes by the blob store. */
function serveResourceTree({ bus, blobs, sealer }: ServiceContext, applications: Applications, cluster: Cluster): void {
  bus.serve(describeResourceTree, async ({ namespace, name }) => {
    const entry = applications.get(`${namespace}/${name}`);
    if (entry === undefined) throw new AppError('not-found', `application ${namespace}/${name} does not exist`);
    const tree = canonicalJson(resourceTree(new Set([...entry.wanted, ...cluster.managedBy(entry.instance)]), cluster, limits.treeNodesMax));
    const blob = sealer.keyedHash(tree);
    await blobs.put(blobScope.answers, [{ id: blob, bytes: Buffer.from(tree) }]);
    return { blob };
  });
}
