import type { Application, Clock, Logger } from '@plumbline/contracts';
import { AppError, canonicalJson } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import type { Entry } from '../reconcile/entry.ts';
import { refreshAnnotation } from '../reconcile/entry.ts';
import { resourceStatus } from './resource-status.ts';

export interface StatusWriterOptions {
  kube: Pick<KubeClient, 'mergePatch'>;
  clock: Clock;
  log: Logger;
  controlNamespace: string;
  /** Throws when this process may not write to the cluster any more: what it knows may be old. */
  assertOwner(): void;
  /** The answer to a write: the resource as it now is. */
  written(entry: Entry, application: Application): void;
}

/**
 * Keeps each Application's `.status` true to the log: one writer per Application, final states at once, Running only
 * when an operation takes longer than 300 ms, otherwise at most one write per second, and none when nothing changed. While
 * many are written at once (a change that a thousand applications share), what is only about progress waits longer: the
 * API server spends more on a status than on the object that was applied.
 */
export interface StatusWriter {
  changed(entry: Entry): void;
  stop(): Promise<void>;
}

interface Writing {
  entry: Entry;
  timer?: NodeJS.Timeout;
  inFlight?: Promise<void>;
  isDirty: boolean;
  writtenAt: number;
  failures: number;
}

export function makeStatusWriter(options: StatusWriterOptions): StatusWriter {
  const writings = new Map<string, Writing>();
  /** Those with something to write. */
  const waiting = new Set<Writing>();
  let isStopped = false;

  const changed = (entry: Entry): void => {
    if (isStopped) return;
    if (!entry.isPresent) {
      if (writings.get(entry.key)?.inFlight === undefined) drop(entry.key);
      return;
    }
    const writing = writings.get(entry.key) ?? { entry, isDirty: false, writtenAt: 0, failures: 0 };
    writing.entry = entry;
    writings.set(entry.key, writing);
    schedule(writing);
  };

  const drop = (key: string): void => {
    const writing = writings.get(key);
    if (writing !== undefined) waiting.delete(writing);
    writings.delete(key);
  };

  const schedule = (writing: Writing): void => {
    writing.isDirty = true;
    waiting.add(writing);
    if (writing.inFlight !== undefined) return;
    if (writing.timer !== undefined) clearTimeout(writing.timer);
    const progressMs = waiting.size > limits.statusesAtOnce ? limits.progressShownAfterMs : limits.runningShownAfterMs;
    const waitMs = waitBefore(writing, options.clock(), progressMs);
    if (waitMs <= 0) writing.inFlight = write(writing);
    else writing.timer = setTimeout(() => void (writing.inFlight ??= write(writing)), waitMs);
  };

  const write = async (writing: Writing): Promise<void> => {
    const { entry } = writing;
    // Never done before `inFlight` is set by whoever called: without it, a write with nothing to say would clear it too early.
    await Promise.resolve();
    writing.isDirty = false;
    delete writing.timer;
    try {
      const patch = patchFor(entry, options.controlNamespace);
      if (patch !== undefined) {
        options.assertOwner();
        writing.writtenAt = options.clock();
        const { namespace, name } = entry.log.id;
        const ref = { group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace, name };
        const answer = await options.kube.mergePatch(ref, patch, { fieldManager: fieldManager.status });
        options.written(entry, answer as unknown as Application);
      }
      writing.failures = 0;
    } catch (error) {
      const failure = AppError.from(error);
      if (failure.code !== 'not-found') {
        writing.failures++;
        writing.isDirty = true;
        options.log.warn('could not write the status of an Application, trying again', { application: entry.key, reason: failure.message });
      }
    } finally {
      delete writing.inFlight;
      if (writing.isDirty && !isStopped) schedule(writing);
      else if (!entry.isPresent) drop(entry.key);
      else waiting.delete(writing);
    }
  };

  return {
    changed,
    async stop() {
      isStopped = true;
      for (const writing of writings.values()) if (writing.timer !== undefined) clearTimeout(writing.timer);
      await Promise.allSettled([...writings.values()].flatMap((writing) => writing.inFlight ?? []));
    },
  };
}

/** How long this change may wait. `progressMs`: age of an operation that is shown as Running. */
function waitBefore(writing: Writing, now: number, progressMs: number): number {
  if (writing.failures > 0) return Math.min(limits.reconcileRetryMsMax, limits.reconcileRetryMs * 2 ** writing.failures);
  const { status } = writing.entry.log.folded;
  const operation = status.operationState;
  const sincePause = writing.writtenAt + limits.statusPauseMs - now;
  if (operation?.phase === 'Running') return Math.max(sincePause, Date.parse(operation.startedAt) + progressMs - now);
  return isJudgementNew(writing.entry) ? 0 : sincePause;
}

/** What people wait for: an operation that ended, another sync or health status. */
function isJudgementNew(entry: Entry): boolean {
  const { status } = entry.log.folded;
  const shown = entry.resource.status as
    | { sync?: { status?: string; revision?: string }; health?: { status?: string }; operationState?: { phase?: string; finishedAt?: string } }
    | undefined;
  return (
    entry.adoptedOperation !== undefined ||
    shown?.sync?.status !== status.sync.status ||
    shown.sync.revision !== status.sync.revision ||
    shown.health?.status !== status.health.status ||
    shown.operationState?.phase !== status.operationState?.phase ||
    shown.operationState?.finishedAt !== secondsOf(status.operationState?.finishedAt)
  );
}

const secondsOf = (time: string | undefined): string | undefined => time?.replace(/\.\d+Z$/, 'Z');

/** Only the members that differ from what the resource shows; undefined when none does. */
function patchFor(entry: Entry, controlNamespace: string): Record<string, unknown> | undefined {
  const wanted = resourceStatus(entry.log.folded.status, entry.resource, controlNamespace);
  const shown = entry.resource.status ?? {};
  const status: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(wanted), ...ownMembers.filter((member) => member in shown)])) {
    const [is, shall] = [shown[name], wanted[name]];
    if (canonicalJson(is ?? null) !== canonicalJson(shall ?? null)) status[name] = shall === undefined ? null : mergePatch(is, shall);
  }
  const patch: Record<string, unknown> = {};
  // When nothing else changed, the time of the last look is not worth a write.
  if (Object.keys(status).some((name) => name !== 'reconciledAt')) patch['status'] = status;
  if (entry.adoptedOperation !== undefined && entry.resource.operation !== undefined) patch['operation'] = null;
  if (entry.refresh !== undefined) patch['metadata'] = { annotations: { [refreshAnnotation]: null } };
  // What people set is taken off only as we have seen it: a newer request is a conflict, and looked at first.
  const { resourceVersion } = entry.resource.metadata;
  if ('operation' in patch || 'metadata' in patch) patch['metadata'] = { ...(patch['metadata'] as object | undefined), resourceVersion };
  return Object.keys(patch).length === 0 ? undefined : patch;
}

const ownMembers = [
  'sync',
  'health',
  'resources',
  'history',
  'conditions',
  'operationState',
  'summary',
  'sourceType',
  'sourceTypes',
  'reconciledAt',
  'controllerNamespace',
];

/** A merge patch keeps members of maps that it doesn't name: what is gone has to be nulled. */
function mergePatch(is: unknown, shall: unknown): unknown {
  if (!isMap(is) || !isMap(shall)) return shall;
  const patch: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(is), ...Object.keys(shall)])) {
    if (!(name in shall)) patch[name] = null;
    else if (canonicalJson(is[name] ?? null) !== canonicalJson(shall[name] ?? null)) patch[name] = mergePatch(is[name], shall[name]);
  }
  return patch;
}

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
