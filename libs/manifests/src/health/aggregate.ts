import type { ResourceId } from '../object.ts';
import { worstHealth, type Health, type HealthStatus } from './status.ts';

export interface JudgedResource extends ResourceId {
  /** Whether it is in the cluster. */
  isLive: boolean;
  /** Undefined: its kind has no health check. */
  health: Health | undefined;
}

const causesMax = 3;

/**
 * Health of an application: the worst of its live resources (B150). Missing ones don't lower it, unless nothing of the
 * application is there at all. Leave out hooks and resources that ask not to be counted (`ignoresHealth`).
 *
 * @example applicationHealth([{ group: 'apps', kind: 'Deployment', namespace: 'ns', name: 'web', isLive: true, health: { status: 'Degraded' } }])
 * // { status: 'Degraded', message: 'apps/Deployment:ns/web' }
 */
export function applicationHealth(resources: readonly JudgedResource[]): Health {
  if (resources.length > 0 && resources.every((resource) => !resource.isLive)) return { status: 'Missing' };
  const judged = resources.filter((resource): resource is JudgedResource & { health: Health } => resource.isLive && resource.health !== undefined);
  const status: HealthStatus = worstHealth(judged.map(({ health }) => health.status));
  if (status === 'Healthy') return { status };
  const causes = judged.filter(({ health }) => health.status === status);
  const named = causes.slice(0, causesMax).map(causeText).join(', ');
  return { status, message: causes.length > causesMax ? `${named} and ${causes.length - causesMax} more` : named };
}

function causeText({ group, kind, namespace, name, health }: ResourceId & { health: Health }): string {
  const what = `${group === '' ? kind : `${group}/${kind}`}:${namespace === '' ? name : `${namespace}/${name}`}`;
  return health.message === undefined ? what : `${what}: ${health.message}`;
}
