import { AppError } from '@plumbline/contracts';
import { parsePointer } from '../json-pointer.ts';
import { groupVersionKind, type KubeObject } from '../object.ts';

/** What of which objects is not compared (argocd-compat B065, B066), as an Application or the installation writes it. */
export interface IgnoreRule {
  group?: string;
  kind: string;
  name?: string;
  namespace?: string;
  jsonPointers?: readonly string[];
  jqPathExpressions?: readonly string[];
  managedFieldsManagers?: readonly string[];
  /** Where it is written, for people: `spec.ignoreDifferences[0]`. */
  source: string;
}

/** What the rules say about one object. `source` says which rule each comes from. */
export interface Ignored {
  pointers: readonly { pointer: string; source: string }[];
  /** jq expressions of paths: `.spec.template.spec.containers[] | select(.name == "proxy")`. */
  expressions: readonly { expression: string; source: string }[];
  /** Field managers whose fields in the live object are not compared. */
  managers: readonly { manager: string; source: string }[];
  /** Rules that mean nothing, in words. */
  problems: readonly string[];
}

export const nothingIgnored: Ignored = { pointers: [], expressions: [], managers: [], problems: [] };

/** Group and kind are globs, name and namespace exact or empty (B065). `globMatches` may throw for a pattern without meaning. */
export function ignoredOf(object: KubeObject, rules: readonly IgnoreRule[], globMatches: (pattern: string, text: string) => boolean): Ignored {
  const problems: string[] = [];
  const meant = rules.filter((rule) => {
    try {
      return isMeant(rule, object, globMatches);
    } catch (error) {
      problems.push(`${rule.source}: ${AppError.from(error).message}`);
      return false;
    }
  });
  if (meant.length === 0 && problems.length === 0) return nothingIgnored;
  const pointers = meant.flatMap(({ jsonPointers = [], source }) =>
    jsonPointers.flatMap((pointer) => {
      const problem = pointerProblem(pointer);
      if (problem === undefined) return [{ pointer, source }];
      problems.push(`${source}: ${problem}`);
      return [];
    }),
  );
  return {
    pointers,
    expressions: meant.flatMap(({ jqPathExpressions = [], source }) => jqPathExpressions.map((expression) => ({ expression, source }))),
    managers: meant.flatMap(({ managedFieldsManagers = [], source }) => managedFieldsManagers.map((manager) => ({ manager, source }))),
    problems,
  };
}

function isMeant(rule: IgnoreRule, object: KubeObject, globMatches: (pattern: string, text: string) => boolean): boolean {
  const { group, kind } = groupVersionKind(object);
  const { name, namespace = '' } = object.metadata;
  const isNamed = (wanted: string | undefined, actual: string): boolean => wanted === undefined || wanted === '' || wanted === actual;
  return isNamed(rule.name, name) && isNamed(rule.namespace, namespace) && globMatches(rule.kind, kind) && globMatches(rule.group ?? '', group);
}

function pointerProblem(pointer: string): string | undefined {
  try {
    return parsePointer(pointer).length === 0 ? 'an empty JSON pointer would ignore the whole object' : undefined;
  } catch (error) {
    return AppError.from(error).message;
  }
}
