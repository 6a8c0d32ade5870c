import { groupVersionKind } from '@plumbline/manifests';
import { limits } from '../limits.ts';
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
    warnings: [...desired.warnings, ...messagesOf(excluded).map((message) => ({ type: 'ExcludedResourceWarning', message }))],
  };
}

function messagesOf(excluded: readonly DesiredObject[]): string[] {
  const messages = excluded.slice(0, limits.warningsShownMax).map(({ object }) => messageOf(object));
  const more = excluded.length - messages.length;
  return more === 0 ? messages : [...messages, `${more} more objects are of kinds that are excluded in the settings: they are not applied`];
}

function messageOf(object: DesiredObject['object']): string {
  const { group, kind } = groupVersionKind(object);
  return `Resource ${group === '' ? '' : `${group}/`}${kind} ${object.metadata.name} is excluded in the settings (resource.exclusions, resource.inclusions of argocd-cm): it is not applied`;
}
