import type { ResourceTree, ResourceTreeNode } from '@plumbline/contracts';
import { groupVersionKind, health, images, parseResourceKey } from '@plumbline/manifests';
import type { Cluster } from '../live/cluster.ts';
import type { LiveRow } from '../live/row.ts';

/** What an application manages and everything below it by owner references, in Argo CD's shape. */
export function resourceTree(keys: Iterable<string>, cluster: Cluster, nodesMax: number): ResourceTree {
  const nodes = new Map<string, ResourceTreeNode>();
  const visit = (row: LiveRow, parent: LiveRow | undefined): void => {
    if (nodes.has(row.uid) || nodes.size >= nodesMax) return;
    nodes.set(row.uid, toNode(row, parent));
    for (const child of cluster.state.childrenOf(row.uid)) visit(child, row);
  };
  for (const key of keys) {
    const row = cluster.state.row(key);
    if (row !== undefined) visit(row, undefined);
  }
  return { nodes: [...nodes.values()], orphanedNodes: [] };
}

function toNode(row: LiveRow, parent: LiveRow | undefined): ResourceTreeNode {
  const { kind, namespace, name } = parseResourceKey(row.key);
  const { group, version } = groupVersionKind({ apiVersion: row.apiVersion, kind });
  const found = row.object === undefined ? row.shown?.health : health(row.object);
  const used = row.object === undefined ? (row.shown?.images ?? []) : images([row.object]);
  return {
    group,
    version,
    kind,
    namespace,
    name,
    uid: row.uid,
    resourceVersion: row.resourceVersion,
    createdAt: row.createdAt,
    ...(parent === undefined ? {} : { parentRefs: [{ ...parseResourceKey(parent.key), uid: parent.uid }] }),
    ...(found === undefined ? {} : { health: { status: found.status, ...(found.message === undefined ? {} : { message: found.message }) } }),
    ...(used.length === 0 ? {} : { images: [...used] }),
  };
}
