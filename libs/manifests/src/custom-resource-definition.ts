import { at, isRecord, recordsAt, textAt } from './json.ts';
import { groupVersionKind, type KubeObject } from './object.ts';

export interface DefinedKind {
  group: string;
  kind: string;
  namespaced: boolean;
}

export function isCustomResourceDefinition(object: KubeObject): boolean {
  return object.kind === 'CustomResourceDefinition' && groupVersionKind(object).group === 'apiextensions.k8s.io';
}

/** The kind that a CustomResourceDefinition makes the server know; undefined when the definition is incomplete. */
export function servedByDefinition(definition: KubeObject): DefinedKind | undefined {
  const group = textAt(definition, 'spec', 'group');
  const kind = textAt(definition, 'spec', 'names', 'kind');
  if (group === undefined || kind === undefined) return undefined;
  return { group, kind, namespaced: textAt(definition, 'spec', 'scope') !== 'Cluster' };
}

/** The versions that a definition declares, and whether `status` is written apart from the rest of the object in each. */
export const versionsOfDefinition = (definition: KubeObject): { name: string; hasStatusSubresource: boolean }[] =>
  recordsAt(definition, 'spec', 'versions').flatMap((version) => {
    const name = textAt(version, 'name');
    return name === undefined ? [] : [{ name, hasStatusSubresource: isRecord(at(version, 'subresources', 'status')) }];
  });
