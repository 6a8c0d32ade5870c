import type { Application } from '@plumbline/contracts';
import type { Data } from '@plumbline/kube';
import type { IgnoreRule } from '@plumbline/manifests';
import { compileGlob, plainGlob } from '@plumbline/policy';
import { parse } from 'yaml';
import { z } from 'zod';
import { limits } from '../limits.ts';

export interface IgnoreRules {
  rules: readonly IgnoreRule[];
  /** Whose status is not compared, of manifests that set one. */
  ofStatus: readonly IgnoreRule[];
  /** What is written wrongly in argocd-cm, in words. */
  problems: readonly string[];
}

const prefix = 'resource.customizations.ignoreDifferences.';
/** The older way to write the same: one map of `<group>/<Kind>`. */
const together = 'resource.customizations';
const compareOptions = 'resource.compareoptions';

/**
 * The rules of an application and of its installation: `spec.ignoreDifferences`, and of argocd-cm
 * `resource.customizations.ignoreDifferences.all` and `….<group>_<Kind>` (argocd-compat B065), and `ignoreDifferences` in the
 * map `resource.customizations`; of `resource.compareoptions` what is about the status (B064).
 */
export function ignoreRulesOf(application: Application, settings: Data): IgnoreRules {
  const own = (application.spec.ignoreDifferences ?? []).map((rule, index): IgnoreRule => ({ ...rule, source: `spec.ignoreDifferences[${index}]` }));
  const installation = systemRules(settings);
  return { ...installation, rules: [...own, ...installation.rules] };
}

/** Of argocd-cm only what is about ignoring: another setting makes no other state. */
export const ignoreSettingsOf = (settings: Data): [string, string][] =>
  Object.entries(settings).filter(([name]) => name.startsWith(prefix) || name === together || name === compareOptions);

const rulesOfSettings = new WeakMap<Data, IgnoreRules>();

function systemRules(settings: Data): IgnoreRules {
  const before = rulesOfSettings.get(settings);
  if (before !== undefined) return before;
  const rules: IgnoreRule[] = [];
  const problems: string[] = [];
  for (const [name, text] of ignoreSettingsOf(settings)) {
    if (name === compareOptions) continue;
    for (const rule of name === together ? rulesTogether(text) : [systemRule(`argocd-cm ${name}`, groupKindOf(name.slice(prefix.length)), text)]) {
      if (typeof rule === 'string') problems.push(rule);
      else rules.push(rule);
    }
  }
  const { ofStatus, problems: ofOptions } = statusRules(settings[compareOptions]);
  const answer = { rules, ofStatus, problems: [...problems, ...ofOptions] };
  rulesOfSettings.set(settings, answer);
  return answer;
}

const written = z
  .object({
    jsonPointers: z.array(z.string()).optional(),
    jqPathExpressions: z.array(z.string()).optional(),
    managedFieldsManagers: z.array(z.string()).optional(),
  })
  .nullable();

/** What else Argo CD has there says nothing here, and may be anything. */
const writtenOptions = z.looseObject({ ignoreResourceStatusField: z.union([z.string(), z.literal(false)]).nullish() }).nullable();

const noStatus: readonly IgnoreRule[] = [{ group: '*', kind: '*', jsonPointers: ['/status'], source: `argocd-cm ${compareOptions}` }];

function statusRules(text = ''): Pick<IgnoreRules, 'ofStatus' | 'problems'> {
  const name = `argocd-cm ${compareOptions}`;
  let value: string | false;
  try {
    value = writtenOptions.parse(parse(text, { logLevel: 'error' }))?.ignoreResourceStatusField ?? '';
  } catch {
    return { ofStatus: noStatus, problems: [`${name} is not understood, and no status is compared: it has to be a YAML map`] };
  }
  switch (value) {
    case '':
    case 'all':
      return { ofStatus: noStatus, problems: [] };
    // CustomResourceDefinitions alone: their status isn't sent, so there is nothing to compare.
    case 'crd':
    case 'none':
    case 'off':
    case 'false':
    case false:
      return { ofStatus: [], problems: [] };
    default:
      return {
        ofStatus: noStatus,
        problems: [`${name}: ignoreResourceStatusField can't be ${JSON.stringify(value)}: write all, crd or none. No status is compared`],
      };
  }
}

const writtenTogether = z.record(z.string(), z.object({ ignoreDifferences: z.string().optional() }).nullable()).nullable();

function rulesTogether(text: string): (IgnoreRule | string)[] {
  try {
    return Object.entries(writtenTogether.parse(parse(text, { logLevel: 'error' })) ?? {}).flatMap(([name, customization]) => {
      if (customization?.ignoreDifferences === undefined) return [];
      const slash = name.indexOf('/');
      const meant = slash < 0 ? { group: '', kind: name } : { group: name.slice(0, slash), kind: name.slice(slash + 1) };
      return [systemRule(`argocd-cm ${together} ${name}`, meant, customization.ignoreDifferences)];
    });
  } catch {
    return [`argocd-cm ${together} is not understood and ignores nothing: it has to be a YAML map of <group>/<Kind>`];
  }
}

function systemRule(source: string, meant: { group: string; kind: string }, text: string): IgnoreRule | string {
  try {
    const { jsonPointers = [], jqPathExpressions = [], managedFieldsManagers = [] } = written.parse(parse(text, { logLevel: 'error' })) ?? {};
    return { ...meant, jsonPointers, jqPathExpressions, managedFieldsManagers, source };
  } catch {
    return `${source} is not understood and ignores nothing: it has to be YAML with lists jsonPointers, jqPathExpressions or managedFieldsManagers`;
  }
}

/** `apps_Deployment`, `Service` (no group), `all`. */
function groupKindOf(suffix: string): { group: string; kind: string } {
  if (suffix === 'all') return { group: '*', kind: '*' };
  const underscore = suffix.indexOf('_');
  return underscore < 0 ? { group: '', kind: suffix } : { group: suffix.slice(0, underscore), kind: suffix.slice(underscore + 1) };
}

const compiled = new Map<string, (text: string) => boolean>();

/** Patterns as Argo CD's: `*` matches anything. Throws `invalid-argument` for a pattern without meaning. */
export function globMatches(pattern: string, text: string): boolean {
  const known = compiled.get(pattern);
  if (known !== undefined) return known(text);
  const matches = compileGlob(pattern, plainGlob);
  if (compiled.size >= limits.globsKeptMax) compiled.clear();
  compiled.set(pattern, matches);
  return matches(text);
}
