import { AppError } from '@plumbline/contracts';
import type { KindInfo } from './port.ts';
import { describe, named } from './server-error.ts';

/** URL path of all objects of a kind, in one namespace or everywhere. */
export function collectionPath(info: KindInfo, namespace?: string): string {
  const version = info.group === '' ? `/api/${info.version}` : `/apis/${info.group}/${info.version}`;
  return namespace === undefined || namespace === '' || !info.namespaced
    ? `${version}/${info.resource}`
    : `${version}/namespaces/${encodeURIComponent(namespace)}/${info.resource}`;
}

/** URL path of one object. `invalid-argument` when the kind lives in namespaces and none is given. */
export function objectPath(info: KindInfo, at: { namespace?: string; name: string }): string {
  requireNamespace(info, at);
  if (at.name === '') throw new AppError('invalid-argument', `${describe(info)}: an object without a name can only be created`, { details: named(info) });
  return `${collectionPath(info, at.namespace)}/${encodeURIComponent(at.name)}`;
}

export function requireNamespace(info: KindInfo, at: { namespace?: string; name: string }): void {
  if (!info.namespaced || (at.namespace !== undefined && at.namespace !== '')) return;
  const subject = { group: info.group, kind: info.kind, name: at.name };
  throw new AppError('manifest-invalid', `${describe(subject)} has no namespace: set metadata.namespace, or a destination namespace`, {
    details: named(subject),
  });
}

export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
