import type { Application, ResourceResult } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { fieldManager } from '../field-managers.ts';
import { isFinal, refusalOf } from './refusal.ts';
import type { StepContext } from './step-context.ts';

/**
 * The namespace that `CreateNamespace=true` is about (argocd-compat B041): the destination's, unless the manifests bring
 * it. With `managedNamespaceMetadata` it is written at every sync, so that its labels and annotations stay what they
 * should be; without, only when it is missing. It carries no tracking: nothing ever prunes it.
 */
export function createdNamespace({ spec }: Application, has: { manifest(key: string): boolean; live(key: string): boolean }): KubeObject | undefined {
  const { namespace = '' } = spec.destination;
  const key = `/Namespace//${namespace}`;
  const metadata = spec.syncPolicy?.managedNamespaceMetadata;
  if (namespace === '' || has.manifest(key) || (metadata === undefined && has.live(key))) return undefined;
  const { labels, annotations } = metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) },
  };
}

/** Only its own labels and annotations are written: what others put there stays. */
export async function writeNamespace(namespace: KubeObject, context: StepContext): Promise<{ result: ResourceResult; answer?: KubeObject; canRetry: boolean }> {
  const { name } = namespace.metadata;
  const base = { group: '', version: 'v1', kind: 'Namespace', namespace: '', name, syncPhase: 'PreSync' as const };
  const forbidden = context.forbidden(namespace);
  if (forbidden !== undefined) return { result: { ...base, status: 'SyncFailed', message: forbidden }, canRetry: false };
  try {
    const isThere = context.exists(`/Namespace//${name}`);
    const answer = await context.kube.apply(namespace, { fieldManager: fieldManager.namespace });
    return { result: { ...base, status: 'Synced', message: `namespace/${name} ${isThere ? 'kept as it should be' : 'created'}` }, answer, canRetry: false };
  } catch (error) {
    context.assertOwner();
    const failure = AppError.from(error);
    return { result: { ...base, status: 'SyncFailed', message: refusalOf(failure) }, canRetry: !isFinal(failure) };
  }
}
