import type { Application, ApplicationSource, Operation, SyncOperation } from '@plumbline/contracts';
import { AppError, blobScope, canonicalJson, ensureRevision, refOf } from '@plumbline/contracts';
import type { DesiredState } from '../desired/desired-object.ts';
import type { Target } from '../desired/desired-state.ts';
import { localManifestSet } from '../desired/local-manifests.ts';
import type { ApplicationCommand } from '../domain/commands.ts';
import { canBeNamed, thoseThatFit } from '../domain/parts.ts';
import { isSyncing } from '../domain/state.ts';
import { limits } from '../limits.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import type { ReconcileContext } from './context.ts';
import { sourceOf } from './target.ts';

/**
 * Takes over `.operation` that somebody set (kubectl, the API): once, by an id from what was set and when. While another
 * operation runs it stays on the resource and is looked at again when that one ends.
 */
export async function adoptOperation(entry: Entry, desired: DesiredState, target: Target, context: ReconcileContext): Promise<void> {
  const request = newRequest(entry, context);
  if (request === undefined) return;
  try {
    assertNameable(request.operation);
    assertOwnSource(entry.resource, request.operation);
    await entry.log.execute([request.command(await revisionOf(entry, request.operation, desired, target, context))], request.why);
  } catch (error) {
    const failure = AppError.from(error);
    if (failure.retry === 'later' || failure.code === 'conflict') throw failure;
    return refuse(entry, request, { message: failure.message, manifestSet: desired.manifestSet, commit: target.commit }, context);
  }
  entry.adoptedOperation = request.operationId;
}

/** The application can't be compared, so nothing can be synced: that is the outcome of whatever was asked for. */
export async function refuseOperation(entry: Entry, message: string, context: ReconcileContext): Promise<void> {
  const request = newRequest(entry, context);
  if (request === undefined) return;
  const { revision: commit = '', manifestSet = '' } = declaredState(entry)?.comparison ?? {};
  await refuse(entry, request, { message, manifestSet, commit }, context);
}

async function refuse(
  entry: Entry,
  request: Request,
  reason: { message: string; manifestSet: string; commit: string },
  context: ReconcileContext,
): Promise<void> {
  const { operation, operationId } = request;
  const asked = { revision: operation.sync?.revision ?? reason.commit, manifestSet: reason.manifestSet };
  const failure: ApplicationCommand = { type: 'FailSync', operationId, phase: 'Error', message: reason.message, now: context.clock(), canRetry: false };
  await entry.log.execute([request.command(asked), failure], request.why);
  entry.adoptedOperation = operationId;
}

interface Request {
  operation: Operation;
  operationId: string;
  why: { actor: string };
  command(asked: Asked): ApplicationCommand;
}

/** What `.operation` asks for, if it is new and nothing else runs. */
function newRequest(entry: Entry, context: ReconcileContext): Request | undefined {
  const { operation } = entry.resource;
  if (operation?.sync === undefined) return undefined;
  const state = declaredState(entry);
  const prefix = requestIdOf(entry, operation, context);
  if (entry.adoptedOperation?.startsWith(prefix) === true) return undefined;
  const last = state?.operation?.operationId;
  if (last?.startsWith(prefix) === true && last !== entry.clearedOperation) {
    entry.adoptedOperation = last;
    return undefined;
  }
  if (isSyncing(state?.operation)) return undefined;
  const operationId = `${prefix}${entry.log.folded.version}`;
  const { initiatedBy = {}, retry, info = [] } = operation;
  const allowEmpty = entry.resource.spec.syncPolicy?.automated?.allowEmpty === true;
  return {
    operation,
    operationId,
    why: { actor: initiatedBy.username ?? 'system:kubernetes' },
    command: (asked) => ({
      type: 'RequestSync',
      operationId,
      initiatedBy,
      ...asked,
      operation: adopted(entry.resource, operation, asked.revision),
      info: thoseThatFit(info, limits.operationInfoBytesMax),
      retry,
      allowEmpty,
    }),
  };
}

/** One that names more objects than its event can list would be refused by the log, again and again. */
function assertNameable({ sync: { resources = [] } = {} }: Operation): void {
  if (canBeNamed(resources)) return;
  const message = `the operation names ${resources.length} objects, more than one can hold: sync the whole application (with ApplyOutOfSyncOnly=true only what differs is written), or fewer objects at a time`;
  throw new AppError('too-large', message);
}

/** A sync of something else would be undone by the next comparison, and its history would name what the Application isn't. */
function assertOwnSource({ spec }: Application, { sync: { source, sources, revisions = [] } = {} }: Operation): void {
  const own = canonicalJson(sourcesOf(spec));
  const asked = source === undefined && sources === undefined ? own : canonicalJson(sourcesOf({ source, sources }));
  if (asked !== own)
    throw new AppError(
      'unsupported',
      'the operation names another source than the Application: change spec.source, or name only a commit (operation.sync.revision)',
    );
  if (revisions.length > 1) throw new AppError('unsupported', 'operation.sync.revisions names several: this version renders one source');
}

/** But for the revision of each: that is what a sync may choose. */
function sourcesOf({ source, sources = [] }: { source?: ApplicationSource | undefined; sources?: ApplicationSource[] | undefined }): object[] {
  const all = sources.length > 0 ? sources : source === undefined ? [] : [source];
  return all.map((one) => ({ ...one, targetRevision: '' }));
}

/** The revision that the operation names, in the order in which Argo CD looks for it. */
function askedRevision({ sync: { revision = '', revisions = [], source, sources = [] } = {} }: Operation): string {
  return revision || (revisions[0] ?? '') || (sources[0] ?? source)?.targetRevision || '';
}

type Asked = { revision: string; manifestSet: string };

function adopted(application: Application, { sync = {} }: Operation, revision: string): SyncOperation {
  const { resources, prune, dryRun, syncStrategy, manifests = [] } = sync;
  const syncOptions = sync.syncOptions ?? application.spec.syncPolicy?.syncOptions;
  return {
    revision,
    ...(prune === undefined ? {} : { prune }),
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(resources === undefined ? {} : { resources: canBeNamed(resources) ? resources : [] }),
    ...(syncStrategy === undefined ? {} : { syncStrategy }),
    ...(syncOptions === undefined ? {} : { syncOptions }),
    ...(manifests.length === 0 ? {} : { localManifests: manifests.length }),
  };
}

/** Of what was set, by whom and when; the stream's version behind it tells two of the same apart. */
function requestIdOf(entry: Entry, operation: Operation, context: ReconcileContext): string {
  const setAt = operationSetAt(entry.resource);
  return `${entry.log.id.uid}-${context.sealer.keyedHash(canonicalJson([operation, setAt])).slice(0, 16)}-`;
}

/** When and by whom the field was set, as the API server remembers it. */
function operationSetAt(application: Application): string {
  const fields = (application.metadata as { managedFields?: { manager?: string; time?: string; fieldsV1?: object }[] }).managedFields ?? [];
  const owner = fields.find((entry) => entry.fieldsV1 !== undefined && 'f:operation' in entry.fieldsV1);
  return `${owner?.manager ?? ''} ${owner?.time ?? ''}`;
}

/** The commit that is asked for: the one that the source points to, unless another was named. */
async function revisionOf(entry: Entry, operation: Operation, desired: DesiredState, target: Target, context: ReconcileContext): Promise<Asked> {
  const local = operation.sync?.manifests ?? [];
  if (local.length > 0) {
    assertMayBeLocal(entry.resource, operation);
    const set = localManifestSet(local, desired.sourceType, context.sealer);
    await context.blobs.put(blobScope.manifests, [set]);
    return { revision: target.commit, manifestSet: set.id };
  }
  const source = sourceOf(entry.resource);
  const asked = askedRevision(operation);
  if (asked === '' || asked === target.commit || asked === refOf(source)) return { revision: target.commit, manifestSet: desired.manifestSet };
  const { repository, commit, tree } = await context.bus.call(ensureRevision, { url: source.repoURL, ref: asked });
  const state = declaredState(entry);
  if (state === undefined) throw new AppError('internal', `application ${entry.key} is not declared`);
  return { revision: commit, manifestSet: await context.desired.render(entry.resource, state.sealedSpec, { repository, commit, tree }, false) };
}

/** Automated sync would bring back what the commit says at once (argocd-compat B101). */
function assertMayBeLocal({ spec }: Application, { sync }: Operation): void {
  const automated = spec.syncPolicy?.automated;
  if (automated === undefined || automated.enabled === false || sync?.dryRun === true) return;
  throw new AppError('failed-precondition', 'Cannot use local sync when Automatic Sync Policy is enabled unless for dry run');
}
