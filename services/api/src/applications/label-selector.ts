import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

/**
 * A Kubernetes label selector (`a=b,c!=d,e in (x, y),f notin (z),g,!h`) as a function. As in Kubernetes, `!=` and
 * `notin` also select what lacks the label. @throws AppError `invalid-argument`
 */
export function parseLabelSelector(text: string): Requirement {
  if (text.length > limits.selectorCharsMax) throw unreadable(`it is longer than ${limits.selectorCharsMax} characters`);
  const requirements = splitOutsideBrackets(text).map(parseRequirement);
  return (labels) => requirements.every((requirement) => requirement(labels));
}

const key = String.raw`[A-Za-z0-9]([A-Za-z0-9._/-]{0,315}[A-Za-z0-9])?`;
const value = String.raw`([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?`;
const existence = new RegExp(`^(!?)\\s*(${key})$`);
const equality = new RegExp(`^(${key})\\s*(=|==|!=)\\s*(${value})$`);
const membership = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);

function parseRequirement(part: string): Requirement {
  const equal = equality.exec(part);
  if (equal !== null) {
    const [, name = '', , operator, wanted = ''] = equal;
    return operator === '!=' ? (labels) => labels[name] !== wanted : (labels) => labels[name] === wanted;
  }
  const member = membership.exec(part);
  if (member !== null) {
    const [, name = '', , operator, list = ''] = member;
    const values = new Set(list.split(',').map((each) => each.trim()));
    const isIn: Requirement = (labels) => labels[name] !== undefined && values.has(labels[name]);
    return operator === 'in' ? isIn : (labels) => !isIn(labels);
  }
  const exists = existence.exec(part);
  if (exists === null) throw unreadable(`"${part.slice(0, 80)}" is no requirement`);
  const [, negation, name = ''] = exists;
  return (labels) => (labels[name] === undefined) === (negation === '!');
}

function splitOutsideBrackets(text: string): string[] {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  return parts.length === 1 && parts[0] === '' ? [] : parts;
}

const unreadable = (why: string): AppError => new AppError('invalid-argument', `label selector can't be read: ${why}`);
