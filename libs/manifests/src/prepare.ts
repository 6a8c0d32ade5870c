import { AppError } from '@plumbline/contracts';
import { groupVersionKind, resourceIdOf, resourceKey, type GroupVersionKind, type KubeObject, type ResourceId } from './object.ts';
import { isCustomResourceDefinition, servedByDefinition, versionsOfDefinition } from './custom-resource-definition.ts';
import { isRecord } from './json.ts';

export interface RenderedObject {
  manifest: Record<string, unknown>;
  /** Path in the repository, for error messages. */
  file?: string;
}

export interface PrepareOptions {
  /** `spec.destination.namespace`; empty or absent leaves namespaced objects without one (the server then refuses them). */
  defaultNamespace?: string;
  /** From discovery; undefined = a kind that the cluster does not know. */
  isNamespaced(group: string, kind: string): boolean | undefined;
  /** From discovery: whoever writes an object of this kind does not write its status. Undefined = a kind that the cluster does not know. */
  hasStatusSubresource(kind: GroupVersionKind): boolean | undefined;
}

export interface Desired {
  /** In the order of rendering; each resource key once (objects with only a generateName are all kept). */
  objects: KubeObject[];
  /** Keys that were rendered more than once. The last one was taken (B067). */
  duplicates: ResourceId[];
}

/**
 * What an application wants in its cluster, made from what its sources rendered: lists flattened, namespaces filled in
 * or blanked by scope, Secret `stringData` folded into `data`, what only a server writes left out.
 *
 * A status is kept only where a write of the object writes it too (argocd-compat B064): elsewhere the server would not look
 * at it. What a kind that the cluster does not know yet is like is taken from a CustomResourceDefinition among the objects;
 * an unknown kind keeps the namespace that it has. Throws `manifest-invalid` (details: `file`) for what is not an object.
 */
export function prepare(rendered: readonly RenderedObject[], options: PrepareOptions): Desired {
  const flat = rendered.flatMap(({ manifest, file }) => flatten(manifest).map((item) => cleaned(asObject(item, file))));
  const declaredScopes = new Map<string, boolean>();
  const declaredStatus = new Map<string, boolean>();
  for (const object of flat) {
    const served = isCustomResourceDefinition(object) ? servedByDefinition(object) : undefined;
    if (served === undefined) continue;
    declaredScopes.set(`${served.group}/${served.kind}`, served.namespaced);
    for (const { name, hasStatusSubresource } of versionsOfDefinition(object))
      declaredStatus.set(`${served.group}/${name}/${served.kind}`, hasStatusSubresource);
  }
  const isNamespaced = (group: string, kind: string): boolean | undefined => options.isNamespaced(group, kind) ?? declaredScopes.get(`${group}/${kind}`);
  const keepsStatus = (object: KubeObject): boolean => {
    const { group, version, kind } = groupVersionKind(object);
    const known = options.hasStatusSubresource({ group, version, kind }) ?? declaredStatus.get(`${group}/${version}/${kind}`);
    return known === false && saysSomething(object['status']) && !isOwnKind(group, kind);
  };
  const all = flat.map((object) => (keepsStatus(object) ? object : withoutStatus(object)));
  return withoutDuplicates(all.map((object) => scoped(object, isNamespaced, options.defaultNamespace ?? '')));
}

/** Tools that write manifests leave an empty one in them. */
const saysSomething = (status: unknown): boolean => status !== undefined && status !== null && !(isRecord(status) && Object.keys(status).length === 0);

/** We write their status ourselves, and they have no subresource for it: a manifest's would be in our way. */
const isOwnKind = (group: string, kind: string): boolean => group === 'argoproj.io' && (kind === 'Application' || kind === 'AppProject');

function withoutStatus(object: KubeObject): KubeObject {
  const { status: _, ...rest } = object;
  return rest;
}

/** Items of any List kind, at any depth. Items of a typed list (ConfigMapList) may leave out what the list says. */
function flatten(manifest: Record<string, unknown>): Record<string, unknown>[] {
  const { kind, items, apiVersion } = manifest;
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return [manifest];
  const itemKind = kind === 'List' ? undefined : kind.slice(0, -'List'.length);
  return items.flatMap((item) => {
    if (!isRecord(item)) return [{ apiVersion, kind: itemKind }];
    const typed = itemKind === undefined ? item : { apiVersion, kind: itemKind, ...item };
    return flatten(typed);
  });
}

function asObject(manifest: Record<string, unknown>, file: string | undefined): KubeObject {
  const where = file === undefined ? '' : ` in ${file}`;
  const refuse = (what: string): never => {
    throw new AppError('manifest-invalid', `${describe(manifest)}${where} ${what}`, { details: file === undefined ? {} : { file } });
  };
  if (typeof manifest['kind'] !== 'string' || manifest['kind'] === '') refuse('has no kind: every manifest needs apiVersion, kind and metadata.name');
  if (typeof manifest['apiVersion'] !== 'string' || manifest['apiVersion'] === '')
    refuse('has no apiVersion: every manifest needs apiVersion, kind and metadata.name');
  const metadata = manifest['metadata'];
  if (!isRecord(metadata)) return refuse('has no metadata: every manifest needs metadata.name');
  if (!isText(metadata['name']) && !isText(metadata['generateName'])) refuse('has neither metadata.name nor metadata.generateName');
  if (metadata['namespace'] !== undefined && metadata['namespace'] !== null && typeof metadata['namespace'] !== 'string')
    refuse('has a metadata.namespace that is not text');
  for (const field of ['labels', 'annotations'] as const) {
    const map = metadata[field];
    if (map === undefined || map === null) continue;
    if (!isRecord(map)) return refuse(`has metadata.${field} that is not a map`);
    for (const [name, value] of Object.entries(map)) {
      if (typeof value !== 'string' && value !== null) refuse(`has a value of metadata.${field} ${name} that is not text: put it in quotes`);
    }
  }
  return manifest as unknown as KubeObject;
}

function describe(manifest: Record<string, unknown>): string {
  const name = isRecord(manifest['metadata']) ? (manifest['metadata']['name'] ?? manifest['metadata']['generateName']) : undefined;
  if (!isText(manifest['kind'])) return 'a manifest';
  return isText(name) ? `${manifest['kind']} ${name}` : `a ${manifest['kind']}`;
}

/** What only a server writes. Sent along, it would be refused (managedFields, uid) or make an object look changed forever. */
const serverMetadata: readonly string[] = ['creationTimestamp', 'managedFields', 'uid', 'resourceVersion', 'generation', 'selfLink'];

function cleaned(object: KubeObject): KubeObject {
  const { metadata, ...rest } = object;
  const kept = Object.entries(metadata).filter(([field, value]) => value !== null && !serverMetadata.includes(field));
  return foldStringData({ ...rest, metadata: { ...(Object.fromEntries(kept) as KubeObject['metadata']), name: metadata.name ?? '' } });
}

function scoped(object: KubeObject, isNamespaced: PrepareOptions['isNamespaced'], defaultNamespace: string): KubeObject {
  const { group, kind } = groupVersionKind(object);
  const { namespace, ...metadata } = object.metadata;
  const isEmpty = namespace === undefined || namespace === '';
  const namespaced = isNamespaced(group, kind) ?? !isEmpty;
  if (!namespaced) return { ...object, metadata };
  const wanted = isEmpty ? defaultNamespace : namespace;
  return { ...object, metadata: wanted === '' ? metadata : { ...metadata, namespace: wanted } };
}

function withoutDuplicates(objects: readonly KubeObject[]): Desired {
  const kept = new Map<string, KubeObject>();
  const duplicates = new Map<string, ResourceId>();
  objects.forEach((object, index) => {
    const id = resourceIdOf(object);
    const key = id.name === '' ? `generated ${index}` : resourceKey(id);
    if (kept.delete(key)) duplicates.set(key, id);
    kept.set(key, object);
  });
  return { objects: [...kept.values()], duplicates: [...duplicates.values()] };
}

/**
 * A Secret with `stringData` folded into `data`, as the server does on a write: under server-side apply `stringData`
 * leaves stale keys behind. Other objects come back as they are.
 */
export function foldStringData(object: KubeObject): KubeObject {
  if (object.kind !== 'Secret' || object.apiVersion !== 'v1' || !('stringData' in object)) return object;
  const { stringData, data, ...rest } = object;
  if (!isRecord(stringData)) return { ...rest, ...(data === undefined ? {} : { data }) };
  const encoded = Object.entries(stringData).map(([key, value]) => [key, base64(textOf(value, object, key))] as const);
  return { ...rest, data: { ...(isRecord(data) ? data : {}), ...Object.fromEntries(encoded) } };
}

function textOf(value: unknown, object: KubeObject, key: string): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  throw new AppError('manifest-invalid', `Secret ${object.metadata.name} has stringData ${key} that is not text: put it in quotes`);
}

function base64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
