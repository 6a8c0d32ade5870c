import { AppError } from '@plumbline/contracts';
import type { Application } from '@plumbline/contracts';
import { normalizeRepositoryUrl } from '@plumbline/policy';
import type { Caller } from '../access/authentication.ts';
import { demand, permissionDenied } from '../access/callers.ts';
import type { Catalogue } from './catalogue.ts';
import { parseLabelSelector } from './label-selector.ts';

/** `<project>/<name>`: how policies name an application of the control namespace. */
export const policyName = (application: Pick<Application, 'spec' | 'metadata'>): string =>
  `${application.spec.project || 'default'}/${application.metadata.name}`;

export interface ApplicationQuery {
  name?: string | undefined;
  projects: readonly string[];
  selector?: string | undefined;
  repo?: string | undefined;
  appNamespace?: string | undefined;
}

/** Those that the caller may see, by name. */
export function listApplications(catalogue: Catalogue, namespace: string, caller: Caller, query: ApplicationQuery): Application[] {
  const selects = parseLabelSelector(query.selector ?? '');
  const repo = query.repo === undefined || query.repo === '' ? undefined : normalizeRepositoryUrl(query.repo);
  if (query.appNamespace !== undefined && query.appNamespace !== '' && query.appNamespace !== namespace) return [];
  return catalogue
    .list()
    .filter(
      (application) =>
        (query.name === undefined || query.name === '' || application.metadata.name === query.name) &&
        (query.projects.length === 0 || query.projects.includes(application.spec.project)) &&
        selects(application.metadata.labels ?? {}) &&
        (repo === undefined || sourcesOf(application).some((source) => normalizeRepositoryUrl(source.repoURL) === repo)) &&
        caller.rights.may('applications', 'get', policyName(application)),
    )
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

const sourcesOf = ({ spec }: Application) => [...(spec.source === undefined ? [] : [spec.source]), ...(spec.sources ?? [])];

/**
 * The application, if the caller may do that with it. Who may not even get it learns nothing: what is forbidden and what
 * isn't there get the same answer. Only who may get every application of that name is told that there is none.
 */
export function findApplication(catalogue: Catalogue, caller: Caller, name: string, action: string): Application {
  const application = catalogue.get(name);
  if (application === undefined) {
    if (caller.rights.may('applications', 'get', `*/${name}`)) throw new AppError('not-found', `application ${name} not found`);
    throw permissionDenied();
  }
  demand(caller, 'applications', 'get', policyName(application));
  if (action !== 'get') demand(caller, 'applications', action, policyName(application));
  return application;
}
