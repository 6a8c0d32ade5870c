/**
 * The `Application` resource (argoproj.io/v1alpha1) as far as this version reads it. Unknown fields are kept as they
 * are: users have them, and later versions read them. Field meanings: Argo CD's operator manual.
 */
export interface HelmParameter {
  name: string;
  value: string;
  forceString?: boolean;
}

export interface HelmSource {
  valueFiles?: string[];
  parameters?: HelmParameter[];
  fileParameters?: { name: string; path: string }[];
  releaseName?: string;
  values?: string;
  valuesObject?: Record<string, unknown>;
  ignoreMissingValueFiles?: boolean;
  skipCrds?: boolean;
  skipTests?: boolean;
  skipSchemaValidation?: boolean;
  namespace?: string;
  kubeVersion?: string;
  apiVersions?: string[];
  version?: string;
  passCredentials?: boolean;
}

export interface KustomizeSource {
  namePrefix?: string;
  nameSuffix?: string;
  images?: string[];
  commonLabels?: Record<string, string>;
  commonAnnotations?: Record<string, string>;
  forceCommonLabels?: boolean;
  forceCommonAnnotations?: boolean;
  labelWithoutSelector?: boolean;
  labelIncludeTemplates?: boolean;
  commonAnnotationsEnvsubst?: boolean;
  namespace?: string;
  replicas?: { name: string; count: number | string }[];
  patches?: { path?: string; patch?: string; target?: Record<string, string>; options?: Record<string, boolean> }[];
  components?: string[];
  ignoreMissingComponents?: boolean;
  version?: string;
  kubeVersion?: string;
  apiVersions?: string[];
}

export interface DirectorySource {
  recurse?: boolean;
  include?: string;
  exclude?: string;
  disableExtensionFilter?: boolean;
}

export interface ApplicationSource {
  repoURL: string;
  path?: string;
  targetRevision?: string;
  chart?: string;
  ref?: string;
  name?: string;
  helm?: HelmSource;
  kustomize?: KustomizeSource;
  directory?: DirectorySource;
  plugin?: Record<string, unknown>;
}

export interface ApplicationDestination {
  server?: string;
  name?: string;
  namespace?: string;
}

export interface IgnoreDifference {
  group?: string;
  kind: string;
  name?: string;
  namespace?: string;
  jsonPointers?: string[];
  jqPathExpressions?: string[];
  managedFieldsManagers?: string[];
}

export interface RetryStrategy {
  limit?: number;
  refresh?: boolean;
  backoff?: { duration?: string; factor?: number; maxDuration?: string };
}

export interface SyncPolicy {
  automated?: { prune?: boolean; selfHeal?: boolean; allowEmpty?: boolean; enabled?: boolean };
  syncOptions?: string[];
  retry?: RetryStrategy;
  managedNamespaceMetadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
}

export interface ApplicationSpec {
  project: string;
  source?: ApplicationSource;
  sources?: ApplicationSource[];
  destination: ApplicationDestination;
  syncPolicy?: SyncPolicy;
  ignoreDifferences?: IgnoreDifference[];
  info?: { name: string; value: string }[];
  revisionHistoryLimit?: number;
}

/** A note on an operation; nobody but people reads it. */
export interface OperationInfo {
  name: string;
  value: string;
}

export interface OperationInitiator {
  username?: string;
  automated?: boolean;
}

export interface SyncOperationResource {
  group?: string;
  kind: string;
  name: string;
  namespace?: string;
}

export interface SyncOperation {
  revision?: string;
  prune?: boolean;
  dryRun?: boolean;
  resources?: SyncOperationResource[];
  syncOptions?: string[];
  syncStrategy?: { apply?: { force?: boolean }; hook?: { force?: boolean } };
  /** How many manifests were given with the operation, which took the place of the rendered ones: it deploys no commit. */
  localManifests?: number;
}

/** The top-level `operation` field: present = requested. */
export interface Operation {
  /**
   * `manifests`: JSON objects to sync instead of what the source renders (Argo CD's `--local`). `source` or `sources`: the
   * source of this sync, which has to be the Application's own but for its revision. `revisions`: of each source.
   */
  sync?: SyncOperation & { manifests?: string[]; source?: ApplicationSource; sources?: ApplicationSource[]; revisions?: string[] };
  initiatedBy?: OperationInitiator;
  info?: OperationInfo[];
  retry?: RetryStrategy;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
}

export interface Application {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec: ApplicationSpec;
  operation?: Operation;
  status?: Record<string, unknown>;
}

/** The default target of a source: the remote's HEAD (Argo CD: "" = HEAD). */
export const refOf = (source: ApplicationSource): string =>
  source.targetRevision === undefined || source.targetRevision === '' ? 'HEAD' : source.targetRevision;

/** The project of an application; one that names none is in `default` (Argo CD's rule). */
export const projectOf = ({ spec }: { spec: Pick<ApplicationSpec, 'project'> }): string => (spec.project === '' ? 'default' : spec.project);

/** `https://kubernetes.default.svc`: the cluster that Plumbline itself runs in. */
export const inClusterServer = 'https://kubernetes.default.svc';
export const inClusterName = 'in-cluster';
