import type { ManagedFieldsEntry } from '@plumbline/manifests';

/** Names under which Plumbline owns fields (architecture, "Difference"). */
export const fieldManager = {
  objects: 'plumbline',
  namespace: 'plumbline-namespace',
  status: 'plumbline-status',
  /** Keeps a field as it is when it leaves the manifest to somebody else. */
  handover: 'plumbline-handover',
} as const;

/** Tools whose objects become ours when an application has them in its manifests: kubectl apply, Helm, Argo CD. */
const adoptedManagers: ReadonlySet<string> = new Set(['kubectl-client-side-apply', 'kubectl-create', 'kubectl', 'helm', 'argocd-controller']);

/**
 * What such a tool, or one that the Application names, owns of the object itself; what it owns by a subresource stays with
 * it. `adopts`: false where nothing is adopted.
 */
export const isAdoptable = ({ manager = '', subresource = '' }: ManagedFieldsEntry, adopts: readonly string[] | false): boolean =>
  adopts !== false && subresource === '' && (adoptedManagers.has(manager) || adopts.includes(manager));

/** What we wrote otherwise than by server-side apply: client-side, or replacing the whole object. */
export const isOwnUpdate = ({ manager, operation, subresource = '' }: ManagedFieldsEntry): boolean =>
  manager === fieldManager.objects && operation === 'Update' && subresource === '';
