import type { Application, Operation, SyncOperation } from '@plumbline/contracts';
import { AppError, canonicalJson, ensureRevision, refOf } from '@plumbline/contracts';
import type { DesiredState } from '../desired/desired-object.ts';
import type { Target } from '../desired/desired-state.ts';
import type { ApplicationCommand } from '../domain/commands.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import type { ReconcileContext } from './context.ts';
import { sourceOf } from './target.ts';

/**
 * Takes over `.operation` that somebody set (kubectl, the API): once, by an id from what was set and when. While another
 * operation runs it stays on the resource and is looked at again when that one ends.
 */
export async function adoptOperation(entry: Entry, desired: DesiredState, target: Target, context: ReconcileContext): Promise<void> {
  const { operation } = entry.resource;
  if (operation?.sync === undefined) return;
  const state = declaredState(entry);
  const operationId = operationIdOf(entry, operation, context);
  if (state?.operation?.operationId === operationId) {
    entry.adoptedOperation = operationId;
    return;
  }
  if (state?.operation?.phase === 'Running') return;
  const { automated } = entry.resource.spec.syncPolicy ?? {};
  const actor = operation.initiatedBy?.username ?? 'system:kubernetes';
  const request = (asked: Asked): ApplicationCommand => ({
    type: 'RequestSync',
    operationId,
    initiatedBy: operation.initiatedBy ?? {},
    ...asked,
    operation: adopted(entry.resource, operation, asked.revision),
    retry: operation.retry,
    allowEmpty: automated?.allowEmpty === true,
  });
  try {
    await entry.log.execute([request(await revisionOf(entry, operation, desired, target, context))], { actor });
  } catch (error) {
    const failure = AppError.from(error);
    if (failure.retry === 'later' || failure.code === 'conflict') throw failure;
    // What was asked for can't be: that is the operation's outcome, not a reason to try for ever.
    const asked = { revision: operation.sync.revision ?? target.commit, manifestSet: desired.manifestSet };
    await entry.log.execute(
      [request(asked), { type: 'FailSync', operationId, phase: 'Error', message: failure.message, now: context.clock(), canRetry: false }],
      { actor },
    );
  }
  entry.adoptedOperation = operationId;
}

type Asked = { revision: string; manifestSet: string };

function adopted(application: Application, { sync = {} }: Operation, revision: string): SyncOperation {
  const { resources, prune, dryRun, syncStrategy } = sync;
  const syncOptions = sync.syncOptions ?? application.spec.syncPolicy?.syncOptions;
  return {
    revision,
    ...(prune === undefined ? {} : { prune }),
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(resources === undefined ? {} : { resources }),
    ...(syncStrategy === undefined ? {} : { syncStrategy }),
    ...(syncOptions === undefined ? {} : { syncOptions }),
  };
}

function operationIdOf(entry: Entry, operation: Operation, context: ReconcileContext): string {
  const setAt = operationSetAt(entry.resource);
  return `${entry.log.id.uid}-${context.sealer.keyedHash(canonicalJson([operation, setAt, entry.operationClearedAt])).slice(0, 16)}`;
}

/** When and by whom the field was set, as the API server remembers it. */
function operationSetAt(application: Application): string {
  const fields = (application.metadata as { managedFields?: { manager?: string; time?: string; fieldsV1?: object }[] }).managedFields ?? [];
  const owner = fields.find((entry) => entry.fieldsV1 !== undefined && 'f:operation' in entry.fieldsV1);
  return `${owner?.manager ?? ''} ${owner?.time ?? ''}`;
}

/** The commit that is asked for: the one that the source points to, unless another was named. */
async function revisionOf(entry: Entry, operation: Operation, desired: DesiredState, target: Target, context: ReconcileContext): Promise<Asked> {
  const source = sourceOf(entry.resource);
  const asked = operation.sync?.revision;
  if (asked === undefined || asked === '' || asked === target.commit || asked === refOf(source))
    return { revision: target.commit, manifestSet: desired.manifestSet };
  const { repository, commit, tree } = await context.bus.call(ensureRevision, { url: source.repoURL, ref: asked });
  const state = declaredState(entry);
  if (state === undefined) throw new AppError('internal', `application ${entry.key} is not declared`);
  return { revision: commit, manifestSet: await context.desired.render(entry.resource, state.sealedSpec, { repository, commit, tree }, false) };
}
