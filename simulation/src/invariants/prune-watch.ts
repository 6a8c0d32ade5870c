import type { ApplicationEvent, RecordedEvent } from '@plumbline/contracts';
import type { ObjectRef } from '@plumbline/kube';
import { managingInstance } from '@plumbline/manifests';
import type { Simulation } from '../simulation.ts';
import { applicationRef } from '../world/applications.ts';
import { isHook, wantedObjects } from '../world/manifests.ts';
import type { World } from '../world/world.ts';
import { readLog } from './log-invariants.ts';

/**
 * Looks at each deletion that a syncer asks for, at the moment it happens: the object must be one that the revision which
 * is being synced does not have, or its application must be on its way out.
 */
export function prunedWrongly(simulation: Simulation, world: World, ref: ObjectRef): string | undefined {
  const object = simulation.cluster.get(ref);
  const instance = object === undefined ? undefined : managingInstance(object);
  if (object === undefined || instance === undefined || isHook(object)) return undefined;
  const application = simulation.cluster.get(applicationRef(instance));
  if (application === undefined || application.metadata.deletionTimestamp !== undefined) return undefined;
  const wanted = world.applications.find(({ name }) => name === instance);
  if (wanted === undefined) return undefined;
  const requested = readLog(simulation.databases).findLast((event) => isRequestOf(event, application.metadata.uid ?? '')) as
    | (RecordedEvent & Extract<ApplicationEvent, { type: 'SyncRequested' }>)
    | undefined;
  const what = `${ref.kind} ${ref.name} of ${instance}`;
  if (requested === undefined) return `${what} was pruned and no sync was ever requested`;
  const remote = world.remoteOf(wanted);
  const objects = wantedObjects(remote.filesAt(requested.data.revision), wanted.path);
  if (objects === undefined) return `${what} was pruned by a revision that can't be rendered`;
  const isWanted = objects.some(({ kind, metadata }) => kind === ref.kind && metadata.name === ref.name);
  return isWanted ? `${what} was pruned although revision ${requested.data.revision} has it` : undefined;
}

const isRequestOf = (event: RecordedEvent, uid: string): boolean => event.type === 'SyncRequested' && event.stream.endsWith(`/${uid}`);
