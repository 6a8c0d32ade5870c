import { annotationOf } from '../annotations.ts';
import { at, recordsAt, textAt } from '../json.ts';
import { formatPointer } from '../json-pointer.ts';
import { groupVersionKind, type KubeObject } from '../object.ts';
import type { IgnoredPlace } from './places.ts';

/**
 * What controllers own although manifests send it (architecture, "Difference"): never compared, and left to them when
 * the manifest is written.
 *
 * - `rules` of a ClusterRole with an `aggregationRule`: the control plane fills them from other ClusterRoles.
 * - `caBundle` of webhooks, APIServices and of a CustomResourceDefinition's conversion, where the manifest leaves it
 *   empty or has a placeholder, or an annotation asks for injection. A bundle of the manifest's own is compared.
 * - `status`: not sent where it is written apart from the rest of the object (`prepare` leaves it out).
 *
 * `object` is the manifest, the live object or what an apply would make of it; places are those of `object`.
 */
export function controllerOwned(object: KubeObject, manifest: KubeObject): IgnoredPlace[] {
  const { group, kind } = groupVersionKind(manifest);
  if (group === 'rbac.authorization.k8s.io' && kind === 'ClusterRole') {
    return at(manifest, 'aggregationRule') === undefined || at(object, 'rules') === undefined ? [] : [{ pointer: '/rules', source: 'aggregated ClusterRole' }];
  }
  const bundles = bundlesOf(object, group, kind);
  if (bundles.length === 0) return [];
  const isInjected = injectionAnnotations.some((name) => annotationOf(manifest, name) !== undefined);
  const sent = new Map(bundlesOf(manifest, group, kind).map(({ name, bundle }) => [name, bundle]));
  return bundles
    .filter(({ name }) => isInjected || (sent.has(name) && isPlaceholder(sent.get(name))))
    .map(({ path }) => ({ pointer: formatPointer(path), source: 'injected caBundle' }));
}

/** cert-manager's CA injector and OpenShift's service CA. */
const injectionAnnotations: readonly string[] = [
  'cert-manager.io/inject-ca-from',
  'cert-manager.io/inject-ca-from-secret',
  'cert-manager.io/inject-apiserver-ca',
  'service.beta.openshift.io/inject-cabundle',
];

/** Nothing, or the lone line end ("Cg==") that charts put there because the field was once required. */
const isPlaceholder = (bundle: unknown): boolean => bundle === null || bundle === '' || bundle === 'Cg==';

interface Bundle {
  /** Tells the webhooks of one configuration apart. */
  name: string;
  path: readonly (string | number)[];
  bundle: unknown;
}

function bundlesOf(object: KubeObject, group: string, kind: string): Bundle[] {
  switch (`${group}/${kind}`) {
    case 'admissionregistration.k8s.io/MutatingWebhookConfiguration':
    case 'admissionregistration.k8s.io/ValidatingWebhookConfiguration':
      return recordsAt(object, 'webhooks').flatMap((webhook, index) =>
        found({ name: textAt(webhook, 'name') ?? '', path: ['webhooks', index, 'clientConfig', 'caBundle'], bundle: at(webhook, 'clientConfig', 'caBundle') }),
      );
    case 'apiregistration.k8s.io/APIService':
      return found({ name: '', path: ['spec', 'caBundle'], bundle: at(object, 'spec', 'caBundle') });
    case 'apiextensions.k8s.io/CustomResourceDefinition': {
      const path = ['spec', 'conversion', 'webhook', 'clientConfig', 'caBundle'];
      return found({ name: '', path, bundle: at(object, ...path) });
    }
    default:
      return [];
  }
}

const found = (one: Bundle): Bundle[] => (one.bundle === undefined ? [] : [one]);
