import { openDoor, api, type Door } from '@plumbline/api';
import { AppError } from '@plumbline/contracts';
import type { MemoryCluster, ObjectRef } from '@plumbline/kube';
import type { RunningService, ServiceDefinition } from '@plumbline/platform';
import { rbac, startRbac } from '@plumbline/rbac';
import { renderer, startRenderer } from '@plumbline/renderer';
import { repoWatcher, startRepoWatcher, type MirrorPlaces } from '@plumbline/repo-watcher';
import { startSyncer, syncer } from '@plumbline/syncer';
import type { Agenda } from '../time/agenda.ts';
import type { Process } from '../time/process.ts';
import { directoryEngine } from '../twins/directory-engine.ts';
import { MirrorOnDisk, type RemoteRepository } from '../twins/remote-repository.ts';
import { simulatedKube } from '../twins/simulated-kube.ts';
import { ledger } from '../sql/ledger.ts';
import { serviceContext, type Outside } from './service-context.ts';

export const definitions = [repoWatcher, renderer, syncer, rbac, api] as unknown as readonly ServiceDefinition<never>[];

export type ServiceName = 'repo-watcher' | 'renderer' | 'syncer' | 'rbac' | 'api';

/** What only some services see. */
export interface Surroundings extends Outside {
  agenda: Agenda;
  cluster: MemoryCluster;
  /** By repository id, as on a disk that outlives processes. */
  mirrors: Map<string, MirrorOnDisk>;
  remotes: readonly RemoteRepository[];
  /** The process ends itself. */
  exit(process: Process): void;
  /** Told of each deletion, when it takes effect. */
  deletes(process: Process, ref: ObjectRef): void;
}

export type Started = Pick<RunningService, 'isReady'> & { door?: Door };

/** Starts a service as its `main.ts` does, with twins for everything outside it. */
export async function startServiceIn(service: ServiceName, process: Process, surroundings: Surroundings): Promise<Started> {
  const { cluster, faults } = surroundings;
  const kube = simulatedKube(cluster, process, surroundings);
  const contextOf = <C>(own: C) => serviceContext(service, process, { outside: surroundings, own, instance: process.name });
  await contextOf({}).consume(ledger(service, process.name));
  switch (service) {
    case 'repo-watcher':
      return startRepoWatcher(contextOf({ pollIntervalMs: 30_000 }), kube, mirrorPlaces(surroundings));
    case 'renderer':
      return startRenderer(contextOf({}), directoryEngine(faults, surroundings.plant));
    case 'syncer':
      return startSyncer(contextOf({}), kube, () => surroundings.exit(process));
    case 'rbac':
      return startRbac(contextOf({}), kube, { matches: () => Promise.resolve(false), hash: (password) => Promise.resolve(`hash of ${password.length}`) });
    case 'api':
      return openDoor(contextOf({}), kube);
  }
}

function mirrorPlaces({ mirrors, remotes, faults }: Surroundings): MirrorPlaces {
  return {
    async open(repository, url) {
      const remote = remotes.find((each) => each.url === url);
      if (remote === undefined) throw new AppError('repository-unreachable', `${url} does not exist`, { retry: 'later' });
      const mirror = mirrors.get(repository) ?? new MirrorOnDisk();
      mirrors.set(repository, mirror);
      return mirror.open(remote, faults);
    },
    list: () =>
      faults.call(
        'git',
        'list mirrors',
        () => new AppError('internal', 'the disk is full (simulated)'),
        () => [...mirrors.keys()],
      ),
    remove: async (repository) => void mirrors.delete(repository),
  };
}
