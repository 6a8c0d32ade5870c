import { AppError } from '@plumbline/contracts';
import type { WriteOptions } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { isClientSide, isCustomResourceDefinition, isNamespace } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import { refOf } from '../live/object-ref.ts';
import { clientSidePatch, isStrategic, withLastApplied } from './client-side.ts';
import { deleteAndWait } from './delete-and-wait.ts';
import { readyToWrite, takenOverFrom } from './hand-over.ts';
import { bindsAnotherRole } from './role-binding.ts';
import type { StepContext } from './step-context.ts';

export interface Written {
  answer: KubeObject;
  /** Managers that owned fields of it and no longer do. */
  takenOverFrom: string[];
  /** It was deleted and made again, or would be. */
  isMadeAnew?: boolean;
}

/**
 * Writes one object the way that its options ask for (argocd-compat B044–B046): replaced, applied with kubectl's
 * client-side semantics (`ServerSideApply=false`), or, unless somebody asks for something else, applied server-side.
 * `Replace=true` with `Force=true` deletes it first; `Force=true` alone only when a field that can't change would, and so
 * does client-side apply with a binding of another role (B030).
 * `beside`: what the same step writes.
 */
export async function writeObject(
  desired: DesiredObject,
  live: KubeObject | undefined,
  { context, isDryRun, beside }: { context: StepContext; isDryRun: boolean; beside: readonly KubeObject[] },
): Promise<Written> {
  assertSize(desired.object);
  // Before each write, not only before the many of one kind: this process may have stood still since the last one.
  context.assertOwner();
  const isForced = isForceAllowed(desired, context);
  const made = async (): Promise<Written> => ({ answer: await makeAnew(desired, live!, context, isDryRun), takenOverFrom: [], isMadeAnew: true });
  if (desired.options.replace && live !== undefined && isForced) return made();
  if (isReconciled(desired) && live !== undefined && bindsAnotherRole(desired.object, live)) return made();
  try {
    const ready = await readyToWrite(desired, live, { ...context, isDryRun, beside });
    context.assertOwner();
    const answer = await writeOnce(desired, ready.desired.object, live, context, isDryRun);
    return { answer, takenOverFrom: takenOverFrom(live, answer, ready.adoptedFrom) };
  } catch (error) {
    const failure = AppError.from(error);
    if (failure.code !== 'immutable-field' || !isForced || live === undefined) throw failure;
    return made();
  }
}

/** Argo CD sends these through `kubectl auth reconcile` where it applies on the client's side. */
const isReconciled = ({ options }: DesiredObject): boolean => isClientSide(options) && !options.replace;

/** A namespace or a definition takes everything in it along: these are never deleted to be made anew. */
function isForceAllowed({ object, options }: DesiredObject, { operation }: StepContext): boolean {
  const { syncStrategy } = operation.operation;
  const isAsked = options.force || syncStrategy?.hook?.force === true || syncStrategy?.apply?.force === true;
  return isAsked && !isNamespace(object) && !isCustomResourceDefinition(object);
}

/** `object`: what of the manifest is sent. */
function writeOnce(
  { object: manifest, options }: DesiredObject,
  object: KubeObject,
  live: KubeObject | undefined,
  { kube }: StepContext,
  dryRun: boolean,
): Promise<KubeObject> {
  const write: WriteOptions = { fieldManager: fieldManager.objects, dryRun, fieldValidation: options.validate ? 'Strict' : 'Ignore' };
  if (options.replace) {
    if (live === undefined) return kube.create(object, write);
    const { resourceVersion } = live.metadata;
    return kube.replace({ ...object, metadata: { ...object.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) } }, write);
  }
  if (!isClientSide(options)) return kube.apply(object, write);
  if (live === undefined) return kube.create(withLastApplied(object), write);
  return kube.mergePatch(refOf(object), clientSidePatch(manifest, live, object), { ...write, isStrategic: isStrategic(object) });
}

async function makeAnew(desired: DesiredObject, live: KubeObject, context: StepContext, isDryRun: boolean): Promise<KubeObject> {
  // That it would be made again can't be tried while it is there, under its own name.
  if (isDryRun) return live;
  context.assertOwner();
  await deleteAndWait(live, context.kube);
  context.assertOwner();
  return writeOnce(desired, desired.object, undefined, context, false);
}

function assertSize(object: KubeObject): void {
  const bytes = Buffer.byteLength(JSON.stringify(object));
  if (bytes <= limits.objectBytesMax) return;
  const mib = (size: number): string => String(Math.round((size / 2 ** 20) * 100) / 100);
  throw new AppError('too-large', `it has ${mib(bytes)} MiB: the API server stores at most ${mib(limits.objectBytesMax)} MiB per object`);
}
