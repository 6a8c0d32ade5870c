import { AppError, categoryOf } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { eventCategories, eventTypes } from './event-types.ts';

/** Which events somebody asks for. An absent part lets everything through; the parts hold together (and). */
export interface EventFilter {
  categories?: ReadonlySet<string>;
  /** `namespace/name`. */
  applications?: ReadonlySet<string>;
  projects?: ReadonlySet<string>;
  types?: ReadonlySet<string>;
}

/** The application that an event is about, as the projection knows it. */
export interface EventOwner {
  namespace: string;
  name: string;
  project: string | undefined;
}

/** The parameters of a filter, each once, repeated, or with values separated by commas. */
export const eventFilterParameters = ['category', 'application', 'project', 'type'] as const;
type Parameter = (typeof eventFilterParameters)[number];

/**
 * Reads a filter from parameters of that name. What isn't a filter's parameter is not looked at: whoever calls refuses it.
 *
 * @param namespace the control namespace, where an application without one lives
 * @throws AppError `invalid-argument` that says what is allowed
 */
export function parseEventFilter(query: Readonly<Record<string, unknown>>, namespace: string): EventFilter {
  const categories = valuesOf(query, 'category', (value) => requireKnown('category', value, eventCategories));
  const types = valuesOf(query, 'type', (value) => requireKnown('type', value, eventTypes));
  const projects = valuesOf(query, 'project', (value) => requireName('project', value));
  const applications = valuesOf(query, 'application', (value) => applicationKey(value, namespace));
  return {
    ...(categories === undefined ? {} : { categories }),
    ...(applications === undefined ? {} : { applications }),
    ...(projects === undefined ? {} : { projects }),
    ...(types === undefined ? {} : { types }),
  };
}

/**
 * Whether an event is asked for. `whose` is the application of an event of category `application`; the events of others
 * pass a filter on applications never, and one on projects only when they are the project's own.
 */
export function matches(filter: EventFilter, event: { stream: string; type: string }, whose: EventOwner | undefined): boolean {
  if (filter.types !== undefined && !filter.types.has(event.type)) return false;
  if (filter.categories !== undefined && !filter.categories.has(categoryOf(event.stream))) return false;
  if (filter.applications !== undefined && (whose === undefined || !filter.applications.has(`${whose.namespace}/${whose.name}`))) return false;
  if (filter.projects === undefined) return true;
  const project = whose === undefined ? projectOfStream(event.stream) : whose.project;
  return project !== undefined && filter.projects.has(project);
}

/** Judging such a filter needs to know whose an event is, so it can't pass the projection of applications. */
export const asksForOwner = (filter: EventFilter): boolean => filter.applications !== undefined || filter.projects !== undefined;

/** The same text for the same filter, in whatever order its values came. */
export function filterKey({ categories, applications, projects, types }: EventFilter): string {
  return JSON.stringify([categories, applications, projects, types].map((values) => (values === undefined ? null : [...values].sort())));
}

/** Stream `project-<name>/<uid>`. */
function projectOfStream(stream: string): string | undefined {
  return /^project-([^/]+)\//.exec(stream)?.[1];
}

function valuesOf(query: Readonly<Record<string, unknown>>, parameter: Parameter, read: (value: string) => string): Set<string> | undefined {
  const given = query[parameter];
  if (given === undefined) return undefined;
  const texts = Array.isArray(given) ? (given as readonly unknown[]) : [given];
  const values = new Set<string>();
  for (const text of texts) {
    if (typeof text !== 'string') throw new AppError('invalid-argument', `${parameter} must be text`);
    for (const value of text.split(',')) values.add(read(value.trim()));
    if (values.size > limits.filterValuesMax) throw new AppError('invalid-argument', `${parameter} takes at most ${limits.filterValuesMax} values`);
  }
  return values;
}

function requireKnown(parameter: Parameter, value: string, known: readonly string[]): string {
  if (known.includes(value)) return value;
  throw new AppError('invalid-argument', `unknown ${parameter} "${value.slice(0, 40)}"; allowed are ${known.join(', ')}`);
}

function requireName(parameter: Parameter, value: string): string {
  if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(value) && value.length <= limits.nameCharsMax) return value;
  throw new AppError('invalid-argument', `${parameter} "${value.slice(0, 40)}" is not a Kubernetes name`);
}

function applicationKey(value: string, namespace: string): string {
  const parts = value.split('/');
  if (parts.length > 2) throw new AppError('invalid-argument', `application "${value.slice(0, 40)}" must be a name or namespace/name`);
  const name = requireName('application', parts.at(-1) ?? '');
  return `${parts.length === 2 ? requireName('application', parts[0] ?? '') : namespace}/${name}`;
}
