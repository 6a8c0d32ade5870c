import { annotation, annotationOf } from './annotations.ts';
import { at, isRecord, recordsAt, textAt } from './json.ts';
import { groupVersionKind, type KubeObject } from './object.ts';

/** Where a pod's spec stands, in any kind that has one (CronJob, workloads and their look-alikes, Pod). */
const podSpecPaths: readonly (readonly string[])[] = [['spec', 'jobTemplate', 'spec', 'template', 'spec'], ['spec', 'template', 'spec'], ['spec']];

/** The container images that these objects run, sorted, each once (`status.summary.images`). */
export function images(objects: readonly KubeObject[]): string[] {
  const found = new Set<string>();
  for (const object of objects) {
    for (const path of podSpecPaths) {
      const spec = at(object, ...path);
      for (const container of [...recordsAt(spec, 'initContainers'), ...recordsAt(spec, 'containers')]) {
        const image = textAt(container, 'image');
        if (image !== undefined && image !== '') found.add(image);
      }
    }
  }
  return [...found].sort();
}

/**
 * Addresses that people can open (`status.summary.externalURLs`): of Ingresses, from their rules or, for a rule without
 * host, from where the load balancer answers; and of the annotations `link.argocd.argoproj.io/…` of any object. Only
 * http and https: a link in a manifest must not become a script in somebody's browser.
 */
export function externalUrls(objects: readonly KubeObject[]): string[] {
  const found = new Set<string>();
  for (const object of objects) {
    for (const url of [...(isIngress(object) ? ingressUrls(object) : []), ...linkedUrls(object)]) found.add(url);
  }
  return [...found].sort();
}

function isIngress(object: KubeObject): boolean {
  return object.kind === 'Ingress' && ['networking.k8s.io', 'extensions'].includes(groupVersionKind(object).group);
}

function ingressUrls(ingress: KubeObject): string[] {
  if (annotationOf(ingress, annotation.ignoreDefaultLinks) === 'true') return [];
  const answering = recordsAt(ingress, 'status', 'loadBalancer', 'ingress').flatMap((entry) => textAt(entry, 'hostname') || textAt(entry, 'ip') || []);
  const tls = recordsAt(ingress, 'spec', 'tls');
  const secured = new Set(tls.flatMap((entry) => at(entry, 'hosts') ?? []));
  // A TLS entry without hosts is about every host of the Ingress.
  const isEveryHostSecured = tls.some((entry) => !Array.isArray(entry['hosts']) || entry['hosts'].length === 0);
  return recordsAt(ingress, 'spec', 'rules').flatMap((rule) => {
    const host = textAt(rule, 'host') ?? '';
    const scheme = isEveryHostSecured || secured.has(host) ? 'https' : 'http';
    const paths = recordsAt(rule, 'http', 'paths').map((path) => (textAt(path, 'path') ?? '').replace(/\*+$/, ''));
    return (host === '' ? answering : [host]).flatMap((name) => (paths.length === 0 ? [''] : paths).map((path) => `${scheme}://${name}${path}`));
  });
}

/** The value is an address, or `text|address`; it is passed on as written. */
function linkedUrls(object: KubeObject): string[] {
  const annotations = isRecord(object.metadata.annotations) ? object.metadata.annotations : {};
  return Object.entries(annotations).flatMap(([name, value]) => {
    if (!name.startsWith(annotation.link)) return [];
    return /^https?:\/\//i.test(value.slice(value.indexOf('|') + 1)) ? [value] : [];
  });
}
