import type { BlobStore, Sealer } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import type { Clock, Logger } from '@plumbline/contracts';
import type { Data } from '@plumbline/kube';
import type { Judge } from '../compare/judge.ts';
import type { DesiredStates } from '../desired/desired-state.ts';
import type { Cluster } from '../live/cluster.ts';
import type { World } from '../world/world.ts';
import type { Entry } from './entry.ts';
import type { Wakeups } from './wakeups.ts';

/** What the events of a reconcile say about their origin. */
export interface Why {
  correlation?: string;
}

/** What a reconcile works with; the composition root makes it. */
export interface ReconcileContext {
  bus: Bus;
  blobs: BlobStore;
  sealer: Sealer;
  /** The data of the ConfigMap argocd-cm as it now is: a change of it wakes every application. */
  settings(): Data;
  cluster: Cluster;
  /** The namespaces that are watched; undefined: all. */
  namespaces: readonly string[] | undefined;
  judge: Judge;
  desired: DesiredStates;
  world: World;
  log: Logger;
  clock: Clock;
  isApplication(instance: string): boolean;
  /** Throws when this process may not write to the cluster any more. */
  assertOwner(): void;
  wakeups: Wakeups;
  /** Repository and ref that the application now follows. */
  follows(entry: Entry, repository: string | undefined): void;
  /** How many applications follow a repository. */
  followers(repository: string): number;
  /** Look at it again: what came while an operation ran was not decided on. */
  wake(entry: Entry): void;
  /** The status may have changed. */
  statusChanged(entry: Entry): void;
}
