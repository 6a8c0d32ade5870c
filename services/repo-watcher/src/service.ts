/**
 * repo-watcher: knows which refs of which repositories applications follow, and says when one of them means another
 * commit. It owns the bare mirrors and the credentials; before it says that a revision was observed, all trees and blobs
 * of that revision are in the blob store.
 *
 * It never renders, never decides what a revision means for an application, and never believes a webhook: that only tells
 * it where to look. What a remote answers counts.
 */
import { join } from 'node:path';
import { ensureRevision, refreshRepository } from '@plumbline/contracts';
import { isFullRefName, openMirror } from '@plumbline/git';
import { loadConnection, makeKubeClient, type KubeClient } from '@plumbline/kube';
import { defineService, type RunningService, type ServiceContext } from '@plumbline/platform';
import { repoWatcherConfig, type RepoWatcherConfig } from './config.ts';
import { CredentialSecrets } from './credentials/credential-secrets.ts';
import { limits } from './limits.ts';
import { Mirrors, type MirrorPlaces } from './observation/mirrors.ts';
import { directoryPlaces } from './observation/mirror-directories.ts';
import { Observer } from './observation/observer.ts';
import { Polling } from './polling.ts';
import { snapshotEntity, wantedEntity } from './tables/entities.ts';
import { CreateTables1785000000000 } from './tables/migrations.ts';
import { RepositoryStreams, snapshotProjection } from './tables/repository-streams.ts';
import { WantedRefsTable, wantedRefsProjection } from './tables/wanted-refs-table.ts';

export type { MirrorPlaces } from './observation/mirrors.ts';
export type { RepoWatcherConfig } from './config.ts';

const pollQueue = 'poll-repositories';

export const repoWatcher = defineService<RepoWatcherConfig>({
  name: 'repo-watcher',
  config: repoWatcherConfig,
  entities: [wantedEntity, snapshotEntity],
  migrations: [CreateTables1785000000000],
  start: async (context) => {
    const { config, log, clock } = context;
    const kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: config.kubeconfig, env: process.env }), log, clock });
    return startRepoWatcher(context, kube, directoryPlaces(join(config.dataDir, 'mirrors'), openMirror));
  },
});

/** The running service on a given API server, with its mirrors in these places. */
export async function startRepoWatcher(context: ServiceContext<RepoWatcherConfig>, kube: KubeClient, places: MirrorPlaces): Promise<RunningService> {
  const { config, log, metrics, database, eventLog, blobs, bus, jobs } = context;
  const credentials = new CredentialSecrets({ kube, namespace: config.namespace, log, changed: () => void polling.retryUnreachable() });
  const wanted = new WantedRefsTable(database);
  const streams = new RepositoryStreams({ eventLog, database, event: (type, data, why) => context.event(type, data, why) });
  const mirrors = new Mirrors({ places, credentialsFor: (url) => credentials.find(url) });
  const observer = new Observer({ wanted, streams, mirrors, blobs, log, metrics, wantedIsComplete });
  const polling = new Polling({ queue: jobs.queue(pollQueue), intervalMs: config.pollIntervalMs, observer, wanted, streams, mirrors, log });

  await credentials.ready(limits.credentialsWaitMs);
  await context.consume(snapshotProjection());
  const consuming = context.consume(wantedRefsProjection((repositories) => void polling.wantedChanged(repositories)));
  await consuming;

  /** Nothing may be forgotten because a projection is behind or being rebuilt. */
  async function wantedIsComplete(): Promise<void> {
    const { position } = await eventLog.head();
    await (await consuming).waitFor(position, limits.projectionWaitMs);
  }

  bus.serve(refreshRepository, async ({ urls, ref }) => {
    const repositories = await wanted.at(urls);
    for (const repository of repositories) polling.lookSoon(repository, ref !== undefined && isFullRefName(ref) ? ref : undefined);
    return { repositories };
  });
  bus.serve(ensureRevision, ({ url, ref }) => observer.ensure(url, ref));
  jobs.work(pollQueue, (repository) => polling.poll(repository), { concurrency: limits.pollsAtOnce, attemptsMax: 1 });
  void polling.sweep({ refreshIntervals: true });
  const sweeping = setInterval(() => void polling.sweep(), limits.sweepMs);

  return {
    isReady: () => true,
    async stop() {
      clearInterval(sweeping);
      await credentials.stop();
      await mirrors.close();
      await observer.idle();
      await kube.close();
    },
  };
}
