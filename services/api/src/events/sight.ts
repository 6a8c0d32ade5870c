import { categoryOf } from '@plumbline/contracts';
import type { RecordedEvent } from '@plumbline/contracts';
import type { Caller } from '../access/authentication.ts';
import type { StatusProjection } from '../applications/status-projection.ts';
import { asksForOwner, filterKey, matches } from './event-filter.ts';
import type { EventFilter } from './event-filter.ts';

/** What one caller gets of the log through one filter, as their rights are now. */
export interface Sight {
  sees(event: RecordedEvent): boolean;
  /** To judge an event, the projection of applications must have passed it: beyond that, nobody knows whose it is. */
  needsOwner: boolean;
  /** Two with the same key see the same; undefined: not to be compared. */
  key: string | undefined;
}

/**
 * Who may get all applications sees all events; others see those of the applications that they may get, and no others:
 * repositories, manifests and commands belong to no one project. Rights are asked once for each application.
 */
export function sightOf(caller: Caller, filter: EventFilter, statuses: Pick<StatusProjection, 'find'>): Sight {
  const seesAll = caller.rights.mayWithAll('applications', 'get');
  const needsOwner = !seesAll || asksForOwner(filter);
  const judged = new Map<string, boolean>();
  const mayGet = (project: string, name: string): boolean => {
    const object = `${project}/${name}`;
    let verdict = judged.get(object);
    if (verdict === undefined) judged.set(object, (verdict = caller.rights.may('applications', 'get', object)));
    return verdict;
  };
  return {
    needsOwner,
    key: needsOwner ? undefined : filterKey(filter),
    sees: (event) => {
      const whose = needsOwner && categoryOf(event.stream) === 'application' ? statuses.find(event.stream) : undefined;
      if (!seesAll && (whose?.project === undefined || !mayGet(whose.project, whose.name))) return false;
      return matches(filter, event, whose);
    },
  };
}
