import { AppError } from '@plumbline/contracts';
import type { RecordedEvent } from '@plumbline/contracts';
import type { EventLog } from '@plumbline/event-log';
import type { Caller } from '../access/authentication.ts';
import type { StatusProjection } from '../applications/status-projection.ts';
import { limits } from '../limits.ts';

/** An event as the API shows it. */
export interface ShownEvent {
  position: number;
  id: string;
  stream: string;
  version: number;
  type: string;
  time: string;
  actor: string;
  data: unknown;
}

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

/** The events after a position that this caller may see: all, or those of the applications that they may get. */
export async function readEventPage({ eventLog, statuses, projectedTo }: EventPageParts, caller: Caller, after: number, limit: number): Promise<EventPage> {
  const seesAll = caller.rights.mayWithAll('applications', 'get');
  const events: ShownEvent[] = [];
  let next = after;
  for (let page = 1; ; page++) {
    const horizon = seesAll ? Infinity : projectedTo();
    const read = await eventLog.readFeed({ after: next, limit: seesAll ? limit : limits.eventsPageMax });
    for (const event of read.events) {
      if (event.position > horizon || events.length === limit) break;
      next = event.position;
      if (seesAll || maySee(caller, statuses, event)) events.push(shown(event));
    }
    const isDone = seesAll || events.length === limit || page === limits.feedPagesPerAnswerMax || next !== read.events.at(-1)?.position || next === read.head;
    if (isDone) return { events, head: read.head, generation: read.generation, next };
  }
}

function maySee(caller: Caller, statuses: StatusProjection, event: RecordedEvent): boolean {
  const application = statuses.find(event.stream);
  return application?.project !== undefined && caller.rights.may('applications', 'get', `${application.project}/${application.name}`);
}

const shown = ({ position, id, stream, version, type, at, metadata, data }: RecordedEvent): ShownEvent => ({
  position,
  id,
  stream,
  version,
  type,
  time: at,
  actor: metadata.actor,
  data,
});

export interface EventQuery {
  after: number;
  limit: number;
  waitSeconds: number;
}

const parameters = {
  after: { otherwise: 0, max: Number.MAX_SAFE_INTEGER, min: 0 },
  limit: { otherwise: limits.eventsPageDefault, max: limits.eventsPageMax, min: 1 },
  wait: { otherwise: 0, max: limits.eventsWaitSecondsMax, min: 0 },
} as const;

/** @throws AppError `invalid-argument` with the allowed range, for anything else than these parameters as whole numbers. */
export function parseEventQuery(query: Readonly<Record<string, unknown>>): EventQuery {
  for (const name of Object.keys(query)) {
    if (!(name in parameters))
      throw new AppError('invalid-argument', `unknown parameter "${name.slice(0, 40)}"; allowed are ${Object.keys(parameters).join(', ')}`);
  }
  const read = (name: keyof typeof parameters): number => {
    const { otherwise, min, max } = parameters[name];
    const text = query[name];
    if (text === undefined) return otherwise;
    const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) throw new AppError('invalid-argument', `${name} must be a whole number from ${min} to ${max}`);
    return value;
  };
  return { after: read('after'), limit: read('limit'), waitSeconds: read('wait') };
}
