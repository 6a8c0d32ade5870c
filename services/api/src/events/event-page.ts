import { AppError } from '@plumbline/contracts';
import type { EventLog } from '@plumbline/event-log';
import type { Caller } from '../access/authentication.ts';
import type { StatusProjection } from '../applications/status-projection.ts';
import { limits } from '../limits.ts';
import { eventFilterParameters, parseEventFilter } from './event-filter.ts';
import type { EventFilter } from './event-filter.ts';
import { shown } from './wire-event.ts';
import type { ShownEvent } from './wire-event.ts';
import { sightOf } from './sight.ts';

export interface EventPage {
  events: ShownEvent[];
  /** Position of the last event in the log. */
  head: number;
  generation: string;
  /** Ask `after` this next: what lies before it was read, even what the caller may not see. */
  next: number;
}

export interface EventPageParts {
  eventLog: Pick<EventLog, 'readFeed'>;
  statuses: StatusProjection;
  /** Position that the projection of applications has reached: beyond it nobody knows yet whose an event is. */
  projectedTo: () => number;
}

/** The events after a position that this caller may see and asks for. */
export async function readEventPage({ eventLog, statuses, projectedTo }: EventPageParts, caller: Caller, query: PageQuery): Promise<EventPage> {
  const { after, limit, filter } = query;
  const sight = sightOf(caller, filter, statuses);
  // All events are for them: then a page of the log is a page of theirs.
  const isWhole = !sight.needsOwner && Object.keys(filter).length === 0;
  const events: ShownEvent[] = [];
  let next = after;
  for (let page = 1; ; page++) {
    const horizon = sight.needsOwner ? projectedTo() : Infinity;
    const read = await eventLog.readFeed({ after: next, limit: isWhole ? limit : limits.eventsPageMax });
    for (const event of read.events) {
      if (event.position > horizon || events.length === limit) break;
      next = event.position;
      if (sight.sees(event)) events.push(shown(event));
    }
    const isDone = isWhole || events.length === limit || page === limits.feedPagesPerAnswerMax || next !== read.events.at(-1)?.position || next === read.head;
    if (isDone) return { events, head: read.head, generation: read.generation, next };
  }
}

export interface PageQuery {
  after: number;
  limit: number;
  filter: EventFilter;
}

export interface EventQuery extends PageQuery {
  waitSeconds: number;
}

const bounds = {
  after: { otherwise: 0, max: Number.MAX_SAFE_INTEGER, min: 0 },
  before: { otherwise: Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, min: 1 },
  limit: { otherwise: limits.eventsPageDefault, max: limits.eventsPageMax, min: 1 },
  wait: { otherwise: 0, max: limits.eventsWaitSecondsMax, min: 0 },
} as const;

/** @throws AppError `invalid-argument` with what is allowed, for any other parameter and for values out of range. */
export function parseEventQuery(query: Readonly<Record<string, unknown>>, namespace: string): EventQuery {
  refuseUnknown(query, ['after', 'limit', 'wait', ...eventFilterParameters]);
  const filter = parseEventFilter(query, namespace);
  return { after: wholeNumber('after', query['after']), limit: wholeNumber('limit', query['limit']), waitSeconds: wholeNumber('wait', query['wait']), filter };
}

/** Names that are not among those allowed are refused, never ignored: who asks for less must not get everything. */
export function refuseUnknown(query: Readonly<Record<string, unknown>>, allowed: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !allowed.includes(name));
  if (unknown !== undefined) throw new AppError('invalid-argument', `unknown parameter "${unknown.slice(0, 40)}"; allowed are ${allowed.join(', ')}`);
}

/** A parameter as it was given: text, or a number that another interface read already. */
export function wholeNumber(name: keyof typeof bounds, given: unknown): number {
  const { otherwise, min, max } = bounds[name];
  if (given === undefined) return otherwise;
  const text = typeof given === 'bigint' || typeof given === 'number' ? String(given) : given;
  const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) throw new AppError('invalid-argument', `${name} must be a whole number from ${min} to ${max}`);
  return value;
}
