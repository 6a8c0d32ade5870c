import { annotation, annotationOf } from './annotations.ts';
import { isCustomResourceDefinition } from './custom-resource-definition.ts';
import { groupVersionKind, type KubeObject, type ResourceId } from './object.ts';

/** What a tracking annotation says: which application the object belongs to, and which object it was written on. */
export interface Tracking extends ResourceId {
  /** `<name>`, or `<namespace>_<name>` for an application outside the control namespace. */
  instance: string;
}

/** How an application is named in tracking annotations: with its namespace when that is not the control namespace. */
export function instanceName(application: { namespace: string; name: string }, controlNamespace: string): string {
  return application.namespace === controlNamespace ? application.name : `${application.namespace}_${application.name}`;
}

/** The reverse of `instanceName`. Neither part of a Kubernetes name can contain an underscore. */
export function parseInstanceName(instance: string, controlNamespace: string): { namespace: string; name: string } {
  const underscore = instance.indexOf('_');
  return underscore < 0 ? { namespace: controlNamespace, name: instance } : { namespace: instance.slice(0, underscore), name: instance.slice(underscore + 1) };
}

/**
 * `<instance>:<group>/<kind>:<namespace>/<name>` (B081). A cluster-scoped object carries the application's destination
 * namespace, as Argo CD writes it.
 */
export function trackingId(instance: string, object: KubeObject, destinationNamespace = ''): string {
  const { group, kind } = groupVersionKind(object);
  return `${instance}:${group}/${kind}:${object.metadata.namespace ?? destinationNamespace}/${object.metadata.name}`;
}

export function parseTrackingId(value: string): Tracking | undefined {
  const match = /^([^:]+):([^:/]*)\/([^:/]+):([^:/]*)\/(.+)$/.exec(value);
  if (match === null) return undefined;
  const [, instance = '', group = '', kind = '', namespace = '', name = ''] = match;
  return { instance, group, kind, namespace, name };
}

/** A copy that says which application it belongs to. A CustomResourceDefinition never does: applications share them (B082). */
export function track(object: KubeObject, instance: string, destinationNamespace = ''): KubeObject {
  if (isCustomResourceDefinition(object)) return object;
  const annotations = { ...object.metadata.annotations, [annotation.trackingId]: trackingId(instance, object, destinationNamespace) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** What the object's own annotation says, right or copied. */
export function trackingOf(object: KubeObject): Tracking | undefined {
  const value = annotationOf(object, annotation.trackingId);
  return value === undefined ? undefined : parseTrackingId(value);
}

/**
 * Whether the annotation was written on this very object. Controllers copy annotations from parents to children (an
 * Endpoints from its Service): such an object is not managed and must never be pruned (B083).
 */
export function isSelfReferenced(object: KubeObject, tracking: Tracking): boolean {
  const { group, kind } = groupVersionKind(object);
  const { namespace, name } = object.metadata;
  const isClusterScoped = namespace === undefined || namespace === '';
  return tracking.group === group && tracking.kind === kind && tracking.name === name && (isClusterScoped || tracking.namespace === namespace);
}

/** The application instance that manages the object; undefined when none does, or the annotation is a copy. */
export function managingInstance(object: KubeObject): string | undefined {
  const tracking = trackingOf(object);
  return tracking !== undefined && isSelfReferenced(object, tracking) ? tracking.instance : undefined;
}
