import type { KubeObject } from '@plumbline/manifests';
import { resourceIdOf, resourceKey } from '@plumbline/manifests';
import { expect, it } from 'vitest';
import { limits } from '../limits.ts';
import { watchedResources } from '../settings/watched-resources.ts';
import type { DesiredObject, DesiredState } from './desired-object.ts';
import { withoutExcluded } from './without-excluded.ts';

const watched = watchedResources({}, 'https://kubernetes.default.svc');

function desiredOf(objects: readonly KubeObject[]): DesiredState {
  const desired = objects.map((object) => ({ key: resourceKey(resourceIdOf(object)), object }) as DesiredObject);
  const earlier = { type: 'RepeatedResourceWarning', message: 'earlier' };
  return {
    manifestSet: 'm',
    sourceType: 'Directory',
    objects: desired,
    byKey: new Map(desired.map((one) => [one.key, one])),
    images: [],
    warnings: [earlier],
  };
}

const configMap: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept', namespace: 'shop' } };
const lease = (name: string): KubeObject => ({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace: 'shop' } });

it('takes objects of excluded kinds out and says which (argocd-compat B067)', () => {
  const { objects, byKey, warnings } = withoutExcluded(desiredOf([lease('leader'), configMap]), watched);
  expect(objects.map(({ object }) => object.metadata.name)).toEqual(['kept']);
  expect([...byKey.keys()]).toEqual(['/ConfigMap/shop/kept']);
  expect(warnings.map(({ type }) => type)).toEqual(['RepeatedResourceWarning', 'ExcludedResourceWarning']);
  expect(warnings[1]?.message).toContain('coordination.k8s.io/Lease leader is excluded');
});

it('leaves a set without excluded kinds as it is', () => {
  const desired = desiredOf([configMap]);
  expect(withoutExcluded(desired, watched)).toBe(desired);
});

it('says a bounded number of them', () => {
  const many = Array.from({ length: 5_000 }, (_, index) => lease(`lease-${index}`));
  const { objects, warnings } = withoutExcluded(desiredOf(many), watched);
  expect(objects).toEqual([]);
  expect(warnings).toHaveLength(1 + limits.warningsShownMax + 1);
  expect(warnings.at(-1)?.message).toContain(`${5_000 - limits.warningsShownMax} more objects`);
});
