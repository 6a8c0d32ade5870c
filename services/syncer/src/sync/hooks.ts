import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { health, hookDeletePolicies } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';

/** A hook of an earlier run is deleted before this one is made, unless its policy says that it stays. */
export async function prepareHook(desired: DesiredObject, live: KubeObject | undefined, context: { kube: KubeClient }): Promise<void> {
  if (live === undefined || !hookDeletePolicies(desired.object).includes('BeforeHookCreation')) return;
  const ref = refOf(desired.object);
  const uid = live.metadata.uid;
  await context.kube.delete(ref, { propagationPolicy: 'Background', ...(uid === undefined ? {} : { uid }) });
  const deadline = Date.now() + limits.hookDeletionMs;
  while (Date.now() < deadline) {
    const now = await context.kube.get(ref);
    if (now === undefined || now.metadata.uid !== uid) return;
    await new Promise((resolve) => setTimeout(resolve, limits.hookDeletionPollMs));
  }
}

export type HookOutcome = 'running' | 'succeeded' | 'failed';

/** Argo CD's reading of a hook's health (argocd-compat B012). A hook that its own controller removed when done has done its work. */
export function hookOutcome(live: KubeObject | undefined): HookOutcome {
  if (live === undefined) return 'running';
  const found = health(live);
  if (found === undefined || found.status === 'Healthy') return 'succeeded';
  return found.status === 'Degraded' || found.status === 'Unknown' ? 'failed' : 'running';
}
