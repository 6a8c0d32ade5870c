import { z } from 'zod';

/**
 * The parts of Application and AppProject that events carry, as schemas. They describe what is recorded; nothing is parsed
 * with them when events are read, so unknown fields stay. `event-types.ts` proves that they say what the types say.
 */
const strings = z.record(z.string(), z.string());
const list = z.array(z.string());

const helm = z.object({
  valueFiles: list.optional(),
  parameters: z.array(z.object({ name: z.string(), value: z.string(), forceString: z.boolean().optional() })).optional(),
  fileParameters: z.array(z.object({ name: z.string(), path: z.string() })).optional(),
  releaseName: z.string().optional(),
  values: z.string().optional(),
  valuesObject: z.record(z.string(), z.unknown()).optional(),
  ignoreMissingValueFiles: z.boolean().optional(),
  skipCrds: z.boolean().optional(),
  skipTests: z.boolean().optional(),
  skipSchemaValidation: z.boolean().optional(),
  namespace: z.string().optional(),
  kubeVersion: z.string().optional(),
  apiVersions: list.optional(),
  version: z.string().optional(),
  passCredentials: z.boolean().optional(),
});

const kustomize = z.object({
  namePrefix: z.string().optional(),
  nameSuffix: z.string().optional(),
  images: list.optional(),
  commonLabels: strings.optional(),
  commonAnnotations: strings.optional(),
  forceCommonLabels: z.boolean().optional(),
  forceCommonAnnotations: z.boolean().optional(),
  labelWithoutSelector: z.boolean().optional(),
  labelIncludeTemplates: z.boolean().optional(),
  commonAnnotationsEnvsubst: z.boolean().optional(),
  namespace: z.string().optional(),
  replicas: z.array(z.object({ name: z.string(), count: z.union([z.number(), z.string()]) })).optional(),
  patches: z
    .array(
      z.object({
        path: z.string().optional(),
        patch: z.string().optional(),
        target: strings.optional(),
        options: z.record(z.string(), z.boolean()).optional(),
      }),
    )
    .optional(),
  components: list.optional(),
  ignoreMissingComponents: z.boolean().optional(),
  version: z.string().optional(),
  kubeVersion: z.string().optional(),
  apiVersions: list.optional(),
});

const source = z.object({
  repoURL: z.string(),
  path: z.string().optional(),
  targetRevision: z.string().optional(),
  chart: z.string().optional(),
  ref: z.string().optional(),
  name: z.string().optional(),
  helm: helm.optional(),
  kustomize: kustomize.optional(),
  directory: z
    .object({
      recurse: z.boolean().optional(),
      include: z.string().optional(),
      exclude: z.string().optional(),
      disableExtensionFilter: z.boolean().optional(),
    })
    .optional(),
  plugin: z.record(z.string(), z.unknown()).optional(),
});

const destination = z.object({ server: z.string().optional(), name: z.string().optional(), namespace: z.string().optional() });

const retry = z.object({
  limit: z.number().optional(),
  refresh: z.boolean().optional(),
  backoff: z.object({ duration: z.string().optional(), factor: z.number().optional(), maxDuration: z.string().optional() }).optional(),
});

export const applicationSpecSchema = z.object({
  project: z.string(),
  source: source.optional(),
  sources: z.array(source).optional(),
  destination,
  syncPolicy: z
    .object({
      automated: z
        .object({
          prune: z.boolean().optional(),
          selfHeal: z.boolean().optional(),
          allowEmpty: z.boolean().optional(),
          enabled: z.boolean().optional(),
        })
        .optional(),
      syncOptions: list.optional(),
      retry: retry.optional(),
      managedNamespaceMetadata: z.object({ labels: strings.optional(), annotations: strings.optional() }).optional(),
    })
    .optional(),
  ignoreDifferences: z
    .array(
      z.object({
        group: z.string().optional(),
        kind: z.string(),
        name: z.string().optional(),
        namespace: z.string().optional(),
        jsonPointers: list.optional(),
        jqPathExpressions: list.optional(),
        managedFieldsManagers: list.optional(),
      }),
    )
    .optional(),
  info: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
  revisionHistoryLimit: z.number().optional(),
});

export const operationInitiatorSchema = z.object({ username: z.string().optional(), automated: z.boolean().optional() });

export const syncOperationSchema = z.object({
  revision: z.string().optional(),
  prune: z.boolean().optional(),
  dryRun: z.boolean().optional(),
  resources: z.array(z.object({ group: z.string().optional(), kind: z.string(), name: z.string(), namespace: z.string().optional() })).optional(),
  syncOptions: list.optional(),
  syncStrategy: z
    .object({
      apply: z.object({ force: z.boolean().optional() }).optional(),
      hook: z.object({ force: z.boolean().optional() }).optional(),
    })
    .optional(),
  localManifests: z.number().optional(),
});

const groupKinds = z.array(z.object({ group: z.string(), kind: z.string(), name: z.string().optional() }));

export const appProjectSpecSchema = z.object({
  description: z.string().optional(),
  sourceRepos: list.optional(),
  destinations: z.array(destination).optional(),
  clusterResourceWhitelist: groupKinds.optional(),
  clusterResourceBlacklist: groupKinds.optional(),
  namespaceResourceWhitelist: groupKinds.optional(),
  namespaceResourceBlacklist: groupKinds.optional(),
  roles: z.array(z.object({ name: z.string(), description: z.string().optional(), policies: list.optional(), groups: list.optional() })).optional(),
  syncWindows: z
    .array(
      z.object({
        kind: z.enum(['allow', 'deny']).optional(),
        schedule: z.string().optional(),
        duration: z.string().optional(),
        applications: list.optional(),
        namespaces: list.optional(),
        clusters: list.optional(),
        manualSync: z.boolean().optional(),
        timeZone: z.string().optional(),
      }),
    )
    .optional(),
  sourceNamespaces: list.optional(),
});
