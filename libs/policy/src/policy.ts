import { AppError } from '@plumbline/contracts';
import type { ProjectRole } from '@plumbline/contracts';
import type { Matcher } from './automaton.ts';
import { builtInMemberships, builtInRules } from './built-in-policy.ts';
import { compileGlob, plainGlob } from './glob.ts';
import { limits } from './limits.ts';
import { parsePolicyCsv } from './policy-csv.ts';
import type { Membership, PermissionRule, PolicyCsv } from './policy-csv.ts';
import { compileRegularExpression } from './regular-expression.ts';

export type MatchMode = 'glob' | 'regex';

export interface PolicySource {
  csv: string;
  /** Role of everybody who is logged in; '' = none. What it gives no rule takes away (Argo CD). */
  defaultRole: string;
  matchMode: MatchMode;
  projects: readonly { name: string; roles: readonly ProjectRole[] }[];
}

/** Rules and memberships of one origin, ready to ask. */
interface RuleSet {
  /** By the subject they are written for. */
  rules: ReadonlyMap<string, readonly CompiledRule[]>;
  /** Member → roles. */
  roles: ReadonlyMap<string, readonly string[]>;
}

interface CompiledRule {
  resource: Matcher;
  action: Matcher;
  object: Matcher;
  denies: boolean;
}

export interface Policy {
  readonly defaultRole: string;
  readonly everywhere: RuleSet;
  /** Of projects with roles. */
  readonly projects: ReadonlyMap<string, RuleSet>;
  /** What was left out, and what that means; for people. */
  readonly problems: readonly string[];
}

/**
 * Reads a policy once, to be asked often. A line that can't be read is reported and left out, and never gives anybody
 * more: where leaving it out could (it, or another line, denies), the whole text it is in is set aside, and only the
 * built-in roles and the default role remain, as with Argo CD, which refuses such a policy. A project's role policies
 * stand or fall together in the same way.
 */
export function compilePolicy(source: PolicySource): Policy {
  const problems: string[] = [];
  const written = compileRules(parsePolicyCsv(source.csv), source.matchMode, (message) => problems.push(`policy.csv ${message}`));
  const builtIn = ruleSet(
    builtInRules.map((rule) => [rule.subject, compileRule(rule, 'glob')]),
    builtInMemberships,
  );
  const projects = new Map<string, RuleSet>();
  for (const { name, roles } of source.projects) {
    if (roles.length > 0)
      projects.set(
        name,
        compileProject(name, roles, source.matchMode, (message) => problems.push(`project ${name} ${message}`)),
      );
  }
  return { defaultRole: source.defaultRole, everywhere: union(builtIn, written), projects, problems };
}

export const emptyPolicy: Policy = compilePolicy({ csv: '', defaultRole: '', matchMode: 'glob', projects: [] });

function compileProject(project: string, roles: readonly ProjectRole[], mode: MatchMode, report: (message: string) => void): RuleSet {
  const memberships: Membership[] = [];
  const rules: [string, CompiledRule][] = [];
  let isSound = true;
  for (const role of roles) {
    const subject = projectRoleSubject(project, role.name);
    rules.push([subject, { resource: exactly('projects'), action: exactly('get'), object: exactly(project), denies: false }]);
    memberships.push(...(role.groups ?? []).map((member) => ({ member, role: subject })));
    const parsed = parsePolicyCsv((role.policies ?? []).map(oneLine).join('\n'));
    const foreign = parsed.rules.find((rule) => rule.subject !== subject || !(rule.object === project || rule.object.startsWith(`${project}/`)));
    if (parsed.problems.length === 0 && foreign === undefined && parsed.memberships.length === 0) {
      const compiled = compileRules(parsed, mode, (message) => {
        isSound = false;
        report(`role ${role.name} ${message}`);
      });
      for (const [each, list] of compiled.rules) rules.push(...list.map((rule): [string, CompiledRule] => [each, rule]));
      continue;
    }
    isSound = false;
    const why = parsed.problems[0]?.message ?? `a policy must be for ${subject} and about ${project}/…`;
    report(`role ${role.name}: ${why}; the policies of this project give nothing until it is corrected`);
  }
  return isSound ? ruleSet(rules, memberships) : ruleSet([], []);
}

const oneLine = (policy: string): string => policy.replace(/[\r\n]+/g, ' ');

/** Subject of the tokens and groups of a project's role. */
export const projectRoleSubject = (project: string, role: string): string => `proj:${project}:${role}`;

function compileRules(parsed: PolicyCsv, mode: MatchMode, report: (message: string) => void): RuleSet {
  const rules: [string, CompiledRule][] = [];
  const faults = parsed.problems.map(({ line, message, mayDeny }) => ({ where: `line ${line}`, message, mayDeny }));
  for (const rule of parsed.rules) {
    try {
      rules.push([rule.subject, compileRule(rule, mode)]);
    } catch (error) {
      if (!AppError.is(error)) throw error;
      faults.push({ where: `rule for ${rule.subject}`, message: error.message, mayDeny: rule.effect === 'deny' });
    }
  }
  const isSetAside = faults.some((fault) => fault.mayDeny) || (faults.length > 0 && rules.some(([, rule]) => rule.denies));
  const consequence = isSetAside ? 'nothing of this text counts until it is corrected, because a rule that denies could be lost' : 'the line is left out';
  for (const { where, message } of faults) report(`${where}: ${message}; ${consequence}`);
  return isSetAside ? ruleSet([], []) : ruleSet(rules, parsed.memberships);
}

function compileRule(rule: PermissionRule, mode: MatchMode): CompiledRule {
  const compilePattern = (pattern: string): Matcher => (mode === 'regex' ? compileRegularExpression(pattern) : compileGlob(pattern, plainGlob));
  return {
    resource: compilePattern(rule.resource),
    action: compilePattern(rule.action),
    object: compilePattern(rule.object),
    denies: rule.effect === 'deny',
  };
}

const exactly =
  (expected: string): Matcher =>
  (text) =>
    text === expected;

function ruleSet(rules: readonly [string, CompiledRule][], memberships: readonly Membership[]): RuleSet {
  return {
    rules: grouped(rules),
    roles: grouped(memberships.map(({ member, role }) => [member, role])),
  };
}

function union(one: RuleSet, other: RuleSet): RuleSet {
  const pairs = <V>(map: ReadonlyMap<string, readonly V[]>): [string, V][] =>
    [...map].flatMap(([key, values]) => values.map((value): [string, V] => [key, value]));
  return {
    rules: grouped([...pairs(one.rules), ...pairs(other.rules)]),
    roles: grouped([...pairs(one.roles), ...pairs(other.roles)]),
  };
}

function grouped<V>(pairs: readonly (readonly [string, V])[]): Map<string, V[]> {
  const groups = new Map<string, V[]>();
  for (const [key, value] of pairs) {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}

export interface Caller {
  subject: string;
  groups: readonly string[];
}

/** What one caller may do under one policy: made once per request, asked for each object. */
export interface Rights {
  may(resource: string, action: string, object: string): boolean;
  /** May they do it with every object of every project: allowed for all, and no rule denies it for any. */
  mayWithAll(resource: string, action: string): boolean;
}

/**
 * Casbin's model as Argo CD uses it: allowed if some rule allows and none denies, over the subject, its groups and every
 * role these lead to, in the policy and in the project that the object belongs to. One exception of Argo CD's is kept
 * (what the default role gives can't be denied), one is not: a deny counts against all of a caller's identities, where
 * Argo CD lets a group allow what is denied to the user.
 */
export function rightsOf(policy: Policy, caller: Caller): Rights {
  const project = /^proj:([^:]+):[^:]+$/.exec(caller.subject)?.[1];
  const identities = [caller.subject, ...caller.groups].filter((identity) => identity !== '');
  const defaults = rulesFor(policy, undefined, policy.defaultRole === '' ? [] : [policy.defaultRole]);
  const byProject = new Map<string | undefined, CompiledRule[]>();
  const rulesIn = (owner: string | undefined): CompiledRule[] => {
    let rules = byProject.get(owner);
    if (rules === undefined) byProject.set(owner, (rules = rulesFor(policy, owner, identities)));
    return rules;
  };
  const may: Rights['may'] = (resource, action, object) => {
    const owner = projectOf(resource, object);
    // A project's token is good for its project only, whatever a global policy says of it.
    if (project !== undefined && owner !== project) return false;
    return decide(defaults, resource, action, object) || decide(rulesIn(owner), resource, action, object);
  };
  return {
    may,
    mayWithAll: (resource, action) => {
      if (project !== undefined) return false;
      if (decide(defaults, resource, action, everyObject)) return !denies(defaults, resource, action);
      const isDenied = [undefined, ...policy.projects.keys()].some((owner) => denies(rulesIn(owner), resource, action));
      return decide(rulesIn(undefined), resource, action, everyObject) && !isDenied;
    },
  };
}

/** An object of no real name: only `*`, `*\/*` and the like match it. */
const everyObject = '\u0000/\u0000';

const denies = (rules: readonly CompiledRule[], resource: string, action: string): boolean =>
  rules.some((rule) => rule.denies && rule.resource(resource) && rule.action(action));

export const authorise = (policy: Policy, caller: Caller, resource: string, action: string, object: string): boolean =>
  rightsOf(policy, caller).may(resource, action, object);

function decide(rules: readonly CompiledRule[], resource: string, action: string, object: string): boolean {
  let isAllowed = false;
  for (const rule of rules) {
    if (!rule.resource(resource) || !rule.action(action) || !rule.object(object)) continue;
    if (rule.denies) return false;
    isAllowed = true;
  }
  return isAllowed;
}

function rulesFor(policy: Policy, project: string | undefined, identities: readonly string[]): CompiledRule[] {
  const ofProject = project === undefined ? undefined : policy.projects.get(project);
  const sets = ofProject === undefined ? [policy.everywhere] : [policy.everywhere, ofProject];
  const reached = new Set(identities);
  for (const identity of reached) {
    if (reached.size > limits.rolesPerSubjectMax) return [];
    for (const set of sets) for (const role of set.roles.get(identity) ?? []) reached.add(role);
  }
  return [...reached].flatMap((identity) => sets.flatMap((set) => set.rules.get(identity) ?? []));
}

const projectObjects = new Set(['applications', 'applicationsets', 'repositories', 'clusters', 'logs', 'exec']);

/** `<project>/…` of what lives in a project; a project is its own. */
function projectOf(resource: string, object: string): string | undefined {
  if (resource === 'projects') return object;
  const slash = object.indexOf('/');
  return projectObjects.has(resource) && slash > 0 ? object.slice(0, slash) : undefined;
}
