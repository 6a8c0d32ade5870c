import type { ApplicationCondition } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { annotation } from '@plumbline/manifests';
import type { Declared } from '../domain/state.ts';
import { limits } from '../limits.ts';
import type { Entry } from './entry.ts';

/** Why a deletion is not over: what it waits for, and what went wrong. */
export interface DeletionNews {
  waitsFor?: readonly string[];
  failed?: readonly string[];
}

/** What keeps an Application is a condition of it: nobody else would say why it is still there. */
export async function tell(entry: Entry, { comparison, failure }: Declared, { waitsFor = [], failed = [] }: DeletionNews): Promise<void> {
  const messages = [...failed, ...waitsFor];
  if (failure !== undefined || comparison === undefined) {
    if (messages.length === 0) return;
    // What could not be compared matters no more; what keeps the Application does.
    const condition = failure?.condition === 'InvalidSpecError' ? failure.condition : 'ComparisonError';
    const code = failure?.code ?? 'failed-precondition';
    await entry.log.execute([{ type: 'RecordComparisonFailure', failure: { ...failure, condition, code, message: messages.join('; ') } }]);
    return;
  }
  const others = comparison.conditions.filter(({ type }) => type !== deletionWarning && type !== deletionError);
  const conditions: ApplicationCondition[] = [
    ...others,
    ...failed.map((message) => ({ type: deletionError, message })),
    ...waitsFor.map((message) => ({ type: deletionWarning, message })),
  ];
  await entry.log.execute([{ type: 'RecordComparison', comparison: { ...comparison, conditions }, drift: [] }]);
}

const deletionWarning = 'DeletionWarning';
const deletionError = 'DeletionError';

/** Absence is never guessed: what of this kind is still there is not known. Undefined: its first list is on its way. */
export function doubtedKind(group: string, kind: string, listed: string | undefined): string | undefined {
  const of = `${kind} objects${group === '' ? '' : ` of the group ${group}`}`;
  switch (listed) {
    case 'unavailable':
      return `the deletion waits: the API of the group ${group} can't be reached now, so it is not known which ${of} are left; look at its APIService`;
    case 'forbidden':
      return `the deletion waits: we may not list and watch ${of}; give syncer's ServiceAccount the verbs get, list and watch for them`;
    case 'failing':
      return `the deletion waits: the list of ${of} fails, so it is not known which are left; see the metric plumbline_kind_list_failing and syncer's log`;
    default:
      return undefined;
  }
}

/** Says which objects wait for a word, and how it is given. */
export function unconfirmedDeletion(objects: readonly KubeObject[]): string {
  const named = objects.slice(0, limits.warningsShownMax).map(({ kind, metadata: { name } }) => `${kind} ${name}`);
  const more = objects.length - named.length;
  return `the deletion waits until somebody confirms it, for ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}: annotate the Application with ${annotation.deletionApproved} and the time as of now (RFC 3339)`;
}

/** Objects that were deleted a while ago and wait for somebody's finalizer; those of the API server's own are its work under way. */
export function whatStays(left: readonly KubeObject[], now: number): string[] {
  const stuck = left.flatMap(({ kind, metadata: { name, deletionTimestamp, finalizers = [] } }) => {
    const foreign = finalizers.filter((finalizer) => !['foregroundDeletion', 'orphan'].includes(finalizer));
    const isStuck = foreign.length > 0 && now - Date.parse(deletionTimestamp ?? '') >= limits.deletionToldAfterMs;
    return isStuck ? [`${kind} ${name} was deleted and is not gone yet: it waits for finalizers ${foreign.join(', ')}`] : [];
  });
  return stuck.slice(0, limits.warningsShownMax);
}
