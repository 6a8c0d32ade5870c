import { describe, expect, test } from 'vitest';
import { instanceName, managingInstance, parseInstanceName, parseTrackingId, track, trackingId } from './tracking.ts';
import type { KubeObject } from './object.ts';

const deployment: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'nginx-demo', namespace: 'default' } };
const service: KubeObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'n', namespace: 'ns' } };
const clusterRole: KubeObject = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'system:reader' } };
const definition: KubeObject = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'things.x.io' } };

test.each([
  [deployment, 'nginx-demo-app:apps/Deployment:default/nginx-demo'],
  [service, 'nginx-demo-app:/Service:ns/n'],
  [clusterRole, 'nginx-demo-app:rbac.authorization.k8s.io/ClusterRole:dest/system:reader'],
])('tracking id of %j', (object, expected) => {
  const id = trackingId('nginx-demo-app', object, 'dest');
  expect(id).toBe(expected);
  expect(parseTrackingId(id)).toMatchObject({ instance: 'nginx-demo-app', kind: object.kind, name: object.metadata.name });
  expect(managingInstance(track(object, 'nginx-demo-app', 'dest'))).toBe('nginx-demo-app');
});

test.each(['', 'app', 'app:apps/Deployment', 'app:Deployment:ns/n', 'app:apps/Deployment:ns', ':apps/Deployment:ns/n'])('%j is no tracking id', (value) => {
  expect(parseTrackingId(value)).toBeUndefined();
});

test('applications outside the control namespace are named with theirs', () => {
  expect(instanceName({ namespace: 'argocd', name: 'a' }, 'argocd')).toBe('a');
  expect(instanceName({ namespace: 'team', name: 'a' }, 'argocd')).toBe('team_a');
  expect(parseInstanceName('team_a', 'argocd')).toEqual({ namespace: 'team', name: 'a' });
  expect(parseInstanceName('a', 'argocd')).toEqual({ namespace: 'argocd', name: 'a' });
});

test('definitions carry no tracking (B082)', () => {
  expect(track(definition, 'a')).toBe(definition);
});

test('tracking keeps the other annotations and the object given', () => {
  const before = structuredClone({ ...deployment, metadata: { ...deployment.metadata, annotations: { a: 'b' } } });
  const given = structuredClone(before);
  expect(track(given, 'x').metadata.annotations).toMatchObject({ a: 'b' });
  expect(given).toEqual(before);
});

describe('a copied annotation manages nothing (B083)', () => {
  const { annotations } = track(service, 'a').metadata;
  test.each<[string, KubeObject]>([
    ['other kind', { ...service, kind: 'Endpoints', metadata: { ...service.metadata, annotations } }],
    ['other name', { ...service, metadata: { ...service.metadata, name: 'm', annotations } }],
    ['other namespace', { ...service, metadata: { ...service.metadata, namespace: 'other', annotations } }],
    ['other group', { ...service, apiVersion: 'serving.knative.dev/v1', metadata: { ...service.metadata, annotations } }],
  ])('%s', (_name, object) => {
    expect(managingInstance(object)).toBeUndefined();
  });
});
