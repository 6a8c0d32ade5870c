import type { RecordedEvent } from '@plumbline/contracts';
import type { Caller } from '../access/authentication.ts';
import type { StatusProjection } from '../applications/status-projection.ts';
import { asksForOwner, matches } from './event-filter.ts';
import type { EventFilter } from './event-filter.ts';

export interface VisibilityParts {
  statuses: Pick<StatusProjection, 'find'>;
  /** Position that the projection of applications has reached: beyond it nobody knows yet whose an event is. */
  projectedTo: () => number;
}

/** What one caller gets of the log under one filter. */
export interface View {
  /** Nothing after this position can be judged yet. */
  horizon(): number;
  includes(event: RecordedEvent): boolean;
}

/** All events that fit the filter, or of those the ones of the applications that the caller may get. */
export function viewOf(caller: Caller, filter: EventFilter, { statuses, projectedTo }: VisibilityParts): View {
  const seesAll = caller.rights.mayWithAll('applications', 'get');
  const isFree = seesAll && !asksForOwner(filter);
  const isUnfiltered = Object.keys(filter).length === 0;
  // The same few applications are asked for again and again; the rights are of one moment, so are the answers.
  const verdicts = new Map<string, boolean>();
  const mayGet = (project: string, name: string): boolean => {
    const object = `${project}/${name}`;
    let verdict = verdicts.get(object);
    if (verdict === undefined) verdicts.set(object, (verdict = caller.rights.may('applications', 'get', object)));
    return verdict;
  };
  return {
    horizon: () => (isFree ? Infinity : projectedTo()),
    includes(event) {
      if (isFree) return isUnfiltered || matches(filter, event, undefined);
      const owner = statuses.find(event.stream);
      if (!matches(filter, event, owner)) return false;
      return seesAll || (owner?.project !== undefined && mayGet(owner.project, owner.name));
    },
  };
}
