import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';
import { changedByPatch, clientSidePatch, isStrategic } from '../sync/client-side.ts';
import { bindsAnotherRole } from '../sync/role-binding.ts';
import { predictedPaths } from './changes.ts';
import type { Ignoring } from './ignoring.ts';
import type { Judgement } from './judge.ts';
import { isOfVersion } from './memo.ts';

/** As `kubectl diff` does it: what a client-side apply would change, as the API server says. Throws what time may change. */
export async function patchDryRun(
  desired: DesiredObject,
  watched: KubeObject,
  { kube, ignoring }: { kube: Pick<KubeClient, 'get' | 'mergePatch'>; ignoring: Ignoring },
): Promise<Judgement> {
  const { object: manifest } = desired;
  const live = isOfVersion(watched, manifest.apiVersion) ? watched : await kube.get(refOf(manifest));
  if (live === undefined) return { status: 'OutOfSync', fields: [] };
  const patch = clientSidePatch(manifest, live, await ignoring.leftToUs(desired, live));
  let answer: KubeObject;
  try {
    answer = await kube.mergePatch(refOf(manifest), patch, { fieldManager: fieldManager.objects, dryRun: true, isStrategic: isStrategic(manifest) });
  } catch (error) {
    const refusal = AppError.from(error);
    if (refusal.retry === 'later') throw refusal;
    const fields = predictedPaths(manifest, live, await ignoring.see(live, desired, live)).slice(0, limits.fieldsShownMax);
    // A binding of another role is refused as a change, and made again by the sync.
    const isRefused = desired.options.replace || !bindsAnotherRole(manifest, live);
    return { status: 'OutOfSync', fields, ...(isRefused ? { refused: refusal.message } : {}) };
  }
  const [before, after] = [await ignoring.see(live, desired, live), await ignoring.see(answer, desired, live)];
  const fields = changedByPatch(before.object, after.object, patch);
  return fields.length === 0 ? { status: 'Synced', fields } : { status: 'OutOfSync', fields: fields.slice(0, limits.fieldsShownMax) };
}
