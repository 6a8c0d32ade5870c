import type { KubeObject } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import type { DesiredObject } from '../desired/desired-object.ts';
import { comparison } from '../domain/testdata/examples.ts';
import { finishedJobs, hasFinished, isDoneAndGone } from './finished-jobs.ts';

const job = (spec: object, condition?: string, deletionTimestamp?: string): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'once', namespace: 'shop', ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
  spec,
  status: { conditions: condition === undefined ? [] : [{ type: condition, status: 'True' }] },
});
const ttl = { ttlSecondsAfterFinished: 60 };

test.each<[string, KubeObject, boolean]>([
  ['that succeeded and goes by itself', job(ttl, 'Complete'), true],
  // Its health is Progressing then.
  ['that is on its way out', job(ttl, 'Complete', '2030-01-01T00:00:00Z'), true],
  ['that stays', job({}, 'Complete'), false],
  ['that failed', job(ttl, 'Failed'), false],
  ['that runs', job(ttl), false],
])('whether a Job has finished for good: one %s', (_what, live, expected) => expect(hasFinished(live)).toBe(expected));

test('what the log remembers counts for the same manifest, once the Job is gone', () => {
  const ref = { group: 'batch', version: 'v1', kind: 'Job', namespace: 'shop', name: 'once', status: 'Synced' as const };
  const finished = finishedJobs(
    comparison('r1', [
      { ...ref, finished: 'hash-1' },
      { ...ref, name: 'other' },
    ]),
  );
  const desired = (hash: string, name = 'once') => ({ key: `batch/Job/shop/${name}`, hash }) as DesiredObject;
  expect(isDoneAndGone(desired('hash-1'), undefined, finished)).toBe(true);
  expect(isDoneAndGone(desired('hash-1'), job(ttl, 'Complete'), finished)).toBe(false);
  expect(isDoneAndGone(desired('hash-2'), undefined, finished)).toBe(false);
  expect(isDoneAndGone(desired('hash-1', 'other'), undefined, finished)).toBe(false);
  expect(finishedJobs(undefined).size).toBe(0);
});
