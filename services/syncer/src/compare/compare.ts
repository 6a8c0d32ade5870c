import type { AppError, ApplicationCondition, DriftedResource, HealthStatusCode, ResourceComparison, ResourceHealth, ResourceRef } from '@plumbline/contracts';
import { sortedByKey } from '@plumbline/contracts';
import type { ApplicationSyncOptions, Health, JudgedResource, KubeObject, ResourceSyncOptions } from '@plumbline/manifests';
import {
  applicationHealth,
  externalUrls,
  groupVersionKind,
  ignoresExtraneous,
  ignoresHealth,
  managingInstance,
  parseResourceKey,
  resourceSyncOptions,
} from '@plumbline/manifests';
import type { DesiredObject, DesiredState } from '../desired/desired-object.ts';
import { shortened, thoseThatFit } from '../domain/parts.ts';
import type { Comparison } from '../domain/state.ts';
import { unknownKindWarning } from '../domain/state.ts';
import { limits } from '../limits.ts';
import { inBatches } from '../concurrency.ts';
import { refusalOf } from '../sync/refusal.ts';
import { judgementWarnings, makeDriftTeller } from './drift.ts';
import type { FinishedJobs } from './finished-jobs.ts';
import { hasFinished, isDoneAndGone } from './finished-jobs.ts';
import type { Judge, Judgement } from './judge.ts';

export interface CompareInput {
  revision: string;
  desired: DesiredState;
  instance: string;
  /** Whole live object of a desired one. */
  live(key: string): KubeObject | undefined;
  /** Live objects that say they belong to this application and are not desired. */
  extra: readonly KubeObject[];
  /** No longer wanted, and on their way out. */
  lingering: readonly KubeObject[];
  /** Why the project forbids an object, if it does. */
  forbidden(object: KubeObject): string | undefined;
  /** What is wrong with an object of a kind that the cluster doesn't have. */
  unknownKind(object: DesiredObject): AppError | undefined;
  isHasty: boolean;
  /** Of the application. */
  syncOptions: ApplicationSyncOptions;
  /** `managedNamespaceMetadata` is not what the last sync gave the namespace (argocd-compat B061). */
  isNamespaceChanged: boolean;
  /** Jobs that are done and may be gone; undefined: a Job that is gone is missing. */
  finished: FinishedJobs | undefined;
  /** As the application counts it. */
  health(live: KubeObject): Health | undefined;
}

export interface Compared {
  comparison: Comparison;
  drift: DriftedResource[];
  health: { status: HealthStatusCode; message?: string; resources: ResourceHealth[] };
}

/** Desired against live, object by object, and what that makes of the application. */
export async function compare(input: CompareInput, judge: Judge): Promise<Compared> {
  const resources: ResourceComparison[] = [];
  const drift: DriftedResource[] = [];
  const conditions: ApplicationCondition[] = [...input.desired.warnings];
  const judgements = await judgeAll(input, judge);
  const tell = makeDriftTeller();
  for (const { desired, live, judgement, forbidden, unknown, finished } of judgements) {
    const ref = { ...groupVersionKind(desired.object), namespace: desired.object.metadata.namespace ?? '', name: desired.object.metadata.name };
    const wave = desired.wave === 0 ? {} : { syncWave: desired.wave };
    const presence = finished !== undefined ? { finished } : live === undefined ? { missing: true } : {};
    resources.push({ ...ref, status: forbidden === undefined ? judgement.status : 'Unknown', ...wave, ...presence, ...confirmed(desired.options) });
    if (judgement.status === 'OutOfSync') drift.push(tell(ref, live, judgement));
    if (unknown !== undefined) conditions.push({ type: unknownKindWarning, message: refusalOf(unknown) });
    if (forbidden !== undefined) conditions.push({ type: 'ExcludedResourceWarning', message: forbidden });
    const owner = live === undefined ? undefined : managingInstance(live);
    if (owner !== undefined && owner !== input.instance) {
      conditions.push({
        type: 'SharedResourceWarning',
        message: `${desired.object.kind}/${desired.object.metadata.name} is part of applications ${input.instance} and ${owner}`,
      });
    }
  }
  conditions.push(...judgementWarnings(judgements));
  for (const object of input.extra) {
    const ref = { ...groupVersionKind(object), namespace: object.metadata.namespace ?? '', name: object.metadata.name };
    resources.push({ ...ref, status: 'OutOfSync', requiresPruning: true, ...confirmed(resourceSyncOptions(object, input.syncOptions)) });
    if (!ignoresExtraneous(object)) drift.push({ ...ref, drift: 'extra', fields: [] });
  }
  conditions.push(...lingeringConditions(input.lingering));
  const isForbidden = judgements.some(({ forbidden }) => forbidden !== undefined);
  const isOutOfSync = drift.length > 0;
  const { manifestSet, sourceType } = input.desired;
  const hooks = hooksOf(input.desired);
  const { images, externalUrls: urls } = shownSummary(input.desired, judgements, conditions);
  return {
    comparison: {
      revision: input.revision,
      manifestSet,
      sourceType,
      status: isOutOfSync || isForbidden || input.isNamespaceChanged ? 'OutOfSync' : 'Synced',
      resources: sortedByKey(resources),
      images,
      ...(urls.length === 0 ? {} : { externalUrls: urls }),
      ...(hooks.length === 0 ? {} : { hooks }),
      conditions: toldConditions(conditions),
    },
    drift,
    health: healthOf(judgements, input.health),
  };
}

/** Those that have a name, as many as an event has room for. */
function hooksOf({ objects }: DesiredState): ResourceRef[] {
  const named = objects.filter(({ kind, object }) => kind === 'hook' && (object.metadata.name ?? '') !== '');
  const refs = named.map(({ object }) => ({ ...groupVersionKind(object), namespace: object.metadata.namespace ?? '', name: object.metadata.name }));
  return thoseThatFit(sortedByKey(refs), limits.hooksBytesMax);
}

/** What was pruned and is not gone yet. */
const lingeringConditions = (lingering: readonly KubeObject[]): ApplicationCondition[] =>
  lingering.flatMap(({ kind, metadata: { name, finalizers = [] } }) => {
    const message = `${kind} ${name} was pruned and is not gone yet: it waits for finalizers ${finalizers.join(', ')}`;
    return finalizers.length === 0 ? [] : [{ type: 'DeletionWarning', message }];
  });

/** Images and addresses, as many as an event has room for; a condition says where there are more. */
function shownSummary({ images }: DesiredState, judged: readonly Judged[], conditions: ApplicationCondition[]): { images: string[]; externalUrls: string[] } {
  const shown = thoseThatFit(images, limits.imagesBytesMax);
  if (shown.length < images.length) {
    conditions.push({ type: 'StatusCutWarning', message: `the application runs ${images.length} images; its status shows ${shown.length} of them` });
  }
  return { images: shown, externalUrls: thoseThatFit(externalUrls(judged.flatMap(({ live }) => live ?? [])), limits.urlsBytesMax) };
}

/** Somebody has to confirm before it is pruned or deleted (argocd-compat B023). */
const confirmed = ({ prune, delete: deletion }: ResourceSyncOptions): Pick<ResourceComparison, 'requiresDeletionConfirmation'> =>
  prune === 'when-confirmed' || deletion === 'when-confirmed' ? { requiresDeletionConfirmation: true } : {};

/** Hundreds of objects with the same trouble are one trouble: those that an event has no room for are counted. */
function toldConditions(conditions: readonly ApplicationCondition[]): ApplicationCondition[] {
  const short = conditions.map(({ type, message }) => ({ type, message: shortened(message) }));
  const shown = thoseThatFit(short, limits.conditionsBytesMax);
  if (shown.length === short.length) return shown;
  const types = [...new Set(short.slice(shown.length).map(({ type }) => type))];
  return [...shown, ...types.map((type) => ({ type, message: `… and ${short.slice(shown.length).filter((one) => one.type === type).length} more like this` }))];
}

interface Judged {
  desired: DesiredObject;
  live: KubeObject | undefined;
  judgement: Judgement;
  forbidden: string | undefined;
  unknown: AppError | undefined;
  /** Of a Job that is done, gone or not: hash of its manifest. */
  finished: string | undefined;
}

async function judgeAll(input: CompareInput, judge: Judge): Promise<Judged[]> {
  const desired = [...input.desired.byKey.values()];
  return inBatches(desired, limits.dryRunsPerApplicationMax, async (object): Promise<Judged> => {
    const live = input.live(object.key);
    const forbidden = input.forbidden(object.object);
    const unknown = input.unknownKind(object);
    // What may not be written isn't asked about either: a dry run runs admission with our rights.
    const isAsked = forbidden === undefined && unknown === undefined;
    const isGone = isAsked && input.finished !== undefined && isDoneAndGone(object, live, input.finished);
    if (isGone) return { desired: object, live, judgement: { status: 'Synced', fields: [] }, forbidden, unknown, finished: object.hash };
    const judgement = isAsked ? await judge.judge(object, live, input.isHasty) : { status: 'OutOfSync' as const, fields: [] };
    const isFinished = judgement.status === 'Synced' && input.finished !== undefined && live !== undefined && hasFinished(live);
    return { desired: object, live, judgement, forbidden, unknown, finished: isFinished ? object.hash : undefined };
  });
}

const doneAndGone: Health = { status: 'Healthy', message: 'it has succeeded, and its ttlSecondsAfterFinished removes it' };

function healthOf(judged: readonly Judged[], health: CompareInput['health']): Compared['health'] {
  const resources: ResourceHealth[] = [];
  const counted: JudgedResource[] = [];
  for (const { desired, live, finished } of judged) {
    const id = parseResourceKey(desired.key);
    const isGone = finished !== undefined && (live === undefined || live.metadata.deletionTimestamp !== undefined);
    const found = isGone ? doneAndGone : live === undefined || ignoresHealth(live) ? undefined : health(live);
    counted.push({ ...id, isLive: live !== undefined || isGone, health: found });
    if (found === undefined) continue;
    const { version } = groupVersionKind(desired.object);
    resources.push({ ...id, version, health: found.status, ...(found.message === undefined ? {} : { message: found.message }) });
  }
  return { ...applicationHealth(counted), resources };
}
