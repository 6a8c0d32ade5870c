import { resourceRefKey } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { goesByItself } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import type { Comparison } from '../domain/state.ts';

/**
 * Jobs that were seen to have succeeded and that their `ttlSecondsAfterFinished` may have removed since, by key, with the
 * hash of their manifest: as long as that is wanted, nothing is missing (U15). The log remembers them.
 */
export type FinishedJobs = ReadonlyMap<string, string>;

export function finishedJobs(comparison: Comparison | undefined): FinishedJobs {
  const finished = new Map<string, string>();
  for (const resource of comparison?.resources ?? []) if (resource.finished !== undefined) finished.set(resourceRefKey(resource), resource.finished);
  return finished;
}

/** It has done what this very manifest asks for, and is gone. */
export const isDoneAndGone = ({ key, hash }: DesiredObject, live: KubeObject | undefined, finished: FinishedJobs): boolean =>
  live === undefined && finished.get(key) === hash;

/** It has succeeded, and goes by itself; its health says otherwise while it goes. */
export function hasFinished(live: KubeObject): boolean {
  const { conditions = [] } = (live['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  return goesByItself(live) && conditions.some(({ type, status }) => type === 'Complete' && status === 'True');
}
