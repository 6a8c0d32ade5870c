import { AppError } from '@plumbline/contracts';
import type { EventLog } from '@plumbline/event-log';
import type { Caller } from '../access/authentication.ts';
import { limits } from '../limits.ts';
import { filterParameters, parseEventFilter } from './event-filter.ts';
import type { EventFilter } from './event-filter.ts';
import { shown } from './shown-event.ts';
import type { ShownEvent } from './shown-event.ts';
import { viewOf } from './visibility.ts';
import type { VisibilityParts } from './visibility.ts';

export interface EventPage {
  events: ShownEvent[];
  /** Position of the last event in the log. */
  head: number;
  generation: string;
  /** Ask `after` this next: what lies before it was read, even what the caller may not see or did not ask for. */
  next: number;
}

export interface EventPageParts extends VisibilityParts {
  eventLog: Pick<EventLog, 'readFeed' | 'resumeAfter'>;
}

export interface PageQuery {
  after: number;
  limit: number;
  filter: EventFilter;
}

/** The events after a position that this caller asks for and may see. */
export async function readEventPage(parts: EventPageParts, caller: Caller, { after, limit, filter }: PageQuery): Promise<EventPage> {
  const view = viewOf(caller, filter, parts);
  const isWhole = Object.keys(filter).length === 0 && view.horizon() === Infinity;
  const events: ShownEvent[] = [];
  let next = after;
  for (let page = 1; ; page++) {
    const horizon = view.horizon();
    const read = await parts.eventLog.readFeed({ after: next, limit: isWhole ? limit : limits.eventsPageMax });
    for (const event of read.events) {
      if (event.position > horizon || events.length === limit) break;
      next = event.position;
      if (view.includes(event)) events.push(shown(event));
    }
    const isDone = isWhole || events.length === limit || page === limits.feedPagesPerAnswerMax || next !== read.events.at(-1)?.position || next === read.head;
    if (isDone) return { events, head: read.head, generation: read.generation, next };
  }
}

export interface EventQuery extends PageQuery {
  waitSeconds: number;
  /** In which generation `after` was read, where the client says so. */
  generation?: string;
}

const numbers = {
  after: { otherwise: 0, max: Number.MAX_SAFE_INTEGER, min: 0 },
  limit: { otherwise: limits.eventsPageDefault, max: limits.eventsPageMax, min: 1 },
  wait: { otherwise: 0, max: limits.eventsWaitSecondsMax, min: 0 },
} as const;

const allowed = [...Object.keys(numbers), 'generation', ...filterParameters];

/** @throws AppError `invalid-argument` with what is allowed, for any other parameter or value. */
export function parseEventQuery(query: Readonly<Record<string, unknown>>, controlNamespace: string): EventQuery {
  refuseUnknown(query, allowed);
  const { generation } = query;
  if (generation !== undefined && (typeof generation !== 'string' || !/^[0-9a-f-]{36}$/i.test(generation)))
    throw new AppError('invalid-argument', 'generation must be one that an answer of this API named');
  return {
    after: wholeNumber(query, 'after'),
    limit: wholeNumber(query, 'limit'),
    waitSeconds: wholeNumber(query, 'wait'),
    filter: parseEventFilter(query, controlNamespace),
    ...(generation === undefined ? {} : { generation }),
  };
}

export function refuseUnknown(query: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new AppError('invalid-argument', `unknown parameter "${unknown.slice(0, 40)}"; allowed are ${names.join(', ')}`);
}

export function wholeNumber(query: Readonly<Record<string, unknown>>, name: keyof typeof numbers): number {
  const { otherwise, min, max } = numbers[name];
  const text = query[name];
  if (text === undefined) return otherwise;
  const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) throw new AppError('invalid-argument', `${name} must be a whole number from ${min} to ${max}`);
  return value;
}
