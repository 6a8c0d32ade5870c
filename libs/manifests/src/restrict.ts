import { isRecord, jsonEqual, type JsonRecord } from './json.ts';
import { groupVersionKind, type KubeObject } from './object.ts';

/**
 * The values of a live object at the paths that a manifest sets: what to show beside the manifest when nothing better
 * (a dry run's answer) is at hand. Equal to the manifest where nothing of it was changed.
 *
 * Lists whose items the server merges by key are matched by that key, in the manifest's order, and items of others are
 * left out; any other list is answered whole. An empty map means existence only. A `null` in the manifest means absence.
 */
export function restrictToManifest(live: KubeObject, manifest: KubeObject): JsonRecord {
  return restrictMap(live, manifest, [], mergeKeysOf(manifest));
}

/** Answers the merge keys of the list at a path (field names, without list places), or undefined when it is not merged by key. */
type MergeKeys = (path: readonly string[]) => ListMerge | undefined;
type ListMerge = { keys: readonly string[]; defaults?: JsonRecord } | 'set';

function restrict(live: unknown, wanted: unknown, path: readonly string[], mergeKeys: MergeKeys): unknown {
  if (isRecord(live) && isRecord(wanted)) return restrictMap(live, wanted, path, mergeKeys);
  if (!Array.isArray(live) || !Array.isArray(wanted)) return live;
  const merge = mergeKeys(path);
  if (merge === undefined) return live;
  if (merge === 'set') return wanted.filter((item) => live.some((other) => jsonEqual(item, other)));
  return restrictList(live, wanted, merge, (item, itemWanted) => restrict(item, itemWanted, path, mergeKeys)) ?? live;
}

function restrictMap(live: JsonRecord, wanted: JsonRecord, path: readonly string[], mergeKeys: MergeKeys): JsonRecord {
  const restricted = Object.entries(wanted).flatMap(([field, value]): [string, unknown][] => {
    if (value === undefined) return [];
    if (Object.hasOwn(live, field)) return [[field, restrict(live[field], value, [...path, field], mergeKeys)]];
    return value === null ? [[field, null]] : [];
  });
  return Object.fromEntries(restricted);
}

/** Undefined when the keys don't tell the items apart: then the list can only be looked at whole. */
function restrictList(
  live: readonly unknown[],
  wanted: readonly unknown[],
  merge: { keys: readonly string[]; defaults?: JsonRecord },
  restrictItem: (live: unknown, wanted: unknown) => unknown,
): unknown[] | undefined {
  const byKey = keyed(live, merge);
  const wantedByKey = keyed(wanted, merge);
  if (byKey === undefined || wantedByKey === undefined) return undefined;
  return [...wantedByKey].flatMap(([key, item]) => (byKey.has(key) ? [restrictItem(byKey.get(key), item)] : []));
}

function keyed(items: readonly unknown[], { keys, defaults = {} }: { keys: readonly string[]; defaults?: JsonRecord }): Map<string, unknown> | undefined {
  const byKey = new Map<string, unknown>();
  for (const item of items) {
    if (!isRecord(item)) return undefined;
    const key = JSON.stringify(keys.map((name) => item[name] ?? defaults[name] ?? null));
    if (byKey.has(key)) return undefined;
    byKey.set(key, item);
  }
  return byKey;
}

/** Of metadata, in every kind. */
const metadataLists: Readonly<Record<string, ListMerge>> = {
  'metadata/finalizers': 'set',
  'metadata/ownerReferences': { keys: ['uid'] },
};

/** Of a pod's spec (`x-kubernetes-list-map-keys` in the API's schema); volumes' inner lists and tolerations are atomic. */
const podSpecLists: Readonly<Record<string, ListMerge>> = {
  volumes: { keys: ['name'] },
  imagePullSecrets: { keys: ['name'] },
  hostAliases: { keys: ['ip'] },
  topologySpreadConstraints: { keys: ['topologyKey', 'whenUnsatisfiable'] },
  resourceClaims: { keys: ['name'] },
  schedulingGates: { keys: ['name'] },
  ...Object.fromEntries(
    ['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) => [
      [list, { keys: ['name'] }],
      [`${list}/env`, { keys: ['name'] }],
      [`${list}/ports`, { keys: ['containerPort', 'protocol'], defaults: { protocol: 'TCP' } }],
      [`${list}/volumeMounts`, { keys: ['mountPath'] }],
      [`${list}/volumeDevices`, { keys: ['devicePath'] }],
      [`${list}/resources/claims`, { keys: ['name'] }],
    ]),
  ),
};

const podSpecPathOf: Readonly<Record<string, string>> = {
  '/Pod': 'spec',
  '/ReplicationController': 'spec/template/spec',
  'apps/Deployment': 'spec/template/spec',
  'apps/StatefulSet': 'spec/template/spec',
  'apps/DaemonSet': 'spec/template/spec',
  'apps/ReplicaSet': 'spec/template/spec',
  'batch/Job': 'spec/template/spec',
  'batch/CronJob': 'spec/jobTemplate/spec/template/spec',
};

const listsOfKind: Readonly<Record<string, Readonly<Record<string, ListMerge>>>> = {
  '/Service': { 'spec/ports': { keys: ['port', 'protocol'], defaults: { protocol: 'TCP' } } },
  '/ServiceAccount': { secrets: { keys: ['name'] } },
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': { webhooks: { keys: ['name'] } },
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': { webhooks: { keys: ['name'] } },
};

function mergeKeysOf(manifest: KubeObject): MergeKeys {
  const { group, kind } = groupVersionKind(manifest);
  const podSpec = podSpecPathOf[`${group}/${kind}`];
  const ofKind = listsOfKind[`${group}/${kind}`];
  return (path) => {
    const at = path.join('/');
    if (Object.hasOwn(metadataLists, at)) return metadataLists[at];
    if (ofKind !== undefined && Object.hasOwn(ofKind, at)) return ofKind[at];
    if (podSpec === undefined || !at.startsWith(`${podSpec}/`)) return undefined;
    const inPodSpec = at.slice(podSpec.length + 1);
    return Object.hasOwn(podSpecLists, inPodSpec) ? podSpecLists[inPodSpec] : undefined;
  };
}
