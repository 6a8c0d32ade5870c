import type { Discovery } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { groupVersionKind } from '@plumbline/manifests';
import type { ClusterState } from '../live/cluster-state.ts';

const definitions = { group: 'apiextensions.k8s.io', kind: 'CustomResourceDefinition' } as const;

/**
 * The generation of the CustomResourceDefinition behind a kind: with another schema an apply may mean something else,
 * though neither manifest nor live object changed. Undefined for built-in kinds, and while it isn't known.
 */
export function schemaGeneration(object: KubeObject, discovery: Discovery, state: Pick<ClusterState, 'row' | 'kindState'>): number | undefined {
  const { group, kind } = groupVersionKind(object);
  if (!mayBeCustom(group) || state.kindState(definitions.group, definitions.kind) !== 'synced') return undefined;
  const info = discovery.findKind(group, kind);
  return info === undefined ? undefined : state.row(`${definitions.group}/${definitions.kind}//${info.resource}.${group}`)?.generation;
}

/** A definition's group has a dot; these have one too, and are the server's own. */
const builtInGroups: ReadonlySet<string> = new Set(
  ['admissionregistration', 'apiextensions', 'apiregistration', 'authentication', 'authorization', 'certificates', 'coordination', 'discovery']
    .concat(['events', 'flowcontrol.apiserver', 'internal.apiserver', 'networking', 'node', 'rbac.authorization', 'resource', 'scheduling', 'storage'])
    .concat(['storagemigration'])
    .map((name) => `${name}.k8s.io`),
);

const mayBeCustom = (group: string): boolean => group.includes('.') && !builtInGroups.has(group);
