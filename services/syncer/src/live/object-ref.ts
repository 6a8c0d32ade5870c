import type { ObjectRef } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { groupVersionKind } from '@plumbline/manifests';

/** Where the API server has this object. */
export function refOf(object: KubeObject): ObjectRef {
  const { namespace, name } = object.metadata;
  return { ...groupVersionKind(object), ...(namespace === undefined ? {} : { namespace }), name };
}
