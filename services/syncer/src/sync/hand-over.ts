import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { FieldsV1, KubeObject, ManagedFieldsEntry } from '@plumbline/manifests';
import { coversPath, extractOwned, groupVersionKind, isClientSide, ownedPlaces, ownEntry, subsetOf, unionOf } from '@plumbline/manifests';
import type { Judge } from '../compare/judge.ts';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager, isAdoptable, isOwnUpdate } from '../field-managers.ts';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';

export interface HandOverContext {
  kube: Pick<KubeClient, 'apply' | 'discover' | 'get' | 'list' | 'mergePatch'>;
  judge: Pick<Judge, 'leftToUs' | 'asReplaced'>;
  /** Nothing is written: only what would be sent is made out. */
  isDryRun: boolean;
  /** What the same step writes: an autoscaler among it may be about to own the replicas. */
  beside: readonly KubeObject[];
  /** Throws when this process may not write to the cluster any more. */
  assertOwner(): void;
}

export interface Ready {
  /** The manifest as it is to be written. */
  desired: DesiredObject;
  /** Managers whose fields became ours. */
  adoptedFrom: readonly string[];
}

/**
 * What has to happen to a live object before its manifest is written, so that server-side apply takes away what it
 * should and nothing else (architecture, "Difference"):
 *
 * - **Adoption**: what kubectl's client-side apply, Helm or Argo CD own becomes ours, so that what the manifest no longer
 *   has really goes.
 * - **Handing over**: a field that is left to others and that nobody but us owns would be reset if we just left it out.
 *   First `plumbline-handover` applies it as it is.
 *
 * An object that is replaced as a whole takes what is left to others along, as it is.
 *
 * Both have the object's resourceVersion as precondition; who comes second looks again.
 */
export async function readyToWrite(desired: DesiredObject, live: KubeObject | undefined, context: HandOverContext): Promise<Ready> {
  if (live === undefined || desired.kind === 'hook') return { desired, adoptedFrom: [] };
  // What was adopted before somebody came in between stays adopted.
  const adoptedFrom: string[] = [];
  for (let attempt = 1; ; attempt++) {
    try {
      return { desired: await readyOnce(desired, attempt === 1 ? live : undefined, context, adoptedFrom), adoptedFrom };
    } catch (error) {
      const isOvertaken = AppError.is(error) && error.code === 'conflict' && error.retry === 'later';
      if (!isOvertaken || attempt >= limits.handOverTriesMax) throw error;
    }
  }
}

async function readyOnce(desired: DesiredObject, known: KubeObject | undefined, context: HandOverContext, adoptedFrom: string[]): Promise<DesiredObject> {
  const { object: manifest } = desired;
  const isNeeded = known === undefined || needsLook(desired, known);
  if (!isNeeded) return desired;
  // In the manifest's version: paths of two versions can't be held against each other.
  const found = known?.apiVersion === manifest.apiVersion ? known : await context.kube.get(refOf(manifest));
  if (found === undefined) return desired;
  const adopted = await adopt(desired, found, context);
  const { live } = adopted;
  adoptedFrom.push(...adopted.from);
  if (desired.options.replace) return { ...desired, object: await context.judge.asReplaced(desired, live) };
  const object = await context.judge.leftToUs(desired, live);
  if (!context.isDryRun) await handOver({ manifest, object, live }, context);
  return object === manifest ? desired : { ...desired, object };
}

/**
 * Managers who owned fields of an object before a write and no longer do: apply is always forced. `adoptedFrom` became
 * ours before.
 */
export function takenOverFrom(live: KubeObject | undefined, answer: KubeObject, adoptedFrom: readonly string[]): string[] {
  const after = answer.metadata.managedFields ?? [];
  const losers = (live?.metadata.managedFields ?? []).filter((entry) => {
    if (Object.values<string>(fieldManager).includes(entry.manager ?? '') || entry.fieldsV1 === undefined) return false;
    const left = after.find(
      (other) => other.manager === entry.manager && other.operation === entry.operation && (other.subresource ?? '') === (entry.subresource ?? ''),
    );
    return ownedCount(left?.fieldsV1 ?? {}) < ownedCount(entry.fieldsV1);
  });
  return [...new Set([...adoptedFrom, ...losers.map(({ manager = '' }) => manager)])].slice(0, limits.ownersShownMax);
}

/** Whether there is anything to adopt, to leave out or to let go of: for most objects there is not. */
function needsLook(desired: DesiredObject, live: KubeObject): boolean {
  const { ignored } = desired;
  if (desired.respectsIgnored && ignored.pointers.length + ignored.expressions.length + ignored.managers.length > 0) return true;
  if (controllersKinds.has(desired.object.kind)) return true;
  const entries = live.metadata.managedFields ?? [];
  if (appliesServerSide(desired) && entries.some(isOwnUpdate)) return true;
  if (entries.some((entry) => isAdoptable(entry, desired.adopts) || entry.manager === fieldManager.handover)) return true;
  return ownsReplicas(ownEntry(live, fieldManager.objects, 'Apply')) && replicasOf(desired.object) === undefined;
}

const appliesServerSide = ({ options }: DesiredObject): boolean => !isClientSide(options) && !options.replace;

/** Kinds of which controllers own what manifests send. */
const controllersKinds: ReadonlySet<string> = new Set([
  'ClusterRole',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'APIService',
  'CustomResourceDefinition',
]);

/**
 * The entries of tools that made the object become ours. Once we own something of it, what such a tool does later is a
 * change like any other. What we wrote client-side ourselves, or replaced, before the option changed always becomes what we
 * applied (argocd-compat B046).
 */
async function adopt(desired: DesiredObject, live: KubeObject, context: HandOverContext): Promise<{ live: KubeObject; from: string[] }> {
  const entries = live.metadata.managedFields ?? [];
  const applied = ownEntry(live, fieldManager.objects, 'Apply');
  const isMeant = (entry: ManagedFieldsEntry): boolean =>
    (applied === undefined && isAdoptable(entry, desired.adopts)) || (appliesServerSide(desired) && isOwnUpdate(entry));
  const adoptable = entries.filter((entry) => isMeant(entry) && entry.fieldsV1 !== undefined);
  // One entry has one version's paths; the server knows how to go on from an older version's.
  const apiVersion = adoptable.some((entry) => entry.apiVersion === live.apiVersion) ? live.apiVersion : adoptable[0]?.apiVersion;
  const taken = adoptable.filter((entry) => entry.apiVersion === apiVersion);
  // Paths of another version can't be put together with what we applied: the next apply decides on them.
  if (taken.length === 0 || (applied !== undefined && applied.apiVersion !== apiVersion)) return { live, from: [] };
  const from = [...new Set(taken.map(({ manager = '' }) => manager))].filter((manager) => manager !== fieldManager.objects);
  if (context.isDryRun) return { live, from };
  const merged = applied === undefined ? taken : [...taken, applied];
  const ours: ManagedFieldsEntry = {
    manager: fieldManager.objects,
    operation: 'Apply',
    ...(apiVersion === undefined ? {} : { apiVersion }),
    fieldsType: 'FieldsV1',
    fieldsV1: merged.map(({ fieldsV1 = {} }) => fieldsV1).reduce(unionOf, {}),
    ...timeOf(merged),
  };
  const managedFields = [...entries.filter((entry) => !merged.includes(entry)), ours];
  context.assertOwner();
  const adopted = await context.kube.mergePatch(
    refOf(desired.object),
    { metadata: { managedFields, resourceVersion: live.metadata.resourceVersion } },
    { fieldManager: fieldManager.objects },
  );
  return { live: adopted, from };
}

function timeOf(entries: readonly ManagedFieldsEntry[]): { time?: string } {
  const [time] = entries.flatMap((entry) => (entry.time === undefined ? [] : [entry.time])).sort((a, b) => b.localeCompare(a));
  return time === undefined ? {} : { time };
}

interface Leaving {
  manifest: KubeObject;
  /** What of the manifest is sent. */
  object: KubeObject;
  live: KubeObject;
}

async function handOver({ manifest, object, live }: Leaving, context: HandOverContext): Promise<void> {
  const entries = live.metadata.managedFields ?? [];
  const ours = ownEntry(live, fieldManager.objects, 'Apply')?.fieldsV1 ?? {};
  const held = ownEntry(live, fieldManager.handover, 'Apply')?.fieldsV1 ?? {};
  const leaving = await leavingPaths({ manifest, object, live }, ours, context);
  const others = entries.filter((entry) => !isEntryOf(entry, fieldManager.objects)).map((entry) => entry.fieldsV1 ?? {});
  const toHand = subsetOf(ours, (path) => leaving.has(nameOf(path)) && !others.some((fields) => coversPath(fields, path)));
  // What we send again needs no holder: it would stay behind when the manifest drops it one day.
  const sent = new Set(ownedPlaces(object, held, 'lenient').map(({ path }) => nameOf(path)));
  const stillHeld = subsetOf(held, (path) => !(sent.has(nameOf(path)) && coversPath(ours, path)));
  const isMore = Object.keys(toHand).length > 0;
  if (!isMore && sameFields(held, stillHeld)) return;
  const part = extractOwned(live, unionOf(stillHeld, toHand)) as Partial<KubeObject>;
  const { name, namespace, resourceVersion } = live.metadata;
  const metadata = { ...part.metadata, name, ...(namespace === undefined ? {} : { namespace }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  context.assertOwner();
  await context.kube.apply(
    { ...part, apiVersion: live.apiVersion, kind: live.kind, metadata },
    { fieldManager: fieldManager.handover, fieldValidation: 'Ignore' },
  );
}

const isEntryOf = (entry: ManagedFieldsEntry, manager: string): boolean => entry.manager === manager && entry.operation === 'Apply';
const nameOf = (path: readonly string[]): string => path.join(' ');
const sameFields = (a: FieldsV1, b: FieldsV1): boolean => ownedCount(a) === ownedCount(b);
const ownedCount = (fields: FieldsV1): number => {
  let count = 0;
  subsetOf(fields, () => {
    count++;
    return true;
  });
  return count;
};

/** Paths of ours that the manifest has and that aren't sent; and the replicas that leave it while an autoscaler is there. */
async function leavingPaths({ manifest, object, live }: Leaving, ours: FieldsV1, context: HandOverContext): Promise<Set<string>> {
  const leaving = new Set<string>();
  if (object !== manifest) {
    const kept = new Set(ownedPlaces(object, ours, 'lenient').map(({ path }) => nameOf(path)));
    for (const { path } of ownedPlaces(manifest, ours, 'lenient')) if (!kept.has(nameOf(path))) leaving.add(nameOf(path));
  }
  const areReplicasGone = coversPath(ours, replicasPath) && replicasOf(manifest) === undefined;
  if (areReplicasGone && (await isAutoscaled(live, context))) leaving.add(nameOf(replicasPath));
  return leaving;
}

const replicasPath = ['f:spec', 'f:replicas'];
const replicasOf = (object: KubeObject): unknown => (object['spec'] as { replicas?: unknown } | undefined)?.replicas;
const ownsReplicas = (entry: ManagedFieldsEntry | undefined): boolean => entry?.fieldsV1 !== undefined && coversPath(entry.fieldsV1, replicasPath);

/** Whether a HorizontalPodAutoscaler targets the object, live or among what the same step writes. */
async function isAutoscaled(object: KubeObject, { kube, beside }: HandOverContext): Promise<boolean> {
  const { namespace = '', name } = object.metadata;
  const { group, kind } = groupVersionKind(object);
  // KEDA's ScaledObject, which makes an autoscaler, leaves out what a Deployment is.
  const isTarget = (autoscaler: KubeObject): boolean => {
    const target = (autoscaler['spec'] as { scaleTargetRef?: { apiVersion?: string; kind?: string; name?: string } } | undefined)?.scaleTargetRef;
    if (target === undefined || (target.kind ?? 'Deployment') !== kind || target.name !== name) return false;
    return target.apiVersion === undefined || groupVersionKind({ apiVersion: target.apiVersion, kind }).group === group;
  };
  if (beside.some((other) => (other.metadata.namespace ?? '') === namespace && isTarget(other))) return true;
  const autoscalers = { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' };
  if ((await kube.discover()).find(autoscalers.group, autoscalers.version, autoscalers.kind) === undefined) return false;
  return (await kube.list(autoscalers, { namespace })).items.some(isTarget);
}
