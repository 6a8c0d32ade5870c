/**
 * A manifest set as it lies in the blob store (scope `manifests`, id = SHA-256 of its canonical JSON). `manifest` is
 * the object as rendered, before anything of the application is added (namespace default, tracking); every value of a
 * Secret's `data` is sealed.
 */
export interface ManifestSet {
  version: 1;
  sourceType: 'Directory' | 'Kustomize' | 'Helm';
  objects: ManifestSetObject[];
}

export interface ManifestSetObject {
  manifest: Record<string, unknown>;
  /** Path in the repository that it came from, where the tool tells. */
  file?: string;
}

/** Blob scopes. Git objects live in a scope per repository: nothing is served to one that did not deliver it. */
export const blobScope = {
  manifests: 'manifests',
  sealedSpecs: 'sealed-specs',
  answers: 'answers',
  git: (repository: string): string => `git-${repository}`,
} as const;

/** What `describeResourceTree` leaves in the blob store: Argo CD's ApplicationTree. */
export interface ResourceTree {
  nodes: ResourceTreeNode[];
  orphanedNodes: ResourceTreeNode[];
}

export interface ResourceTreeNode {
  group: string;
  version: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
  resourceVersion: string;
  createdAt: string;
  parentRefs?: { group: string; kind: string; namespace: string; name: string; uid: string }[];
  health?: { status: string; message?: string };
  images?: string[];
  info?: { name: string; value: string }[];
}
