import type { ResourceRef } from '@plumbline/contracts';

/** How things are called in a sentence that a person reads. */

/** `Deployment default/web`. */
export const nameOf = ({ kind, namespace, name }: Pick<ResourceRef, 'kind' | 'namespace' | 'name'>): string =>
  `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;

/** What happened to an object; many messages name it already. */
export const objectMessage = (object: Pick<ResourceRef, 'kind' | 'namespace' | 'name'>, message: string): string =>
  message.includes(nameOf(object)) ? message : `${nameOf(object)}: ${message}`;

/** `/spec/template/spec/containers/0/image` → `spec.template.spec.containers[0].image`. */
export function fieldOf(pointer: string): string {
  const parts = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return parts.reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '');
}

/** A commit as people say it; other revisions are left as they are. */
export const shortRevision = (revision: string): string => (/^[0-9a-f]{40,64}$/.test(revision) ? revision.slice(0, 7) : revision);

/** `12:03 UTC`, with the day when it is another one than now. */
export function clockTime(time: string, now: number): string {
  const iso = new Date(time).toISOString();
  const day = iso.slice(0, 10);
  return `${day === new Date(now).toISOString().slice(0, 10) ? '' : `${day} `}${iso.slice(11, 16)} UTC`;
}

/** `a, b and 3 more`. */
export function listOf(words: readonly string[], shown: number, more = 0): string {
  const kept = words.slice(0, shown);
  const left = words.length - kept.length + more;
  if (left > 0) return `${kept.join(', ')} and ${left} more`;
  return kept.length < 2 ? kept.join('') : `${kept.slice(0, -1).join(', ')} and ${kept.at(-1)}`;
}

export const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Ends what somebody else wrote, once. */
export const sentence = (text: string): string => `${text.trim().replace(/[.;:,\s]+$/, '')}.`;

/** The first line of a longer text, cut. */
export const firstLine = (text: string, charsMax: number): string => {
  const [line = ''] = text.trim().split('\n');
  return line.length > charsMax ? `${line.slice(0, charsMax - 1)}…` : line;
};
