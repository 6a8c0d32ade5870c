import { AppError, categoryOf, eventTypes } from '@plumbline/contracts';
import type { RecordedEvent } from '@plumbline/contracts';
import { limits } from '../limits.ts';

/** Categories of streams, in the order of the documentation; see `categoryOf`. */
export const eventCategories = [
  'application',
  'repository',
  'manifests',
  'project',
  'policy',
  'account',
  'command',
  'subscription',
  'projection',
  'service',
  'log',
] as const;

/** Which events somebody asks for: of each list one must fit; an absent list fits all. */
export interface EventFilter {
  categories?: readonly string[];
  /** `namespace/name`. */
  applications?: readonly string[];
  projects?: readonly string[];
  types?: readonly string[];
}

/** The application that an event is about, as the projection of applications knows it. */
export interface EventOwner {
  namespace: string;
  name: string;
  project: string | undefined;
}

/** The parameters of a request that make a filter. */
export const filterParameters = ['category', 'application', 'project', 'type'] as const;

const namePattern = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * Each parameter may be repeated, or list several values with commas. An application without a namespace is one of the
 * control namespace.
 *
 * @throws AppError `invalid-argument` that says what is allowed, for any value that can't fit an event.
 */
export function parseEventFilter(query: Readonly<Record<string, unknown>>, controlNamespace: string): EventFilter {
  const categories = valuesOf(query, 'category');
  const types = valuesOf(query, 'type');
  const projects = valuesOf(query, 'project');
  const applications = valuesOf(query, 'application')?.map((text) => (text.includes('/') ? text : `${controlNamespace}/${text}`));
  refuseOthers('category', categories, (text) => (eventCategories as readonly string[]).includes(text), eventCategories.join(', '));
  refuseOthers('type', types, (text) => eventTypes.has(text), [...eventTypes.keys()].join(', '));
  refuseOthers('project', projects, (text) => namePattern.test(text), 'names of projects');
  const isApplication = (text: string): boolean => text.split('/').length === 2 && text.split('/').every((part) => namePattern.test(part));
  refuseOthers('application', applications, isApplication, 'name, or namespace/name');
  return {
    ...(categories === undefined ? {} : { categories }),
    ...(applications === undefined ? {} : { applications }),
    ...(projects === undefined ? {} : { projects }),
    ...(types === undefined ? {} : { types }),
  };
}

function valuesOf(query: Readonly<Record<string, unknown>>, name: (typeof filterParameters)[number]): string[] | undefined {
  const given = query[name];
  if (given === undefined || (Array.isArray(given) && given.length === 0)) return undefined;
  const texts = Array.isArray(given) ? given : [given];
  if (!texts.every((text) => typeof text === 'string')) throw new AppError('invalid-argument', `${name} must be text`);
  const values = texts.flatMap((text) => text.split(','));
  if (values.length > limits.eventFilterValuesMax)
    throw new AppError('invalid-argument', `${name} has ${values.length} values; at most ${limits.eventFilterValuesMax} are allowed`);
  return values;
}

function refuseOthers(name: string, values: readonly string[] | undefined, isAllowed: (text: string) => boolean, allowed: string): void {
  const wrong = values?.find((text) => !isAllowed(text));
  if (wrong !== undefined) throw new AppError('invalid-argument', `unknown ${name} "${wrong.slice(0, 80)}"; allowed are ${allowed}`);
}

/** Whether the filter can be judged from the event alone, without knowing whose it is. */
export const asksForOwner = (filter: EventFilter): boolean => filter.projects !== undefined;

/** `owner`: of the application that the event's stream is of, if it is one's. */
export function matches(filter: EventFilter, event: Pick<RecordedEvent, 'type' | 'stream'>, owner: EventOwner | undefined): boolean {
  const { categories, applications, projects, types } = filter;
  if (types !== undefined && !types.includes(event.type)) return false;
  if (categories !== undefined && !categories.includes(categoryOf(event.stream))) return false;
  if (applications !== undefined && !applications.some((name) => event.stream.startsWith(`application-${name}/`))) return false;
  return projects === undefined || projects.includes(projectOf(event.stream, owner) ?? '');
}

/** A project's own stream is about that project, too. */
function projectOf(stream: string, owner: EventOwner | undefined): string | undefined {
  return owner?.project ?? /^project-([^/]+)\//.exec(stream)?.[1];
}
