import { canonicalJson } from '@plumbline/contracts';
import { differingPaths, ownEntry, pathsOf, restrictToManifest, valuesAt, type FieldsV1, type KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testClient } from '../test/real-server.ts';
import type { KubeClient } from './index.ts';

/** What libs/manifests makes of managedFields, held against what a real server writes into them. */
let kube: KubeClient;
let namespace: string;
let drop: () => Promise<void>;
beforeAll(async () => void ({ kube, namespace, drop } = await testClient()));
afterAll(async () => await drop?.());

const fieldManager = 'plumbline-test';
const container = {
  name: 'web',
  image: 'nginx:1',
  command: ['a', 'b'],
  ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }],
  env: [
    { name: 'A', value: '1' },
    { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  ],
  resources: { limits: { memory: '1024Mi' } },
  volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
};
const podTemplate = {
  metadata: { labels: { app: 'x' } },
  spec: { securityContext: {}, containers: [container], volumes: [{ name: 'tmp', emptyDir: {} }], tolerations: [{ key: 'k', operator: 'Exists' }] },
};
const manifests = new Map<string, KubeObject>(
  (
    [
      ['v1', 'ConfigMap', { data: { 'a.b': '1' } }],
      ['apps/v1', 'Deployment', { spec: { replicas: 0, selector: { matchLabels: { app: 'x' } }, strategy: { type: 'Recreate' }, template: podTemplate } }],
      [
        'v1',
        'Service',
        {
          spec: {
            selector: { app: 'x' },
            ports: [
              { name: 'web', port: 80, targetPort: 'http' },
              { name: 'tls', port: 443 },
            ],
          },
        },
      ],
      ['networking.k8s.io/v1', 'NetworkPolicy', { spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ ports: [{ port: 80 }] }] } }],
      ['rbac.authorization.k8s.io/v1', 'Role', { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }],
      [
        'networking.k8s.io/v1',
        'Ingress',
        {
          spec: {
            rules: [{ host: 'a.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }] } }],
          },
        },
      ],
      ['v1', 'ServiceAccount', { automountServiceAccountToken: false, imagePullSecrets: [{ name: 'r' }] }],
      [
        'autoscaling/v2',
        'HorizontalPodAutoscaler',
        {
          spec: {
            scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' },
            maxReplicas: 3,
            metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }],
          },
        },
      ],
    ] as const
  ).map(([apiVersion, kind, fields]) => [
    kind,
    {
      apiVersion,
      kind,
      metadata: { name: kind.toLowerCase(), labels: { 'app.kubernetes.io/name': 'x' }, finalizers: ['plumbline.example/test'] },
      ...fields,
    },
  ]),
);

const inNamespace = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, namespace } });
const refOf = (object: KubeObject): Parameters<KubeClient['get']>[0] => {
  const [group = '', version = ''] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  return { group, version, kind: object.kind, namespace, name: object.metadata.name };
};
const owned = (object: KubeObject): FieldsV1 => ownEntry(object, fieldManager, 'Apply')!.fieldsV1!;

describe.each([...manifests.keys()])('%s', (kind) => {
  const manifest = (): KubeObject => inNamespace(manifests.get(kind)!);
  let applied: KubeObject;
  beforeAll(async () => void (applied = await kube.apply(manifest(), { fieldManager })));
  afterAll(async () => {
    await kube.mergePatch(refOf(applied), { metadata: { finalizers: null } }, { fieldManager: 'clean-up' });
    await kube.delete(refOf(applied));
  });

  test('nothing of it differs from what was applied, now and after a dry run', async () => {
    const again = await kube.apply(manifest(), { fieldManager, dryRun: true });
    expect(differingPaths(applied, again, owned(applied), manifest())).toEqual([]);
    expect(canonicalJson(owned(again))).toBe(canonicalJson(owned(applied)));
  });

  test('every path that the server says we own has a value', () => {
    const values = valuesAt(applied, owned(applied), manifest());
    expect(Object.keys(values)).toEqual(
      expect.arrayContaining(['f:metadata/f:labels/f:app.kubernetes.io~1name', 'f:metadata/f:finalizers/v:"plumbline.example~1test"']),
    );
    expect(Object.keys(values)).toHaveLength(pathsOf(owned(applied)).length);
  });

  test('what somebody adds beside it does not count; what somebody changes does', async () => {
    const beside = await kube.mergePatch(refOf(applied), { metadata: { labels: { foreign: 'x' }, annotations: { a: 'b' } } }, { fieldManager: 'somebody' });
    expect(differingPaths(applied, beside, owned(applied), manifest())).toEqual([]);
    const changed = await kube.mergePatch(refOf(applied), { metadata: { labels: { 'app.kubernetes.io/name': 'y' } } }, { fieldManager: 'somebody' });
    expect(differingPaths(applied, changed, owned(applied), manifest())).toEqual(['/metadata/labels/app.kubernetes.io~1name']);
    expect(canonicalJson(owned(changed))).not.toBe(canonicalJson(owned(applied)));
    await kube.apply(manifest(), { fieldManager });
  });
});

test.each(['ConfigMap', 'Deployment', 'Service', 'Role', 'Ingress', 'ServiceAccount'])('a live %s restricted to its manifest is the manifest', async (kind) => {
  const manifest = inNamespace({ ...manifests.get(kind)!, metadata: { name: `restricted-${kind.toLowerCase()}` } });
  const live = await kube.apply(manifest, { fieldManager });
  const expected = structuredClone(manifest);
  // The server writes quantities its own way: the one kind of difference that only a dry run can judge.
  if (kind === 'Deployment')
    (expected as never as { spec: { template: { spec: { containers: [typeof container] } } } }).spec.template.spec.containers[0].resources.limits.memory =
      '1Gi';
  expect(restrictToManifest(live, manifest)).toEqual(expected);
});

test('of a Deployment with several writers each sees its own', async () => {
  const manifest = inNamespace({ ...manifests.get('Deployment')!, metadata: { name: 'shared' } });
  const applied = await kube.apply(manifest, { fieldManager });
  const spec = (fields: object): object => ({ spec: { template: { spec: fields } } });
  const injected = await kube.apply(
    {
      ...manifest,
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'sidecar', image: 'proxy:1' },
              { name: 'web', env: [{ name: 'INJECTED', value: '1' }] },
            ],
          },
        },
      },
    },
    { fieldManager: 'injector' },
  );
  expect(differingPaths(applied, injected, owned(applied), manifest)).toEqual([]);
  const scaled = await kube.mergePatch(refOf(manifest), { spec: { replicas: 2 } }, { fieldManager: 'kubectl-scale' });
  expect(differingPaths(applied, scaled, owned(applied), manifest)).toEqual(['/spec/replicas']);
  expect(ownEntry(scaled, fieldManager, 'Apply')?.fieldsV1).not.toHaveProperty('f:spec.f:replicas');
  const volumes = await kube.mergePatch(refOf(manifest), spec({ volumes: [{ name: 'tmp', emptyDir: { medium: 'Memory' } }] }), { fieldManager: 'somebody' });
  expect(differingPaths(scaled, volumes, owned(applied), manifest)).toEqual([]);
  const command = await kube.apply(
    { ...manifest, spec: { template: { spec: { containers: [{ name: 'web', command: ['a', 'c'] }] } } } },
    { fieldManager: 'injector' },
  );
  expect(differingPaths(volumes, command, owned(applied), manifest)).toEqual([expect.stringMatching(/containers\/\d\/command\/1$/)]);
});
