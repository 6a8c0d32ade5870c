import type { AppProjectSpec, ProjectRole, SyncWindow } from '@plumbline/contracts';
import { fileMatch, pathGlob, plainGlob } from './glob.ts';
import type { GlobDialect } from './glob.ts';
import { isReadable } from './pattern.ts';
import { parsePolicyCsv } from './policy-csv.ts';
import { projectRoleSubject } from './policy.ts';

/** Everything that is wrong with a project, one sentence each; empty = sound. Argo CD's rules. */
export function validateProject(project: { name: string; spec: AppProjectSpec }): string[] {
  const { name, spec } = project;
  return [
    ...sourceProblems(spec),
    ...destinationProblems(spec),
    ...resourceProblems(spec),
    ...(spec.roles ?? []).flatMap((role) => roleProblems(name, role)),
    ...repeated((spec.roles ?? []).map((role) => role.name)).map((role) => `role "${role}" is there twice`),
    ...(spec.syncWindows ?? []).flatMap(windowProblems),
  ];
}

function sourceProblems(spec: AppProjectSpec): string[] {
  const entries = spec.sourceRepos ?? [];
  return [
    ...entries.filter((entry) => entry === '!*').map(() => 'source repository "!*" would forbid everything; leave the list empty for that'),
    ...entries.flatMap((entry) => patternProblems('source repository', entry, pathGlob)),
    ...repeated(entries).map((entry) => `source repository "${entry}" is there twice`),
  ];
}

function destinationProblems(spec: AppProjectSpec): string[] {
  const entries = spec.destinations ?? [];
  const key = ({ server = '', name = '', namespace = '' }: (typeof entries)[number]): string => JSON.stringify([server, name, namespace]);
  return [
    ...entries.flatMap(({ server = '', name = '', namespace = '' }) => [
      ...(server === '' && name === '' ? ['a destination needs a server or a name'] : []),
      ...[server, name, namespace].filter((each) => each === '!*').map(() => 'destination "!*" would forbid everything; leave the list empty for that'),
      ...[server, name, namespace].flatMap((each) => patternProblems('destination', each, plainGlob)),
    ]),
    ...repeated(entries.map(key)).map((each) => `destination ${each} is there twice`),
  ];
}

function resourceProblems(spec: AppProjectSpec): string[] {
  const lists = ['clusterResourceWhitelist', 'clusterResourceBlacklist', 'namespaceResourceWhitelist', 'namespaceResourceBlacklist'] as const;
  return lists.flatMap((list) =>
    (spec[list] ?? []).flatMap(({ group, kind, name = '' }) => [group, kind, name].flatMap((each) => patternProblems(list, each, fileMatch))),
  );
}

function patternProblems(what: string, pattern: string, dialect: GlobDialect): string[] {
  return isReadable(pattern.startsWith('!') ? pattern.slice(1) : pattern, dialect) ? [] : [`${what} "${pattern}" is not a pattern that can be read`];
}

const roleName = /^[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const resources = new Set(['applications', 'applicationsets', 'repositories', 'exec', 'logs', 'clusters']);
const action = /^(get|create|update|delete|sync|override|rollback|\*|action\/.*|update\/.*|delete\/.*)$/;

function roleProblems(project: string, role: ProjectRole): string[] {
  const where = `role "${role.name}"`;
  const subject = projectRoleSubject(project, role.name);
  const problems = roleName.test(role.name) ? [] : [`${where} must be letters and digits, with - or _ between`];
  for (const policy of role.policies ?? []) {
    const { rules, problems: unread } = parsePolicyCsv(policy);
    const rule = rules[0];
    if (rule === undefined || rules.length !== 1) problems.push(`${where}: policy "${policy}": ${unread[0]?.message ?? 'it must be one permission line'}`);
    else if (rule.subject !== subject) problems.push(`${where}: policy "${policy}" must be for ${subject}`);
    else if (!resources.has(rule.resource)) problems.push(`${where}: policy "${policy}" is about an unknown resource "${rule.resource}"`);
    else if (!action.test(rule.action)) problems.push(`${where}: policy "${policy}" has an unknown action "${rule.action}"`);
    else if (!rule.object.startsWith(`${project}/`)) problems.push(`${where}: policy "${policy}" must be about ${project}/…`);
  }
  for (const group of role.groups ?? []) if (group.trim() === '' || /[,\r\n]/.test(group)) problems.push(`${where}: group "${group}" is not a name`);
  for (const group of repeated(role.groups ?? [])) problems.push(`${where}: group "${group}" is there twice`);
  return problems;
}

const duration = /^(\d+(\.\d+)?(ms|s|m|h))+$/;

function windowProblems(window: SyncWindow): string[] {
  const where = `sync window "${window.schedule ?? ''}"`;
  return [
    ...(window.kind === 'allow' || window.kind === 'deny' ? [] : [`${where}: kind is allow or deny`]),
    ...((window.schedule ?? '').trim().split(/\s+/).length === 5 ? [] : [`${where}: the schedule has five fields (minute hour day month weekday)`]),
    ...(duration.test(window.duration ?? '') ? [] : [`${where}: the duration is like 30m or 1h30m`]),
  ];
}

function repeated(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
