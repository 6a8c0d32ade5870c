import type { ApplicationStatus, ResourceResult, RevisionHistory, ShownResource, ShownStatus } from '@plumbline/contracts';

/** A list of the status that may be shortened. */
interface Shortened<T> {
  /** In the condition. */
  name: string;
  of(status: ShownStatus): readonly T[];
  put<S extends ShownStatus>(status: S, list: T[]): S;
  /** Those that stay longest come first. */
  byWorth(list: readonly T[]): T[];
}

const isTrouble = (one: ShownResource | ResourceResult): boolean =>
  (one.status !== undefined && one.status !== 'Synced') || ('health' in one && one.health !== undefined && one.health.status !== 'Healthy');

const troubleFirst = <T extends ShownResource | ResourceResult>(list: readonly T[]): T[] => [
  ...list.filter(isTrouble),
  ...list.filter((one) => !isTrouble(one)),
];

const results: Shortened<ResourceResult> = {
  name: 'results of the last sync',
  of: ({ operationState }) => operationState?.syncResult.resources ?? [],
  put: (status, resources) =>
    status.operationState === undefined
      ? status
      : { ...status, operationState: { ...status.operationState, syncResult: { ...status.operationState.syncResult, resources } } },
  byWorth: troubleFirst,
};
const resources: Shortened<ShownResource> = {
  name: 'resources',
  of: (status) => status.resources,
  put: (status, list) => ({ ...status, resources: list }),
  byWorth: troubleFirst,
};
const history: Shortened<RevisionHistory> = {
  name: 'entries of the history',
  of: (status) => status.history,
  put: (status, list) => ({ ...status, history: list }),
  byWorth: (list) => list.toReversed(),
};
const images: Shortened<string> = {
  name: 'images',
  of: ({ summary }) => summary.images ?? [],
  put: (status, list) => ({ ...status, summary: { ...status.summary, images: list } }),
  byWorth: (list) => [...list],
};

/** What the condition takes. */
const conditionBytes = 600;

/** Type of the condition that tells what an Application doesn't show. */
export const cutCondition = 'StatusCutWarning';

/**
 * The status in at most so many bytes of JSON. What is longest and told elsewhere goes first; of each list, what is in
 * trouble stays longest. `conditions` are those that the resource shows: a condition keeps its time while it says the same.
 */
export function fitted<S extends ShownStatus>(status: S, bytesMax: number, shown: { application: string; conditions: ApplicationStatus['conditions'] }): S {
  if (bytesOf(status) <= bytesMax) return status;
  const cuts: string[] = [];
  const room = bytesMax - conditionBytes;
  let fits = shorten(status, results, room, cuts);
  fits = shorten(fits, resources, room, cuts);
  fits = shorten(fits, history, room, cuts);
  fits = shorten(fits, images, room, cuts);
  const message = `the Application has no room for all of its status: it shows ${cuts.join(', ')}, those in trouble first. GET /api/v1/applications/${shown.application} has everything`;
  const since = shown.conditions.find((condition) => condition.type === cutCondition && condition.message === message)?.lastTransitionTime;
  const lastTransitionTime = since ?? status.reconciledAt ?? status.operationState?.startedAt ?? '';
  return { ...fits, conditions: [...fits.conditions, { type: cutCondition, message, lastTransitionTime }] };
}

function shorten<S extends ShownStatus, T>(status: S, list: Shortened<T>, room: number, cuts: string[]): S {
  const excess = bytesOf(status) - room;
  const all = list.of(status);
  if (excess <= 0 || all.length === 0) return status;
  const kept = chosen(list, all, bytesOf(all) - excess);
  cuts.push(`${kept.length} of ${all.length} ${list.name}`);
  return list.put(status, kept);
}

/** Those that there is room for, in their order. */
function chosen<T>({ byWorth }: Shortened<T>, all: readonly T[], room: number): T[] {
  const kept = new Set<T>();
  let left = room;
  for (const one of byWorth(all)) {
    left -= bytesOf(one) + 1;
    if (left < 0) break;
    kept.add(one);
  }
  return all.filter((one) => kept.has(one));
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
