import { annotation, annotationCsv } from './annotations.ts';
import type { KubeObject } from './object.ts';

/** `when-confirmed`: only after somebody said so on the Application (`=confirm`). */
export type Permission = 'always' | 'never' | 'when-confirmed';
/** Which syncs are tried in a server-side dry run, all of it, before anything is written. */
export type DryRunFirst = 'always' | 'multi-step' | 'never';
export type PropagationPolicy = 'Foreground' | 'Background' | 'Orphan';

/** `spec.syncPolicy.syncOptions` together with the operation's own, as far as they are about the whole application (B040–B049). */
export interface ApplicationSyncOptions {
  createNamespace: boolean;
  applyOutOfSyncOnly: boolean;
  failOnSharedResource: boolean;
  respectIgnoreDifferences: boolean;
  clientSideApplyMigration: boolean;
  prunePropagation: PropagationPolicy;
  /** Plumbline's own: `DryRunFirst=…`. Default: syncs of more than one wave or phase, or with a hook. */
  dryRunFirst: DryRunFirst;
  /** What an object may override with its annotation. */
  defaults: ResourceSyncOptions;
}

export interface ResourceSyncOptions {
  /** Strict field validation. */
  validate: boolean;
  pruneLast: boolean;
  prune: Permission;
  /** When the Application is deleted with its objects. */
  delete: Permission;
  replace: boolean;
  /** Delete and create again. */
  force: boolean;
  /** Undefined: nobody asked for either; Plumbline applies server-side. */
  serverSideApply: boolean | undefined;
  skipDryRunOnMissingResource: boolean;
}

/** Options are compared exactly, `key=value`, case-sensitive (B050); unknown ones are other versions' and mean nothing here. */
export function applicationSyncOptions(...lists: readonly (readonly string[] | undefined)[]): ApplicationSyncOptions {
  const given = new Set(lists.flatMap((list) => list ?? []).map((option) => option.trim()));
  const policy = (['background', 'foreground', 'orphan'] as const).find((name) => given.has(`PrunePropagationPolicy=${name}`)) ?? 'foreground';
  return {
    createNamespace: given.has('CreateNamespace=true'),
    applyOutOfSyncOnly: given.has('ApplyOutOfSyncOnly=true') && !given.has('ApplyOutOfSyncOnly=false'),
    failOnSharedResource: given.has('FailOnSharedResource=true'),
    respectIgnoreDifferences: given.has('RespectIgnoreDifferences=true'),
    clientSideApplyMigration: !given.has('ClientSideApplyMigration=false'),
    prunePropagation: ({ background: 'Background', foreground: 'Foreground', orphan: 'Orphan' } as const)[policy],
    dryRunFirst: (['always', 'never'] as const).find((name) => given.has(`DryRunFirst=${name}`)) ?? 'multi-step',
    defaults: overridden(nothingAsked, given),
  };
}

/** The options that hold for one object: its annotation wins over the application. */
export function resourceSyncOptions(object: KubeObject, application: ApplicationSyncOptions): ResourceSyncOptions {
  const given = annotationCsv(object, annotation.syncOptions);
  return given.length === 0 ? application.defaults : overridden(application.defaults, new Set(given));
}

const nothingAsked: ResourceSyncOptions = {
  validate: true,
  pruneLast: false,
  prune: 'always',
  delete: 'always',
  replace: false,
  force: false,
  serverSideApply: undefined,
  skipDryRunOnMissingResource: false,
};

function overridden(base: ResourceSyncOptions, given: ReadonlySet<string>): ResourceSyncOptions {
  return {
    validate: flag(given, 'Validate') ?? base.validate,
    pruneLast: flag(given, 'PruneLast') ?? base.pruneLast,
    prune: permission(given, 'Prune') ?? base.prune,
    delete: permission(given, 'Delete') ?? base.delete,
    replace: flag(given, 'Replace') ?? base.replace,
    force: flag(given, 'Force') ?? base.force,
    serverSideApply: flag(given, 'ServerSideApply') ?? base.serverSideApply,
    skipDryRunOnMissingResource: flag(given, 'SkipDryRunOnMissingResource') ?? base.skipDryRunOnMissingResource,
  };
}

/**
 * Whether an object is applied as kubectl's client-side apply does it: where somebody said so, and where fields are not
 * validated, since the server refuses unknown fields of a server-side apply whatever one asks for (Kubernetes 1.34).
 */
export const isClientSide = ({ serverSideApply, validate }: ResourceSyncOptions): boolean =>
  serverSideApply === false || (serverSideApply === undefined && !validate);

/** When both are given, the one that does less harm: false. */
function flag(given: ReadonlySet<string>, name: string): boolean | undefined {
  if (given.has(`${name}=false`)) return false;
  return given.has(`${name}=true`) ? true : undefined;
}

function permission(given: ReadonlySet<string>, name: string): Permission | undefined {
  if (given.has(`${name}=false`)) return 'never';
  if (given.has(`${name}=confirm`)) return 'when-confirmed';
  return given.has(`${name}=true`) ? 'always' : undefined;
}

/** A live object that is no longer wanted is shown OutOfSync but does not make its application so (B060). */
export const ignoresExtraneous = (object: KubeObject): boolean => annotationCsv(object, annotation.compareOptions).includes('IgnoreExtraneous');
