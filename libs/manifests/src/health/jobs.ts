import { at, recordsAt, textAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { conditionOf, degraded, healthy, progressing, suspended, type Health } from './status.ts';

/** B156. */
export function jobHealth(job: KubeObject): Health {
  const failed = conditionOf(job, 'Failed');
  if (failed?.status === 'True') return degraded(failed.message);
  const paused = conditionOf(job, 'Suspended');
  if (paused?.status === 'True') return suspended(paused.message);
  const complete = conditionOf(job, 'Complete');
  return complete?.status === 'True' ? healthy(complete.message) : progressing();
}

/**
 * Suspended when it says so, Degraded when its last run is known to have failed. A run that is missing is not known from
 * the status, so a CronJob that was never scheduled counts as Healthy.
 */
export function cronJobHealth(cronJob: KubeObject): Health {
  if (at(cronJob, 'spec', 'suspend') === true) return suspended('the CronJob is suspended');
  if (at(cronJob, 'status') === undefined) return progressing('the CronJob has no status yet');
  const scheduled = textAt(cronJob, 'status', 'lastScheduleTime');
  if (scheduled === undefined) return healthy('not scheduled yet');
  const succeeded = textAt(cronJob, 'status', 'lastSuccessfulTime');
  if (succeeded === undefined) return healthy('no run has succeeded yet');
  if (recordsAt(cronJob, 'status', 'active').length > 0) return healthy('a run is going on');
  if (Date.parse(succeeded) < Date.parse(scheduled)) return degraded('the last run did not succeed');
  return healthy();
}
