import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';

/** Deletes an object that is about to be made again under the same name, and waits until it is gone. */
export async function deleteAndWait(live: KubeObject, kube: KubeClient): Promise<void> {
  const ref = refOf(live);
  const { uid } = live.metadata;
  await kube.delete(ref, { propagationPolicy: 'Background', ...(uid === undefined ? {} : { uid }) });
  for (let waitedMs = 0; waitedMs < limits.deletionMs; waitedMs += limits.deletionPollMs) {
    const now = await kube.get(ref);
    if (now === undefined || now.metadata.uid !== uid) return;
    await sleep(limits.deletionPollMs);
  }
  throw new AppError('unavailable', `the one before is still being deleted after ${limits.deletionMs / 1000} s: look at its finalizers`, { retry: 'later' });
}
