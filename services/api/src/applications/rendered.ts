import { AppError, blobScope, describeResourceTree } from '@plumbline/contracts';
import type { Application, ManifestSet, ResourceTree } from '@plumbline/contracts';
import type { BlobStore } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import type { Caller } from '../access/authentication.ts';
import type { Catalogue } from './catalogue.ts';

export interface ManifestsAnswer {
  manifests: string[];
  revision: string;
  sourceType: string;
  namespace: string;
  server: string;
}

/** The manifest set of the last comparison, from the blob store. Secret values are sealed there and stay closed: stars go out. */
export async function manifestsOf(application: Application, revision: string | undefined, catalogue: Catalogue, blobs: BlobStore): Promise<ManifestsAnswer> {
  const known = catalogue.known(application);
  const compared = known?.status?.sync.revision ?? '';
  if (known?.manifestSet === undefined)
    throw new AppError('failed-precondition', `application ${application.metadata.name} has not been rendered yet`, { retry: 'later' });
  if (revision !== undefined && revision !== '' && revision !== compared) {
    throw new AppError('unsupported', `only the manifests of the compared revision ${compared} can be shown`);
  }
  const bytes = (await blobs.get(blobScope.manifests, [known.manifestSet])).get(known.manifestSet);
  if (bytes === undefined)
    throw new AppError('not-found', `the manifests of revision ${compared} are no longer stored; refresh the application`, { retry: 'later' });
  const set = JSON.parse(bytes.toString('utf8')) as ManifestSet;
  return {
    manifests: set.objects.map((object) => JSON.stringify(masked(object.manifest))),
    revision: compared,
    sourceType: known.sourceType ?? '',
    namespace: application.spec.destination.namespace ?? '',
    server: application.spec.destination.server ?? '',
  };
}

/** As many characters whatever the value is: not even its length is told. */
const stars = '++++++++';
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** A manifest without what is secret in it. */
export function masked(manifest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (manifest['kind'] !== 'Secret' || String(manifest['apiVersion']) !== 'v1') return { ...manifest };
  const hide = (data: unknown): unknown =>
    typeof data === 'object' && data !== null ? Object.fromEntries(Object.keys(data).map((key) => [key, stars])) : data == null ? data : stars;
  const metadata = manifest['metadata'] as { annotations?: Record<string, string> } | undefined;
  const annotations = metadata?.annotations;
  return {
    ...manifest,
    ...('data' in manifest ? { data: hide(manifest['data']) } : {}),
    ...('stringData' in manifest ? { stringData: hide(manifest['stringData']) } : {}),
    ...(annotations?.[lastApplied] === undefined ? {} : { metadata: { ...metadata, annotations: { ...annotations, [lastApplied]: stars } } }),
  };
}

export interface TreeParts {
  bus: Bus;
  blobs: BlobStore;
  signCaller: (caller: Caller, audience: string) => Promise<string>;
}

/** Live objects below the application: syncer is asked, the answer is fetched from the blob store. */
export async function resourceTreeOf(application: Application, caller: Caller, { bus, blobs, signCaller }: TreeParts): Promise<ResourceTree> {
  const { name, namespace = '' } = application.metadata;
  const token = await signCaller(caller, describeResourceTree.service);
  const { blob } = await bus.call(describeResourceTree, { namespace, name }, { token });
  const bytes = (await blobs.get(blobScope.answers, [blob])).get(blob);
  if (bytes === undefined) throw new AppError('unavailable', `the resource tree of ${name} was not kept long enough; ask again`, { retry: 'later' });
  return JSON.parse(bytes.toString('utf8')) as ResourceTree;
}
