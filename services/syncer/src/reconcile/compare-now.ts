import { canonicalJson } from '@plumbline/contracts';
import { applicationSyncOptions } from '@plumbline/manifests';
import type { Compared } from '../compare/compare.ts';
import { compare } from '../compare/compare.ts';
import { finishedJobs } from '../compare/finished-jobs.ts';
import type { DesiredState } from '../desired/desired-object.ts';
import { unknownKind } from '../desired/unknown-kinds.ts';
import type { ApplicationCommand } from '../domain/commands.ts';
import { syncSettings } from '../settings/sync-settings.ts';
import { countedHealth } from '../sync/awaited-health.ts';
import type { ReconcileContext } from './context.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import { extraObjects, lingeringObjects, namespacedBy, projectVerdict } from './observe.ts';

/** Compares these desired objects with what is live at this moment. */
export async function compareNow(entry: Entry, desired: DesiredState, revision: string, context: ReconcileContext, isHasty: boolean): Promise<Compared> {
  const { cluster, judge, world } = context;
  const settings = syncSettings(context.settings());
  const discovery = await cluster.kube.discover();
  return compare(
    {
      revision,
      desired: withDoubts(desired, entry),
      instance: entry.instance,
      live: (key) => cluster.state.row(key)?.object,
      extra: extraObjects(entry, desired, cluster),
      lingering: lingeringObjects(entry, desired, cluster),
      forbidden: projectVerdict(entry.resource, world, namespacedBy(discovery)),
      unknownKind: (object) => unknownKind(object, entry.unknownKinds ?? new Set()),
      isHasty,
      syncOptions: applicationSyncOptions(entry.resource.spec.syncPolicy?.syncOptions),
      isNamespaceChanged: isNamespaceChanged(entry),
      finished: settings.remembersFinishedJobs ? finishedJobs(declaredState(entry)?.comparison) : undefined,
      health: (object) => countedHealth(object, settings),
    },
    judge,
  );
}

/** What nothing is known of is said, and neither missing nor pruned. */
function withDoubts(desired: DesiredState, { doubtedKinds }: Entry): DesiredState {
  if (doubtedKinds === undefined || doubtedKinds.size === 0) return desired;
  const message = `nothing is known of ${[...doubtedKinds].join(', ')} now: the API can't be reached, its list fails, or we may not list it. What was there is not pruned`;
  return { ...desired, warnings: [...desired.warnings, { type: 'ComparisonWarning', message }] };
}

/** Argo CD's rule: only once a sync has been, and only where the spec asks for metadata. */
function isNamespaceChanged(entry: Entry): boolean {
  const wanted = declaredState(entry)?.spec.syncPolicy?.managedNamespaceMetadata;
  const result = entry.log.folded.status.operationState?.syncResult;
  return wanted !== undefined && result !== undefined && canonicalJson(wanted) !== canonicalJson(result.managedNamespaceMetadata ?? null);
}

export const comparisonCommands = (compared: Compared, isPointerDeferred = false): ApplicationCommand[] => [
  { type: 'RecordComparison', comparison: compared.comparison, drift: compared.drift, isPointerDeferred },
  { type: 'RecordHealth', ...compared.health },
];
