import { resourceIdOf, resourceKey, managingInstance, type KubeObject } from '@plumbline/manifests';
import type { Simulation } from '../simulation.ts';
import { applicationRef, targetNamespace, type Wanted } from '../world/applications.ts';
import { isHook, wantedObjects } from '../world/manifests.ts';
import type { World } from '../world/world.ts';

type Status = {
  sync?: { status?: string; revision?: string };
  health?: { status?: string };
  operationState?: { phase?: string };
};

/** What is not yet as it should be; undefined when everything is. */
export function isConverged(simulation: Simulation, world: World): string | undefined {
  if (!simulation.isRunning()) return 'a service is not ready';
  for (const wanted of world.applications) {
    const problem = applicationProblem(simulation, world, wanted);
    if (problem !== undefined) return `${wanted.name}: ${problem}`;
  }
  return undefined;
}

function applicationProblem(simulation: Simulation, world: World, wanted: Wanted): string | undefined {
  const application = simulation.cluster.get(applicationRef(wanted.name));
  if (application === undefined) return undefined;
  if (application.metadata.deletionTimestamp !== undefined) return 'its deletion does not end';
  const status = (application['status'] ?? {}) as Status;
  if (application['operation'] !== undefined) return 'the operation that was asked for is not taken up';
  if (status.operationState?.phase === 'Running') return 'an operation does not end';
  const { head } = world.remoteOf(wanted);
  if (status.sync?.revision !== head)
    return `its status is about ${status.sync?.revision ?? 'nothing'}, not about ${head}: ${JSON.stringify(status).slice(0, 600)}`;
  return wanted.automated ? liveProblem(simulation, world, wanted, status) : undefined;
}

function liveProblem(simulation: Simulation, world: World, wanted: Wanted, status: Status): string | undefined {
  const remote = world.remoteOf(wanted);
  const desired = (wantedObjects(remote.filesAt(remote.head), wanted.path) ?? []).filter((object) => !isHook(object));
  const managed = new Map(
    simulation.cluster
      .objects()
      .filter((object) => managingInstance(object) === wanted.name && !isHook(object))
      .map((object) => [resourceKey(resourceIdOf(object)), object]),
  );
  for (const object of desired) {
    const key = resourceKey({ ...resourceIdOf(object), namespace: targetNamespace });
    const live = managed.get(key);
    if (live === undefined) return `${key} is missing`;
    managed.delete(key);
    const folded = withFoldedData(object);
    const path = firstDifference({ ...folded, metadata: {} }, { ...live, metadata: {} });
    if (path !== undefined) return `${key} differs at ${path}`;
  }
  const [extra] = managed.keys();
  if (extra !== undefined && wanted.prune) return `${extra} should be pruned; its status: ${JSON.stringify(status).slice(0, 2_500)}`;
  if (managed.size === 0 && status.sync?.status !== 'Synced') return `its sync status is ${status.sync?.status}: ${JSON.stringify(status).slice(0, 1500)}`;
  if (status.health?.status !== 'Healthy') return `its health is ${status.health?.status}`;
  return undefined;
}

function withFoldedData(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object;
  if (stringData === undefined) return object;
  const data = Object.fromEntries(Object.entries(stringData as Record<string, string>).map(([name, value]) => [name, Buffer.from(value).toString('base64')]));
  return { ...rest, data };
}

/** Where a wanted value is not found in the live one; what is live besides is somebody else's. */
function firstDifference(wanted: unknown, live: unknown, path = ''): string | undefined {
  if (typeof wanted !== 'object' || wanted === null)
    return wanted === live ? undefined : `${path} (${JSON.stringify(live)} instead of ${JSON.stringify(wanted)})`;
  if (typeof live !== 'object' || live === null) return path;
  for (const [name, value] of Object.entries(wanted)) {
    const found = firstDifference(value, (live as Record<string, unknown>)[name], `${path}/${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
