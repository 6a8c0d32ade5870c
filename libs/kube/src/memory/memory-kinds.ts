import { AppError } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import type { Discovery, KindInfo } from '../port.ts';

const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

/** `group/version Kind resource scope`; scope N = namespaced, C = cluster. */
const builtIn = [
  '/v1 Namespace namespaces C',
  '/v1 ConfigMap configmaps N',
  '/v1 Secret secrets N',
  '/v1 Service services N',
  '/v1 Pod pods N',
  '/v1 ServiceAccount serviceaccounts N',
  '/v1 PersistentVolumeClaim persistentvolumeclaims N',
  '/v1 Endpoints endpoints N',
  'apps/v1 Deployment deployments N',
  'apps/v1 ReplicaSet replicasets N',
  'apps/v1 StatefulSet statefulsets N',
  'apps/v1 DaemonSet daemonsets N',
  'apps/v1 ControllerRevision controllerrevisions N',
  'batch/v1 Job jobs N',
  'batch/v1 CronJob cronjobs N',
  'discovery.k8s.io/v1 EndpointSlice endpointslices N',
  'apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions C',
  'argoproj.io/v1alpha1 Application applications N',
  'argoproj.io/v1alpha1 AppProject appprojects N',
];

/** Kinds whose `status` only their controllers write. */
const withStatus = new Set([
  'Namespace',
  'Service',
  'Pod',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'CustomResourceDefinition',
]);

function kindOf(line: string): KindInfo {
  const [groupVersion = '', kind = '', resource = '', scope] = line.split(' ');
  const [group = '', version = ''] = groupVersion.split('/');
  return { group, version, kind, resource, namespaced: scope === 'N', verbs, preferred: true, hasStatusSubresource: withStatus.has(kind) };
}

/** What the in-memory API server serves: the built-in kinds and those of CustomResourceDefinitions. */
export class MemoryKinds {
  #kinds: KindInfo[] = builtIn.map(kindOf);
  #discovery: Discovery | undefined;

  discovery(): Discovery {
    return (this.#discovery ??= discoveryOf(this.#kinds));
  }

  /** @throws AppError `unknown-kind` */
  require(group: string, version: string, kind: string): KindInfo {
    const found = this.discovery().find(group, version, kind);
    if (found === undefined) throw new AppError('unknown-kind', `the API server does not know ${kind} in ${group === '' ? version : `${group}/${version}`}`);
    return found;
  }

  define(definition: KubeObject): void {
    this.forget(definition);
    this.#kinds = [...this.#kinds, ...definedBy(definition)];
    this.#discovery = undefined;
  }

  /** Answers the kinds that are served no more. */
  forget(definition: KubeObject): KindInfo[] {
    const gone = definedBy(definition);
    this.#kinds = this.#kinds.filter((known) => !gone.some((other) => other.group === known.group && other.kind === known.kind));
    this.#discovery = undefined;
    return gone;
  }
}

function definedBy(definition: KubeObject): KindInfo[] {
  const spec = definition['spec'] as {
    group: string;
    scope: string;
    names: { kind: string; plural: string };
    versions: { name: string; served: boolean; storage: boolean; subresources?: { status?: object } }[];
  };
  const { kind, plural: resource } = spec.names;
  return spec.versions
    .filter((version) => version.served)
    .map(({ name: version, storage: preferred, subresources }) => ({
      group: spec.group,
      version,
      kind,
      resource,
      namespaced: spec.scope === 'Namespaced',
      verbs,
      preferred,
      hasStatusSubresource: subresources?.status !== undefined,
    }));
}

function discoveryOf(kinds: readonly KindInfo[]): Discovery {
  return {
    serverVersion: 'v1.34.0',
    kinds,
    apiVersions: [...new Set(kinds.map(({ group, version }) => (group === '' ? version : `${group}/${version}`)))],
    unavailableGroups: [],
    find: (group, version, kind) => kinds.find((info) => info.group === group && info.version === version && info.kind === kind),
    findKind: (group, kind) => kinds.find((info) => info.group === group && info.kind === kind && info.preferred),
  };
}
