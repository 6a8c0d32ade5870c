import { limits } from './limits.ts';

/** `p, subject, resource, action, object, effect`. */
export interface PermissionRule {
  subject: string;
  resource: string;
  action: string;
  object: string;
  effect: 'allow' | 'deny';
}

/** `g, member, role`. */
export interface Membership {
  member: string;
  role: string;
}

export interface PolicyProblem {
  /** From 1, in the text it was read from. */
  line: number;
  text: string;
  message: string;
  /** The line may have been meant to deny something: leaving it out could give rights. */
  mayDeny: boolean;
}

export interface PolicyCsv {
  rules: PermissionRule[];
  memberships: Membership[];
  problems: PolicyProblem[];
}

/** Casbin's CSV as Argo CD has it in `policy.csv`: one rule a line, `#` begins a comment line, fields may be quoted. */
export function parsePolicyCsv(text: string): PolicyCsv {
  const parsed: PolicyCsv = { rules: [], memberships: [], problems: [] };
  const lines = text.split(/\r?\n/);
  lines.slice(0, limits.policyLinesMax).forEach((line, index) => parseLine(line, index + 1, parsed));
  if (lines.length > limits.policyLinesMax) {
    parsed.problems.push({ line: limits.policyLinesMax + 1, text: '', message: `only ${limits.policyLinesMax} lines are read`, mayDeny: true });
  }
  return parsed;
}

function parseLine(line: string, number: number, into: PolicyCsv): void {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return;
  const problem = (message: string, mayDeny: boolean): void => void into.problems.push({ line: number, text: text.slice(0, 200), message, mayDeny });
  const fields = splitFields(text);
  if (fields === undefined) return problem('a quote is not closed', true);
  if (fields[0] === 'g') {
    const [, member = '', role = ''] = fields;
    // A membership may lead to a role that denies; whether there is one, the whole policy tells.
    if (fields.length !== 3 || member === '' || role === '') return problem('a group line is: g, member, role', false);
    into.memberships.push({ member, role });
    return;
  }
  const effect = fields.at(-1);
  if (fields[0] !== 'p') return problem('a line begins with p or g', true);
  if (fields.length !== 6) return problem('a permission line is: p, subject, resource, action, object, allow|deny', effect !== 'allow');
  if (effect !== 'allow' && effect !== 'deny') return problem(`the effect is "allow" or "deny", not "${effect?.slice(0, 20)}"`, true);
  const [, subject = '', resource = '', action = '', object = ''] = fields;
  if (subject === '' || resource === '' || action === '' || object === '') return problem('a field is empty', effect !== 'allow');
  into.rules.push({ subject, resource, action, object, effect });
}

function splitFields(line: string): string[] | undefined {
  const fields: string[] = [];
  for (let rest = line; ;) {
    const quoted = /^\s*"((?:[^"]|"")*)"\s*(,|$)/.exec(rest);
    const found = quoted ?? /^([^",]*)(,|$)/.exec(rest);
    if (found === null) return undefined;
    const [whole, field = '', end] = found;
    fields.push(quoted === null ? field.trim() : field.replaceAll('""', '"'));
    if (end === '') return fields;
    rest = rest.slice(whole.length);
  }
}
