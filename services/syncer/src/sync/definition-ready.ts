import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';

/**
 * Waits until the API server serves a new kind, so that its objects can follow; for a while only: a definition that never
 * gets there fails by its objects, with their reasons (argocd-compat B029).
 */
export async function definitionsReady(definitions: readonly KubeObject[], kube: KubeClient): Promise<void> {
  if (definitions.length === 0) return;
  await Promise.all(definitions.map((definition) => established(definition, kube)));
  await kube.discover({ refresh: true });
}

async function established(definition: KubeObject, kube: KubeClient): Promise<void> {
  for (let waitedMs = 0; waitedMs < limits.definitionReadyMs; waitedMs += limits.definitionReadyPollMs) {
    const now = await kube.get(refOf(definition));
    const conditions = (now?.['status'] as { conditions?: { type?: string; status?: string }[] } | undefined)?.conditions ?? [];
    if (now === undefined || conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return;
    await sleep(limits.definitionReadyPollMs);
  }
}
