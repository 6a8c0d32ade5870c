import type { ApplicationDestination, ObjectMeta } from './application.ts';

export interface GroupKind {
  group: string;
  kind: string;
  /** Cluster-scoped lists only: glob, empty = any. */
  name?: string;
}

export interface ProjectRole {
  name: string;
  description?: string;
  policies?: string[];
  groups?: string[];
}

/** Kept as written; opening and closing them is the next issues' work, refusing what is malformed is rbac's. */
export interface SyncWindow {
  kind?: 'allow' | 'deny';
  schedule?: string;
  duration?: string;
  applications?: string[];
  namespaces?: string[];
  clusters?: string[];
  manualSync?: boolean;
  timeZone?: string;
}

/** `AppProject` (argoproj.io/v1alpha1) `.spec`. Unknown fields are kept. */
export interface AppProjectSpec {
  description?: string;
  sourceRepos?: string[];
  destinations?: ApplicationDestination[];
  /** Empty or absent = no cluster-scoped object is allowed. */
  clusterResourceWhitelist?: GroupKind[];
  clusterResourceBlacklist?: GroupKind[];
  /** Absent = every namespaced kind; `[]` = none. */
  namespaceResourceWhitelist?: GroupKind[];
  namespaceResourceBlacklist?: GroupKind[];
  roles?: ProjectRole[];
  syncWindows?: SyncWindow[];
  sourceNamespaces?: string[];
}

export interface AppProject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec: AppProjectSpec;
}
