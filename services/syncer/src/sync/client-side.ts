import type { KubeObject } from '@plumbline/manifests';
import { annotation, annotationOf, extractOwned, groupVersionKind, ownEntry } from '@plumbline/manifests';
import { fieldManager } from '../field-managers.ts';

/**
 * How a list of a built-in kind is merged by a strategic merge patch (Kubernetes API conventions, "Strategic Merge
 * Patch"; the patchMergeKey of the API's Go types): by the key of its elements. Lists that aren't here are replaced.
 */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  imagePullSecrets: 'name',
  secrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  schedulingGates: 'name',
  resourceClaims: 'name',
  ownerReferences: 'uid',
  webhooks: 'name',
  matchConditions: 'name',
};

/** Lists of text that are merged as sets. */
const mergedSets: ReadonlySet<string> = new Set(['finalizers']);

/** Groups of the kinds that are built in and know strategic merge patches; a CustomResourceDefinition may be in others that end in .k8s.io. */
const builtInGroups: ReadonlySet<string> = new Set([
  ...['', 'apps', 'batch', 'autoscaling', 'policy', 'extensions'],
  ...['admissionregistration', 'apiextensions', 'apiregistration', 'certificates', 'coordination', 'discovery', 'events', 'networking', 'node']
    .concat('rbac.authorization', 'resource', 'scheduling', 'storage', 'flowcontrol.apiserver')
    .map((name) => `${name}.k8s.io`),
]);

export const isStrategic = (object: KubeObject): boolean => builtInGroups.has(groupVersionKind(object).group);

/** The manifest with kubectl's record of itself, which the next client-side apply compares with. */
export function withLastApplied(manifest: KubeObject): KubeObject {
  const { [annotation.lastApplied]: _, ...annotations } = manifest.metadata.annotations ?? {};
  const plain = { ...manifest, metadata: { ...manifest.metadata, annotations } };
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [annotation.lastApplied]: `${JSON.stringify(plain)}\n` } } };
}

/**
 * What `kubectl apply` would send (argocd-compat B030): the whole manifest, and a deletion for all that the last applied
 * one had and this one doesn't. What others added, and what the server defaulted, stays. `sent` is what of the manifest is
 * written: the rest is left to others.
 */
export function clientSidePatch(manifest: KubeObject, live: KubeObject, sent: KubeObject = manifest): Record<string, unknown> {
  const wanted = withLastApplied(manifest);
  const last = lastApplied(live);
  const path: Path = { kind: manifest.kind, isStrategic: isStrategic(manifest), field: '', parent: '' };
  return withoutUnsent(patchOf(last, wanted, path), manifest, sent) as Record<string, unknown>;
}

/** The patch without what the manifest has and isn't sent; what only the patch has (deletions, the record) stays. */
function withoutUnsent(patch: unknown, manifest: unknown, sent: unknown): unknown {
  if (manifest === sent) return patch;
  if (Array.isArray(patch) && Array.isArray(manifest) && Array.isArray(sent)) {
    return manifest.length === sent.length ? patch.map((element, index) => withoutUnsent(element, manifest[index], sent[index])) : patch;
  }
  if (!isRecord(patch) || !isRecord(manifest) || !isRecord(sent)) return patch;
  const kept = Object.entries(patch).filter(([field]) => !(field in manifest) || field in sent);
  return Object.fromEntries(kept.map(([field, value]) => [field, withoutUnsent(value, manifest[field], sent[field])]));
}

/**
 * What the annotation says, unless it is broken: then nothing was applied before, as far as one knows. Without one, what we
 * applied server-side before the option changed.
 */
function lastApplied(live: KubeObject): unknown {
  const text = annotationOf(live, annotation.lastApplied);
  if (text === undefined) {
    const applied = ownEntry(live, fieldManager.objects, 'Apply');
    return applied?.fieldsV1 === undefined || applied.apiVersion !== live.apiVersion ? undefined : extractOwned(live, applied.fieldsV1);
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Path {
  kind: string;
  isStrategic: boolean;
  /** Name of the field, and of the one that it is in (of the list, for its elements). */
  field: string;
  parent: string;
}

function patchOf(last: unknown, wanted: unknown, path: Path): unknown {
  if (isRecord(wanted)) return patchOfMap(isRecord(last) ? last : {}, wanted, path);
  const key = path.isStrategic && Array.isArray(wanted) ? mergeKeyOf(path) : undefined;
  if (key === undefined || !Array.isArray(wanted)) return wanted;
  const before: readonly unknown[] = Array.isArray(last) ? last : [];
  const keyOf = (element: unknown): unknown => (isRecord(element) ? element[key] : undefined);
  const kept = new Set(wanted.map(keyOf));
  const patched = wanted.map((element) =>
    patchOf(
      before.find((other) => keyOf(other) !== undefined && keyOf(other) === keyOf(element)),
      element,
      path,
    ),
  );
  const dropped = before.filter((element) => keyOf(element) !== undefined && !kept.has(keyOf(element)));
  return [...patched, ...dropped.map((element) => ({ $patch: 'delete', [key]: keyOf(element) }))];
}

function patchOfMap(last: Record<string, unknown>, wanted: Record<string, unknown>, path: Path): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(wanted)) {
    const at = { ...path, field, parent: path.field };
    patch[field] = patchOf(last[field], value, at);
    const lost = path.isStrategic && mergedSets.has(field) ? lostMembers(last[field], value) : [];
    if (lost.length > 0) patch[`$deleteFromPrimitiveList/${field}`] = lost;
  }
  for (const [field, value] of Object.entries(last)) {
    if (field in wanted) continue;
    // Of lists that others write to, too, only our own members go.
    const key = path.isStrategic && Array.isArray(value) ? mergeKeyOf({ ...path, field, parent: path.field }) : undefined;
    if (key !== undefined) patch[field] = patchOf(value, [], { ...path, field, parent: path.field });
    else if (path.isStrategic && mergedSets.has(field)) patch[`$deleteFromPrimitiveList/${field}`] = lostMembers(value, []);
    else patch[field] = null;
  }
  if (path.isStrategic && retainsKeys(path)) patch['$retainKeys'] = Object.keys(wanted);
  return patch;
}

function mergeKeyOf({ kind, field, parent }: Path): string | undefined {
  if (field !== 'ports') return mergeKeys[field];
  if (parent === 'containers' || parent === 'initContainers') return 'containerPort';
  return kind === 'Service' ? 'port' : undefined;
}

/** Unions: another member of one takes the place of the former (a volume's type, a Deployment's strategy). */
const retainsKeys = ({ field, kind }: Path): boolean => field === 'volumes' || (field === 'strategy' && kind === 'Deployment');

function lostMembers(last: unknown, wanted: unknown): unknown[] {
  const kept: readonly unknown[] = Array.isArray(wanted) ? wanted : [];
  return Array.isArray(last) ? last.filter((member) => !kept.includes(member)) : [];
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a write changes without anybody having asked for it. */
const serverMetadata: ReadonlySet<string> = new Set(['managedFields', 'resourceVersion', 'generation']);

/**
 * JSON pointers at which the answer of a dry run differs from what is there, of what the patch is about: what others wrote
 * meanwhile is no difference. Nor is kubectl's own record.
 */
export function changedByPatch(live: KubeObject, answer: KubeObject, patch: Record<string, unknown>): string[] {
  const shown = ({ metadata, ...rest }: KubeObject): unknown => {
    const { [annotation.lastApplied]: _, ...annotations } = metadata.annotations ?? {};
    return { ...rest, metadata: { ...Object.fromEntries(Object.entries(metadata).filter(([field]) => !serverMetadata.has(field))), annotations } };
  };
  return differences(shown(live), shown(answer), patch, '');
}

/** Within a list the patch's elements are at other places than the object's: all of it counts. */
function differences(before: unknown, after: unknown, patch: unknown, at: string): string[] {
  if (isRecord(before) && isRecord(after)) {
    const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((field) => !isRecord(patch) || field in patch);
    return fields.flatMap((field) =>
      differences(before[field], after[field], isRecord(patch) ? patch[field] : undefined, `${at}/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`),
    );
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((element, index) => differences(element, after[index], undefined, `${at}/${index}`));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [at];
}
