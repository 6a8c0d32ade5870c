import { expect, test } from 'vitest';
import { externalUrls, images } from './summary.ts';
import type { KubeObject } from './object.ts';

const ingress = (spec: unknown, more: { annotations?: Record<string, string>; status?: unknown } = {}): KubeObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name: 'i', annotations: more.annotations ?? {} },
  spec,
  status: more.status,
});

test('images of workloads, pods and cron jobs, sorted, each once', () => {
  const podSpec = { initContainers: [{ image: 'init:1' }], containers: [{ image: 'web:2' }, { name: 'no-image' }] };
  const workload = (kind: string, spec: unknown): KubeObject => ({ apiVersion: 'apps/v1', kind, metadata: { name: kind }, spec });
  expect(
    images([
      workload('Deployment', { template: { spec: podSpec } }),
      workload('Pod', { containers: [{ image: 'web:2' }, { image: 'a:1' }] }),
      workload('CronJob', { jobTemplate: { spec: { template: { spec: { containers: [{ image: 'cron:3' }] } } } } }),
      workload('ConfigMap', undefined),
    ]),
  ).toEqual(['a:1', 'cron:3', 'init:1', 'web:2']);
});

test.each<[string, KubeObject, string[]]>([
  ['a host without paths', ingress({ rules: [{ host: 'a.example' }] }), ['http://a.example']],
  [
    'TLS of this host',
    ingress({ tls: [{ hosts: ['a.example'] }], rules: [{ host: 'a.example', http: { paths: [{ path: '/x/*' }] } }, { host: 'b.example' }] }),
    ['http://b.example', 'https://a.example/x/'],
  ],
  ['TLS of every host', ingress({ tls: [{ secretName: 's' }], rules: [{ host: 'a.example' }] }), ['https://a.example']],
  [
    'no host: where the load balancer answers',
    ingress({ rules: [{ http: { paths: [{ path: '/' }] } }] }, { status: { loadBalancer: { ingress: [{ ip: '192.0.2.7' }, { hostname: 'lb.example' }] } } }),
    ['http://192.0.2.7/', 'http://lb.example/'],
  ],
  ['links beside it', ingress({ rules: [] }, { annotations: { 'link.argocd.argoproj.io/docs': 'Docs|https://docs.example' } }), ['Docs|https://docs.example']],
  ['no default links wanted', ingress({ rules: [{ host: 'a.example' }] }, { annotations: { 'argocd.argoproj.io/ignore-default-links': 'true' } }), []],
  ['never a script', ingress({}, { annotations: { 'link.argocd.argoproj.io/x': 'javascript:alert(1)' } }), []],
])('external addresses: %s', (_name, object, expected) => {
  expect(externalUrls([object])).toEqual(expected);
});
