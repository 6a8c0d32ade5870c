import { groupVersionKind } from '@plumbline/manifests';
import type { WatchedResources } from '../settings/watched-resources.ts';
import type { DesiredObject, DesiredState } from './desired-object.ts';

/** Objects of excluded kinds are neither compared nor applied, and it is said which (argocd-compat B067). */
export function withoutExcluded(desired: DesiredState, watched: WatchedResources): DesiredState {
  const isExcluded = ({ object }: DesiredObject): boolean => {
    const { group, kind } = groupVersionKind(object);
    return watched.isExcluded(group, kind);
  };
  const excluded = desired.objects.filter(isExcluded);
  if (excluded.length === 0) return desired;
  const objects = desired.objects.filter((one) => !isExcluded(one));
  return {
    ...desired,
    objects,
    byKey: new Map([...desired.byKey].filter(([, one]) => !isExcluded(one))),
    warnings: [...desired.warnings, ...excluded.map(({ object }) => ({ type: 'ExcludedResourceWarning', message: messageOf(object) }))],
  };
}

function messageOf(object: DesiredObject['object']): string {
  const { group, kind } = groupVersionKind(object);
  return `Resource ${group === '' ? '' : `${group}/`}${kind} ${object.metadata.name} is excluded in the settings (resource.exclusions, resource.inclusions of argocd-cm): it is not applied`;
}
