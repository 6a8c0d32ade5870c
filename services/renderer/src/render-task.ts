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

/** Where renders of an application are remembered, and what a result depends on there besides the repository. */
export interface Question {
  path: string;
  /** Of what is known before rendering: engine, repository, path and parameters. */
  address: string;
  surroundings: Surroundings;
}

/** One render that is asked for, with all that its result is a function of. */
export interface RenderTask extends Question {
  request: RenderRequest;
  engineRequest: EngineRequest;
  tree: RepositoryTree;
  /** The same input has the same key, whichever application asks. */
  key: string;
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

type Place = Pick<RenderRequest, 'repository' | 'commit' | 'tree' | 'kubeVersion' | 'apiVersions'>;

/** Turns requests into tasks: opens the sealed application, and its repository at the commit. */
export function makeTasks({ blobs, sealer, engineVersion }: { blobs: BlobStore; sealer: Sealer; engineVersion: string }) {
  const objects = makeObjectCache(blobs, limits.objectCacheBytesMax);

  const opened = (sealedSpec: string, sealed: Buffer | undefined): { name: string; spec: ApplicationSpec } => {
    if (sealed === undefined)
      throw new AppError(
        'unavailable',
        `the sealed application ${sealedSpec} is not in the blob store: ask again with the one of the newest ApplicationDeclared`,
        { retry: 'later' },
      );
    return JSON.parse(sealer.open('application-spec', sealed.toString('utf8')).toString('utf8')) as { name: string; spec: ApplicationSpec };
  };

  const ask = (
    { name, spec }: { name: string; spec: ApplicationSpec },
    place: Place,
    capabilities: string,
  ): Question & Omit<EngineRequest, 'kubeVersion' | 'apiVersions'> => {
    const { source, path } = sourceOf(spec);
    const environment = buildEnvironment({ name, project: spec.project, namespace: spec.destination.namespace ?? '', commit: place.commit, source });
    const parameters = parametersOf(source);
    return {
      path,
      // Keyed, because parameters may hold secrets and an address is no secret.
      address: sealer.keyedHash(canonicalJson({ engine: engineVersion, repository: place.repository, path, parameters })),
      surroundings: {
        environment: Object.fromEntries(Object.entries(environment).map(([variable, value]) => [variable, sealer.keyedHash(value)])),
        capabilities,
      },
      source: parameters,
      environment,
    };
  };

  const treeOf = ({ repository, tree }: Place): RepositoryTree => makeRepositoryTree(objects, blobScope.git(repository), tree);

  return {
    async open(request: RenderRequest): Promise<RenderTask> {
      const { sealedSpec, kubeVersion, apiVersions } = request;
      const application = opened(sealedSpec, (await blobs.get(blobScope.sealedSpecs, [sealedSpec])).get(sealedSpec));
      const { path, address, surroundings, source, environment } = ask(application, request, capabilitiesOf(request));
      return {
        request,
        path,
        address,
        surroundings,
        engineRequest: { path, source, environment, kubeVersion, apiVersions },
        tree: treeOf(request),
        key: sha256(canonicalJson([address, request.tree, surroundings])),
      };
    },
    /** Only what it takes to look for remembered renders. Undefined where the application isn't stored or can't be rendered. */
    async questions(place: Place, sealedSpecs: readonly string[]): Promise<{ tree: RepositoryTree; questions: (Question | undefined)[] }> {
      const stored = await blobs.get(blobScope.sealedSpecs, [...new Set(sealedSpecs)]);
      const capabilities = capabilitiesOf(place);
      const questions = sealedSpecs.map((id) => {
        try {
          return ask(opened(id, stored.get(id)), place, capabilities);
        } catch (error) {
          if (AppError.is(error)) return undefined;
          throw error;
        }
      });
      return { tree: treeOf(place), questions };
    },
  };
}

const capabilitiesOf = ({ kubeVersion, apiVersions }: Place): string => sha256(canonicalJson([kubeVersion, [...apiVersions].sort()]));
