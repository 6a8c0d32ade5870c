import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { ownersOf } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';
import { changeBetween, predictedPaths } from './changes.ts';
import type { Ignoring } from './ignoring.ts';
import type { Judgement } from './judge.ts';
import { isOfVersion } from './memo.ts';

/**
 * What applying the manifest would change, as the API server says. Throws only what time may change (`retry: 'later'`); a
 * manifest that the server refuses is out of sync, with a difference that is foretold without it.
 */
export async function dryRun(
  desired: DesiredObject,
  watched: KubeObject,
  { kube, ignoring }: { kube: Pick<KubeClient, 'apply' | 'get'>; ignoring: Ignoring },
): Promise<Judgement> {
  const { object: manifest } = desired;
  // Paths and values of two versions can't be held against each other.
  const live = isOfVersion(watched, manifest.apiVersion) ? watched : await kube.get(refOf(manifest));
  if (live === undefined) return { status: 'OutOfSync', fields: [] };
  const options = { fieldManager: fieldManager.objects, dryRun: true, fieldValidation: desired.options.validate ? ('Strict' as const) : ('Ignore' as const) };
  let answer: KubeObject;
  try {
    answer = await kube.apply(await ignoring.asHandedOver(desired, live), options);
  } catch (error) {
    const refusal = AppError.from(error);
    if (refusal.retry === 'later') throw refusal;
    return { ...explained(live, predictedPaths(manifest, live, await ignoring.see(live, desired, live)), []), refused: refusal.message };
  }
  const seen = { live: await ignoring.see(live, desired, live), answer: await ignoring.see(answer, desired, live) };
  const { fields, ignored } = changeBetween({ desired, live, answer }, seen);
  if (fields.length > 0) return explained(live, fields, ignored);
  return { status: 'Synced', fields: [], ...(ignored.length === 0 ? {} : { ignored }) };
}

function explained(live: KubeObject, fields: readonly string[], ignored: NonNullable<Judgement['ignored']>): Judgement {
  const shown = fields.slice(0, limits.fieldsShownMax);
  const owners = ownersOf(live, shown).map((all) => all.slice(0, limits.ownersShownMax));
  return { status: 'OutOfSync', fields: shown, owners, ...(ignored.length === 0 ? {} : { ignored }) };
}
