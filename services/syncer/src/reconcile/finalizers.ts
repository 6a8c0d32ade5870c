import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { fieldManager } from '../field-managers.ts';
import type { Entry } from './entry.ts';

const triesMax = 3;

/**
 * Writes the finalizers of the Application if `change` makes others of them. That nobody else wrote it meanwhile is a
 * precondition, so that what somebody added isn't lost; then it is looked at again. Nothing when it is gone.
 */
export async function changeFinalizers(entry: Entry, change: (finalizers: readonly string[]) => readonly string[], kube: KubeClient): Promise<void> {
  const { namespace, name, uid } = entry.log.id;
  const ref = { group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace, name };
  let { resourceVersion, finalizers = [] } = entry.resource.metadata;
  for (let tries = 1; ; tries++) {
    const changed = change(finalizers);
    if (changed === finalizers) return;
    const metadata = { finalizers: changed, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    try {
      await kube.mergePatch(ref, { metadata }, { fieldManager: fieldManager.status });
      return;
    } catch (error) {
      const { code } = AppError.from(error);
      if (code === 'not-found') return;
      if (code !== 'conflict' || tries >= triesMax) throw error;
    }
    const now = await kube.get(ref);
    if (now?.metadata.uid !== uid) return;
    ({ resourceVersion, finalizers = [] } = now.metadata);
  }
}

export const removeFinalizers = (entry: Entry, isMeant: (finalizer: string) => boolean, kube: KubeClient): Promise<void> =>
  changeFinalizers(entry, (finalizers) => (finalizers.some(isMeant) ? finalizers.filter((name) => !isMeant(name)) : finalizers), kube);
