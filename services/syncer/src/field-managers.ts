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
const adoptedManagers: ReadonlySet<string> = new Set(['kubectl-client-side-apply', 'kubectl', 'helm', 'Helm', 'argocd-controller']);

/** What such a tool owns of the object itself; what it owns by a subresource stays with it. */
export const isAdoptable = ({ manager = '', subresource = '' }: ManagedFieldsEntry): boolean => subresource === '' && adoptedManagers.has(manager);
