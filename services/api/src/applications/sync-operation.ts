import { AppError, awaitingHealthMessage, refOf } from '@plumbline/contracts';
import type { Application, Operation } from '@plumbline/contracts';
import type { SyncRequest } from './requests.ts';

/**
 * The operation that a request asks for, or why it may not be (Argo CD's rules): one at a time; not on an application
 * that is being deleted; not to another revision than the one that automated sync would bring back.
 */
export function syncOperation(application: Application, request: SyncRequest, username: string): Operation {
  const { metadata, spec } = application;
  if (metadata.deletionTimestamp !== undefined) throw new AppError('failed-precondition', `application ${metadata.name} is being deleted`);
  if (isBusy(application)) throw new AppError('failed-precondition', 'another operation is already in progress');
  if (request.revisions != null && request.revisions.length > 0) throw new AppError('unsupported', 'a revision per source is not supported yet');

  const target = spec.source === undefined ? 'HEAD' : refOf(spec.source);
  const isAutomated = spec.syncPolicy?.automated != null && spec.syncPolicy.automated.enabled !== false;
  const revision = request.revision ?? '';
  if (isAutomated && request.dryRun !== true && revision !== '' && revision !== target) {
    throw new AppError('failed-precondition', `Cannot sync to ${revision}: auto-sync currently set to ${target}`);
  }

  const manifests = request.manifests ?? [];
  if (isAutomated && request.dryRun !== true && manifests.length > 0)
    throw new AppError('failed-precondition', 'Cannot use local sync when Automatic Sync Policy is enabled unless for dry run');

  const options = Array.isArray(request.syncOptions) ? request.syncOptions : request.syncOptions?.items;
  const syncOptions = options ?? spec.syncPolicy?.syncOptions;
  const retry = request.retryStrategy ?? spec.syncPolicy?.retry;
  const sync = {
    ...(revision === '' ? {} : { revision }),
    ...(request.prune === undefined ? {} : { prune: request.prune }),
    ...(request.dryRun === undefined ? {} : { dryRun: request.dryRun }),
    ...(request.resources == null || request.resources.length === 0 ? {} : { resources: request.resources }),
    ...(syncOptions === undefined ? {} : { syncOptions }),
    ...(request.strategy == null ? {} : { syncStrategy: request.strategy }),
    ...(manifests.length === 0 ? {} : { manifests }),
  };
  return withoutNulls({
    sync,
    initiatedBy: { username },
    ...(request.infos == null ? {} : { info: request.infos }),
    ...(retry == null ? {} : { retry }),
  }) as Operation;
}

/** One that is applied and waits for health gives way to the next. */
function isBusy({ operation, status }: Application): boolean {
  if (operation != null) return true;
  const state = status?.['operationState'] as { phase?: string; message?: string } | undefined;
  return state?.phase === 'Terminating' || (state?.phase === 'Running' && state.message !== awaitingHealthMessage);
}

/**
 * Argo CD's way to end an operation, which syncer reads off the resource: the operation's state, with the phase
 * `Terminating`. Refused when nothing runs.
 */
export function terminating({ metadata, status }: Application): Record<string, unknown> {
  const state = status?.['operationState'] as { phase?: string } | undefined;
  if (state?.phase === 'Terminating') return state;
  if (state?.phase !== 'Running') {
    throw new AppError('invalid-argument', `Unable to terminate operation. No operation is in progress for application ${metadata.name}`);
  }
  return withoutNulls({ ...state, phase: 'Terminating' }) as Record<string, unknown>;
}

/** Clients send null for what they leave out; in a merge patch it would mean: remove. */
function withoutNulls(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, member: unknown) => (member === null ? undefined : member)));
}
