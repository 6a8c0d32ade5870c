import type { ApplicationEvent, DriftedResource, ResourceComparison, ResourceHealth, SyncOperationResource } from '@plumbline/contracts';
import { resourceChanges, sortedByKey } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import type { Comparison } from './state.ts';

const utf8 = new TextEncoder();

/** What a value takes in an event, in bytes. */
const bytesOf = (value: unknown): number => utf8.encode(JSON.stringify(value)).length + 1;

/** Neighbours together, in parts that an event has room for; at least one part, an empty one of nothing. */
export function inParts<T>(items: readonly T[], bytesMax: number = limits.listInEventBytesMax): T[][] {
  const parts: T[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    const more = bytesOf(item);
    if (bytes + more > bytesMax && bytes > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(item);
    bytes += more;
  }
  return parts;
}

/** The first of them that fit. */
export const thoseThatFit = <T>(items: readonly T[], bytesMax: number): T[] => {
  const [first = []] = inParts(items, bytesMax);
  return first.length === 1 && bytesOf(first[0]) > bytesMax ? [] : first;
};

/** Whether an operation can name these objects: the event that requests it lists them. */
export const canBeNamed = (resources: readonly SyncOperationResource[]): boolean =>
  thoseThatFit(resources, limits.listInEventBytesMax).length === resources.length;

/** A message that somebody else wrote, at a length that lists of them can hold. */
export const shortened = (text: string): string => (text.length <= limits.messageCharsMax ? text : `${text.slice(0, limits.messageCharsMax - 1)}…`);

/**
 * A comparison as events of one append (docs/adr/0019): with all its objects while those are few or the first; with those
 * that changed above that, in as many events as they take. `told`: what the stream says of the objects.
 */
export function comparisonEvents(comparison: Comparison, told: { resources: readonly ResourceComparison[]; isStale: boolean } | undefined): ApplicationEvent[] {
  const data = { ...comparison, images: [...comparison.images], conditions: [...comparison.conditions] };
  const resources = sortedByKey(comparison.resources);
  const sizeBytes = resources.reduce((sum, resource) => sum + bytesOf(resource), 0);
  if (sizeBytes <= (told === undefined ? limits.listInEventBytesMax : limits.wholeListBytesMax))
    return [{ type: 'ApplicationCompared', data: { ...data, resources } }];
  const changes = resourceChanges(told?.resources ?? [], resources);
  const changed = told?.isStale === true ? resources : changes.resources;
  const parts = inParts<ResourceComparison | string>([...changed, ...changes.gone]).map((items) => ({
    resources: items.filter((item) => typeof item !== 'string'),
    gone: items.filter((item) => typeof item === 'string'),
  }));
  const last = parts.pop()!;
  return [
    ...parts.map((part): ApplicationEvent => ({ type: 'ResourcesCompared', data: { revision: comparison.revision, ...part } })),
    { type: 'ApplicationCompared', data: { ...data, changesOnly: true, ...last } },
  ];
}

/** So that the event of a big application that lost everything stays small. */
const driftedResourcesMax = 50;

export function driftData(revision: string, drift: readonly DriftedResource[]): Extract<ApplicationEvent, { type: 'DriftDetected' }>['data'] {
  const resources = thoseThatFit(drift.slice(0, driftedResourcesMax), limits.listInEventBytesMax);
  return { revision, resources, more: drift.length - resources.length };
}

type HealthChange = Extract<ApplicationEvent, { type: 'HealthChanged' }>['data'];

/** A change of health as events of one append, with the same judgement. */
export function healthEvents({ resources, gone, ...judgement }: HealthChange): ApplicationEvent[] {
  const short = resources.map((resource) => (resource.message === undefined ? resource : { ...resource, message: shortened(resource.message) }));
  const judged = judgement.message === undefined ? judgement : { ...judgement, message: shortened(judgement.message) };
  return inParts<ResourceHealth | string>([...short, ...gone]).map((items) => ({
    type: 'HealthChanged',
    data: { ...judged, resources: items.filter((item) => typeof item !== 'string'), gone: items.filter((item) => typeof item === 'string') },
  }));
}
