import { createHash } from 'node:crypto';
import type { BlobStore, Sealer } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import type { Application, ManifestSet, ReplyOf, RequestOf } from '@plumbline/contracts';
import { AppError, blobScope, canonicalJson, recallManifests, renderManifests } from '@plumbline/contracts';
import type { Data, Discovery, KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import {
  applicationSyncOptions,
  classify,
  ignoredOf,
  images,
  isClientSide,
  prepare,
  resourceIdOf,
  resourceKey,
  resourceSyncOptions,
  syncWave,
  track,
} from '@plumbline/manifests';
import { limits } from '../limits.ts';
import type { WatchedResources } from '../settings/watched-resources.ts';
import type { DesiredObject, DesiredState } from './desired-object.ts';
import { withoutExcluded } from './without-excluded.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { globMatches, ignoreRulesOf, ignoreSettingsOf } from './ignore-rules.ts';

export interface Target {
  repository: string;
  commit: string;
  tree: string;
}

export interface DesiredStateOptions {
  bus: Bus;
  blobs: BlobStore;
  sealer: Sealer;
  kube: Pick<KubeClient, 'discover'>;
  /** argocd-cm as it now is: what the installation ignores. */
  settings?(): Data;
  /** Kinds that are managed; without it, all. */
  watched?(): WatchedResources;
}

export interface DesiredStates {
  /** Asks the renderer for the manifest set of this application at this commit. Errors are the renderer's. */
  render(application: Application, sealedSpec: string, target: Target, isHard: boolean): Promise<string>;
  /**
   * The manifest sets that the renderer remembers for these sealed applications at this commit, in their order. Undefined:
   * it has to be asked to render. At most `limits.recalledAtOnceMax` of them.
   */
  recall(sealedSpecs: readonly string[], target: Target): Promise<(string | undefined)[]>;
  /** The desired objects of a manifest set for this application. */
  load(application: Application, instance: string, manifestSet: string): Promise<DesiredState>;
}

export function makeDesiredStates(options: DesiredStateOptions): DesiredStates {
  const { bus, blobs, sealer, kube, settings = () => noSettings } = options;
  const managed = (state: DesiredState): DesiredState => {
    const watched = options.watched?.();
    return watched === undefined ? state : withoutExcluded(state, watched);
  };
  const sets = new Map<string, ManifestSet>();
  const states = new Map<string, DesiredState>();

  const manifestSet = async (id: string): Promise<ManifestSet> => {
    const known = sets.get(id);
    if (known !== undefined) return known;
    const bytes = (await blobs.get(blobScope.manifests, [id])).get(id);
    if (bytes === undefined)
      throw new AppError('unavailable', `manifest set ${id} is not in the blob store; refresh the application to render it again`, { retry: 'later' });
    assertContent(id, bytes);
    const set = JSON.parse(bytes.toString('utf8')) as ManifestSet;
    remember(sets, id, set);
    return set;
  };

  return {
    async render(application, sealedSpec, target, isHard) {
      const discovery = await kube.discover();
      const { manifestSet: id } = await askRenderer(bus, {
        application: `${application.metadata.namespace ?? ''}/${application.metadata.name}`,
        ...target,
        sealedSpec,
        kubeVersion: discovery.serverVersion,
        apiVersions: capabilities(discovery),
        ...(isHard ? { hard: true } : {}),
      });
      return id;
    },
    async recall(sealedSpecs, target) {
      const discovery = await kube.discover();
      const place = { ...target, kubeVersion: discovery.serverVersion, apiVersions: capabilities(discovery) };
      const { manifestSets } = await bus.call(recallManifests, { ...place, sealedSpecs: [...sealedSpecs] });
      return manifestSets.map((id) => id ?? undefined);
    },
    async load(application, instance, id) {
      const discovery = await kube.discover();
      const { destination, syncPolicy, ignoreDifferences } = application.spec;
      const installation = settings();
      const asked = [destination, syncPolicy?.syncOptions, ignoreDifferences, ignoreSettingsOf(installation), migrationManagers(application)];
      const name = `${id} ${instance} ${canonicalJson(asked)} ${kindsOf(discovery)}`;
      const known = states.get(name);
      // Which kinds are excluded changes seldom, and is cheap to look at.
      if (known !== undefined) return managed(known);
      const state = desiredState(
        { application, instance, rules: ignoreRulesOf(application, installation) },
        { id, ...(await manifestSet(id)) },
        discovery,
        sealer,
      );
      remember(states, name, state);
      return managed(state);
    },
  };
}

/**
 * A renderer that was killed in the middle answers nobody, so it is asked again before the deadline; one that is still at
 * it answers all who ask for the same (it renders once).
 */
async function askRenderer(bus: Bus, request: RequestOf<typeof renderManifests>): Promise<ReplyOf<typeof renderManifests>> {
  const until = performance.now() + renderManifests.deadlineMs;
  for (;;) {
    try {
      return await bus.call(renderManifests, request, { deadlineMs: limits.renderAskMs });
    } catch (error) {
      const isSilence = AppError.is(error) && error.code === 'deadline-exceeded' && error.details['deadlineMs'] === limits.renderAskMs;
      if (!isSilence || performance.now() >= until) throw error;
    }
  }
}

/** A manifest set is what its address says, or it is not applied: whoever can write into the store can't say what runs. */
function assertContent(id: string, bytes: Buffer): void {
  if (createHash('sha256').update(bytes).digest('hex') === id) return;
  throw new AppError(
    'manifest-invalid',
    `manifest set ${id} in the blob store is not what was rendered: its content does not fit its address, somebody changed it. Nothing of it is applied; delete that row of blobs.blob and refresh the application (hard) to render it again`,
    { details: { manifestSet: id } },
  );
}

const kindNames = new WeakMap<Discovery, string>();

/** One text per answer of discovery: equal where the cluster serves the same kinds in the same versions. */
export function kindsOf(discovery: Discovery): string {
  const known = kindNames.get(discovery);
  if (known !== undefined) return known;
  const text = `${discovery.serverVersion} ${discovery.kinds
    .map(({ group, version, kind, namespaced, hasStatusSubresource }) => `${group}/${version}/${kind}/${namespaced}/${hasStatusSubresource}`)
    .sort()
    .join()}`;
  kindNames.set(discovery, text);
  return text;
}

/** What a manifest set is the answer to. Charts ask what the cluster serves: a new kind is a new question. */
export const renderQuestion = (sealedSpec: string, target: Target, discovery: Discovery): string => `${sealedSpec} ${target.commit} ${kindsOf(discovery)}`;

const capabilityNames = new WeakMap<Discovery, string[]>();

/** What charts ask for with `.Capabilities.APIVersions.Has`: group versions and group version kinds. */
function capabilities(discovery: Discovery): string[] {
  const known = capabilityNames.get(discovery);
  if (known !== undefined) return known;
  const kinds = discovery.kinds.map(({ group, version, kind }) => (group === '' ? `${version}/${kind}` : `${group}/${version}/${kind}`));
  const names = [...discovery.apiVersions, ...kinds].sort();
  capabilityNames.set(discovery, names);
  return names;
}

/** A tool of one's own whose objects are to be taken over, as Argo CD lets an Application name it (argocd-compat B046). */
function migrationManagers({ metadata }: Application): string[] {
  const named = metadata.annotations?.['argocd.argoproj.io/client-side-apply-migration-manager'];
  return named === undefined || named === '' ? [] : [named];
}

const noSettings: Data = {};

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= limits.manifestSetsKeptMax) map.delete(map.keys().next().value!);
  map.set(key, value);
}

interface Whose {
  application: Application;
  instance: string;
  rules: IgnoreRules;
}

function desiredState(whose: Whose, set: ManifestSet & { id: string }, discovery: Discovery, sealer: Sealer): DesiredState {
  const { application, instance, rules } = whose;
  const namespace = application.spec.destination.namespace ?? '';
  const prepared = prepare(
    set.objects.map(({ manifest, file }) => ({ manifest, ...(file === undefined ? {} : { file }) })),
    {
      defaultNamespace: namespace,
      isNamespaced: (group, kind) => discovery.findKind(group, kind)?.namespaced,
      hasStatusSubresource: ({ group, version, kind }) => discovery.find(group, version, kind)?.hasStatusSubresource,
    },
  );
  if (prepared.objects.length > limits.objectsMax) {
    throw new AppError(
      'too-large',
      `the application has ${prepared.objects.length} objects, more than ${limits.objectsMax}: split it into several applications`,
    );
  }
  const waves = new Set(prepared.objects.map((object) => syncWave(object))).size;
  if (waves > limits.wavesMax) {
    throw new AppError('too-large', `the objects of the application are in ${waves} sync waves, more than ${limits.wavesMax}: give more of them the same wave`);
  }
  const options = applicationSyncOptions(application.spec.syncPolicy?.syncOptions);
  const files = new Map(set.objects.flatMap(({ manifest, file }) => (file === undefined ? [] : [[fileKey(manifest), file] as const])));
  const objects = prepared.objects.flatMap((object): DesiredObject[] => {
    const is = classify(object);
    if (is.type === 'ignored' || is.type === 'skip') return [];
    const own = resourceSyncOptions(object, options);
    const tracked = is.type === 'resource' ? track(object, instance, namespace) : object;
    return [
      {
        key: resourceKey(resourceIdOf(object)),
        object: opened(tracked, sealer),
        // Of the sealed form: a hash of a Secret's values must not be guessable.
        hash: sealer.keyedHash(canonicalJson(tracked)),
        kind: is.type,
        hookPhases: is.type === 'hook' ? is.phases : [],
        wave: syncWave(object),
        options: own,
        // For the few that have one: a rule of all objects would make each look at any of them dearer.
        ignored: ignoredOf(object, object['status'] === undefined ? rules.rules : [...rules.rules, ...rules.ofStatus], globMatches),
        respectsIgnored: options.respectIgnoreDifferences,
        adopts: options.clientSideApplyMigration && !isClientSide(own) && !own.replace ? migrationManagers(application) : false,
        ...(files.has(fileKey(object)) ? { file: files.get(fileKey(object))! } : {}),
      },
    ];
  });
  const resources = objects.filter((object) => object.kind === 'resource');
  return {
    manifestSet: set.id,
    sourceType: set.sourceType,
    objects,
    byKey: new Map(resources.map((object) => [object.key, object])),
    images: images(resources.map(({ object }) => object)),
    warnings: [
      ...prepared.duplicates.map((duplicate) => ({
        type: 'RepeatedResourceWarning',
        message: `Resource ${resourceKey(duplicate)} appeared more than once among application resources; the last one is used.`,
      })),
      ...rules.problems.slice(0, limits.warningsShownMax).map((message) => ({ type: 'ComparisonWarning', message })),
    ],
  };
}

/** Enough to find the file of an object again after it was prepared. */
function fileKey(manifest: { kind?: unknown; metadata?: unknown }): string {
  const name = (manifest.metadata as { name?: unknown } | undefined)?.name;
  return `${String(manifest.kind)} ${String(name)}`;
}

/** A Secret's values are sealed in the blob store; only memory and the API server see them open. */
function opened(object: KubeObject, sealer: Sealer): KubeObject {
  const { data } = object;
  if (object.kind !== 'Secret' || object.apiVersion !== 'v1' || typeof data !== 'object' || data === null) return object;
  const open = ([key, value]: [string, unknown]): [string, unknown] => [
    key,
    typeof value === 'string' && sealer.isSealed(value) ? sealer.open('manifest-secret', value).toString('utf8') : value,
  ];
  return { ...object, data: Object.fromEntries(Object.entries(data).map(open)) };
}
