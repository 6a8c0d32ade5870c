import type { BlobStore, Sealer } from '@plumbline/blobs';
import { AppError, blobScope, canonicalJson } from '@plumbline/contracts';
import type { ApplicationSpec, renderManifests, RequestOf } from '@plumbline/contracts';
import { createHash } from 'node:crypto';
import { buildEnvironment } from './domain/build-environment.ts';
import { parametersOf, sourceOf } from './domain/source.ts';
import type { Surroundings } from './domain/trace.ts';
import type { EngineRequest } from './engine/engine-process.ts';
import { limits } from './limits.ts';
import { makeObjectCache } from './repository/object-cache.ts';
import { makeRepositoryTree } from './repository/repository-tree.ts';
import type { RepositoryTree } from './repository/repository-tree.ts';

export type RenderRequest = RequestOf<typeof renderManifests>;

/** One render that is asked for, with all that its result is a function of. */
export interface RenderTask {
  request: RenderRequest;
  path: string;
  /** Of what is known before rendering: engine, repository, path and parameters. */
  address: string;
  engineRequest: EngineRequest;
  surroundings: Surroundings;
  tree: RepositoryTree;
  /** The same input has the same key, whichever application asks. */
  key: string;
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Turns requests into tasks: opens the sealed application, and its repository at the commit. */
export function makeTasks({ blobs, sealer, engineVersion }: { blobs: BlobStore; sealer: Sealer; engineVersion: string }) {
  const objects = makeObjectCache(blobs, limits.objectCacheBytesMax);

  const openSpec = async (sealedSpec: string): Promise<{ name: string; spec: ApplicationSpec }> => {
    const sealed = (await blobs.get(blobScope.sealedSpecs, [sealedSpec])).get(sealedSpec);
    if (sealed === undefined)
      throw new AppError(
        'unavailable',
        `the sealed application ${sealedSpec} is not in the blob store: ask again with the one of the newest ApplicationDeclared`,
        { retry: 'later' },
      );
    return JSON.parse(sealer.open('application-spec', sealed.toString('utf8')).toString('utf8')) as { name: string; spec: ApplicationSpec };
  };

  return {
    async open(request: RenderRequest): Promise<RenderTask> {
      const { name, spec } = await openSpec(request.sealedSpec);
      const { source, path } = sourceOf(spec);
      const environment = buildEnvironment({ name, project: spec.project, namespace: spec.destination.namespace ?? '', commit: request.commit, source });
      const parameters = parametersOf(source);
      const { kubeVersion, apiVersions } = request;
      // Keyed, because parameters may hold secrets and an address is no secret.
      const address = sealer.keyedHash(canonicalJson({ engine: engineVersion, repository: request.repository, path, parameters }));
      const surroundings: Surroundings = {
        environment: Object.fromEntries(Object.entries(environment).map(([variable, value]) => [variable, sealer.keyedHash(value)])),
        capabilities: sha256(canonicalJson([kubeVersion, [...apiVersions].sort()])),
      };
      return {
        request,
        path,
        address,
        engineRequest: { path, source: parameters, environment, kubeVersion, apiVersions },
        surroundings,
        tree: makeRepositoryTree(objects, blobScope.git(request.repository), request.tree),
        key: sha256(canonicalJson([address, request.tree, surroundings])),
      };
    },
  };
}
