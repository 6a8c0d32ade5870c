import { AppError } from '@plumbline/contracts';
import type { Discovery } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { groupVersionKind, isCustomResourceDefinition, servedByDefinition } from '@plumbline/manifests';
import type { DesiredObject, DesiredState } from './desired-object.ts';

/** `apiVersion Kind` of manifests that the cluster can't have. */
export type UnknownKinds = ReadonlySet<string>;

/**
 * Kinds among the manifests that the cluster doesn't serve, in that version, and that nothing is expected to bring: no
 * CustomResourceDefinition of the same set, and no `SkipDryRunOnMissingResource=true` (argocd-compat B017). `unlisted`:
 * `group/Kind` of those that can't be listed, whatever discovery says of them.
 */
export function unknownKindsOf({ objects }: Pick<DesiredState, 'objects'>, discovery: Discovery, unlisted: ReadonlySet<string>): Set<string> {
  const brought = broughtKinds(objects);
  const unknown = objects.filter(({ object }) => {
    const { group, version, kind } = groupVersionKind(object);
    const isServed = !unlisted.has(`${group}/${kind}`) && discovery.find(group, version, kind) !== undefined;
    return !isServed && !brought.has(`${group}/${kind}`);
  });
  return new Set(unknown.map(({ object }) => nameOf(object)));
}

/** `group/Kind` of what isn't there yet and may come with the sync, or before its objects' wave. */
function broughtKinds(objects: readonly DesiredObject[]): Set<string> {
  return new Set(
    objects.flatMap(({ object, options }) => {
      const served = isCustomResourceDefinition(object) ? servedByDefinition(object) : undefined;
      const { group, kind } = groupVersionKind(object);
      return [
        ...(served === undefined ? [] : [`${served.group}/${served.kind}`]),
        // Its objects fail at their wave, if nothing brought it until then.
        ...(options.skipDryRunOnMissingResource ? [`${group}/${kind}`] : []),
      ];
    }),
  );
}

/** What is wrong with an object of such a kind; undefined for one of a known kind. */
export function unknownKind({ object, file }: Pick<DesiredObject, 'object' | 'file'>, unknown: UnknownKinds): AppError | undefined {
  if (!unknown.has(nameOf(object))) return undefined;
  const { group, version, kind } = groupVersionKind(object);
  const place = file === undefined ? '' : ` (${file})`;
  return new AppError(
    'unknown-kind',
    `The Kubernetes API could not find version "${version}" of ${group === '' ? '' : `${group}/`}${kind} for ${object.metadata.name}${place}`,
  );
}

const nameOf = ({ apiVersion, kind }: KubeObject): string => `${apiVersion} ${kind}`;
