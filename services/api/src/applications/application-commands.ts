import { AppError, canonicalJson, inClusterName, inClusterServer } from '@plumbline/contracts';
import type { Application } from '@plumbline/contracts';
import type { KubeClient, ObjectRef } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { permitsDestination, permitsSource } from '@plumbline/policy';
import type { AccessModel } from '../access/access-model.ts';
import type { Caller } from '../access/authentication.ts';
import { demand } from '../access/callers.ts';
import type { Command, Commands, Written } from '../commands/commands.ts';
import { limits } from '../limits.ts';
import { findApplication, policyName } from './applications.ts';
import type { Catalogue } from './catalogue.ts';
import { redactSpec } from './redaction.ts';
import type { ApplicationBody, SyncRequest } from './requests.ts';
import { syncOperation, terminating } from './sync-operation.ts';

/** Who asks, and from where. */
export interface Asker {
  caller: Caller;
  from: string;
}

export interface ApplicationCommandsParts {
  kube: KubeClient;
  namespace: string;
  catalogue: Catalogue;
  access: AccessModel;
  commands: Commands;
  keyedHash: (value: string) => string;
}

export interface ApplicationCommands {
  sync(asker: Asker, name: string, request: SyncRequest): Promise<Application>;
  /** Ends the operation that runs; the answer doesn't wait for its end. */
  terminate(asker: Asker, name: string): Promise<void>;
  create(asker: Asker, body: ApplicationBody, options: { upsert: boolean; validate: boolean }): Promise<Application>;
  update(asker: Asker, name: string, body: ApplicationBody, options: { validate: boolean }): Promise<Application>;
  remove(asker: Asker, name: string, options: { cascade: boolean; propagationPolicy: string }): Promise<void>;
  /** Asks for a comparison; not a command: nothing that is wanted changes. */
  refresh(caller: Caller, name: string, kind: 'normal' | 'hard'): Promise<Application>;
}

const fieldManager = 'plumbline-api';
const finalizer = 'resources-finalizer.argocd.argoproj.io';

export function makeApplicationCommands(parts: ApplicationCommandsParts): ApplicationCommands {
  return {
    sync: (asker, name, request) => sync(parts, asker, name, request),
    terminate: (asker, name) => terminate(parts, asker, name),
    create: (asker, body, options) => create(parts, asker, body, options),
    update: (asker, name, body, options) => update(parts, asker, { name, body, ...options }),
    remove: (asker, name, options) => remove(parts, asker, { name, ...options }),
    refresh: async (caller, name, kind) => {
      const { kube, namespace, catalogue } = parts;
      findApplication(catalogue, caller, name, 'get');
      const patch = { metadata: { annotations: { 'argocd.argoproj.io/refresh': kind } } };
      return catalogue.take(await kube.mergePatch(reference(namespace, name), patch, { fieldManager }));
    },
  };
}

async function sync(parts: ApplicationCommandsParts, asker: Asker, name: string, request: SyncRequest): Promise<Application> {
  const { kube, namespace, catalogue, commands } = parts;
  findApplication(catalogue, asker.caller, name, 'sync');
  // What no commit has is more than a sync (argocd-compat B101).
  if (request.manifests != null && request.manifests.length > 0) findApplication(catalogue, asker.caller, name, 'override');
  const { infos: _, manifests: __, ...parameters } = request;
  return commands.carryOut(commandOf(parts, asker, 'sync', { name, parameters }), () =>
    deciding(async () => {
      const object = await current(parts, asker, name, 'sync');
      const { operation: requested } = object;
      const application = { ...catalogue.take(object), ...(requested == null ? {} : { operation: requested }) };
      const operation = syncOperation(application, request, asker.caller.subject);
      // Decided on this very version: of two who ask at once, one is told that the other was faster.
      const metadata = { resourceVersion: object.metadata.resourceVersion };
      return written(catalogue, await kube.mergePatch(reference(namespace, name), { metadata, operation }, { fieldManager }));
    }),
  );
}

async function terminate(parts: ApplicationCommandsParts, asker: Asker, name: string): Promise<void> {
  const { kube, namespace, catalogue, commands } = parts;
  findApplication(catalogue, asker.caller, name, 'sync');
  await commands.carryOut(commandOf(parts, asker, 'terminate-operation', { name, parameters: {} }), () =>
    deciding(async () => {
      const object = await current(parts, asker, name, 'sync');
      const operationState = terminating(catalogue.take(object));
      const metadata = { resourceVersion: object.metadata.resourceVersion };
      const patched = await kube.mergePatch(reference(namespace, name), { metadata, status: { operationState } }, { fieldManager });
      return { ...written(catalogue, patched), result: undefined };
    }),
  );
}

async function create(
  parts: ApplicationCommandsParts,
  asker: Asker,
  body: ApplicationBody,
  options: { upsert: boolean; validate: boolean },
): Promise<Application> {
  const { kube, namespace, catalogue, commands, keyedHash } = parts;
  const application = declared(body, namespace);
  const { name } = application.metadata;
  demand(asker.caller, 'applications', 'create', policyName(application));
  if (options.validate) checkProject(parts.access, application);
  const parameters = { spec: redactSpec(application.spec, keyedHash), upsert: options.upsert };
  return commands.carryOut(commandOf(parts, asker, 'create-application', { name, parameters }), async () => {
    const existing = await kube.get(reference(namespace, name));
    if (existing === undefined) return written(catalogue, await kube.create(application as unknown as KubeObject, { fieldManager }));
    demand(asker.caller, 'applications', 'get', policyName(existing as unknown as Application));
    if (canonicalJson(existing['spec']) === canonicalJson(application.spec)) return written(catalogue, existing);
    if (!options.upsert) throw new AppError('invalid-argument', 'existing application spec is different, use upsert flag to force update');
    demand(asker.caller, 'applications', 'update', policyName(existing as unknown as Application));
    return written(catalogue, await kube.replace(changed(existing, application, undefined), { fieldManager }));
  });
}

async function update(parts: ApplicationCommandsParts, asker: Asker, change: { name: string; body: ApplicationBody; validate: boolean }): Promise<Application> {
  const { kube, namespace, catalogue, commands, keyedHash } = parts;
  const { name, body, validate } = change;
  const before = findApplication(catalogue, asker.caller, name, 'update');
  const application = declared(body, namespace);
  if (application.metadata.name !== name)
    throw new AppError('invalid-argument', `the body is application ${application.metadata.name}, the address says ${name}`);
  if (application.spec.project !== before.spec.project) demand(asker.caller, 'applications', 'create', policyName(application));
  if (validate) checkProject(parts.access, application);
  const parameters = { spec: redactSpec(application.spec, keyedHash) };
  // Who names a version wants to hear that it is no longer the last one.
  const mayRetry = body.metadata.resourceVersion === undefined;
  return commands.carryOut(commandOf(parts, asker, 'update-application', { name, parameters }), () =>
    deciding(async () => {
      const object = await current(parts, asker, name, 'update');
      return written(catalogue, await kube.replace(changed(object, application, body.metadata.resourceVersion), { fieldManager }));
    }, mayRetry),
  );
}

async function remove(parts: ApplicationCommandsParts, asker: Asker, wanted: { name: string; cascade: boolean; propagationPolicy: string }): Promise<void> {
  const { kube, namespace, catalogue, commands } = parts;
  const { name, ...parameters } = wanted;
  findApplication(catalogue, asker.caller, name, 'delete');
  const itself = reference(namespace, name);
  const ownFinalizer = parameters.propagationPolicy === 'background' ? `${finalizer}/background` : finalizer;
  await commands.carryOut(commandOf(parts, asker, 'delete-application', { name, parameters }), () =>
    deciding(async () => {
      const object = await current(parts, asker, name, 'delete');
      const { uid = '' } = object.metadata;
      const kept = await setFinalizer(kube, itself, object, parameters.cascade ? ownFinalizer : undefined);
      await kube.delete(itself, { uid });
      const left = await kube.get(itself);
      if (left === undefined || left.metadata.uid !== uid) catalogue.forget(uid);
      else catalogue.take(left);
      return { written: { uid, resourceVersion: kept.metadata.resourceVersion }, result: undefined };
    }),
  );
}

const reference = (namespace: string, name: string): ObjectRef => ({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace, name });

function commandOf(
  { namespace }: ApplicationCommandsParts,
  { caller, from }: Asker,
  command: string,
  what: { name: string; parameters: Record<string, unknown> },
): Command {
  return { command, target: `application ${namespace}/${what.name}`, parameters: what.parameters, subject: caller.subject, from };
}

const written = (catalogue: Catalogue, object: KubeObject): { written: Written; result: Application } => ({
  written: { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion },
  result: catalogue.take(object),
});

/** As it is in the cluster now; the right is asked again, because its project may have changed since. */
async function current({ kube, namespace }: ApplicationCommandsParts, { caller }: Asker, name: string, action: string): Promise<KubeObject> {
  const object = await kube.get(reference(namespace, name));
  if (object === undefined) throw new AppError('not-found', `application ${name} not found`);
  demand(caller, 'applications', action, policyName(object as unknown as Application));
  return object;
}

/** Again while somebody else writes in between. */
async function deciding<T>(decide: () => Promise<T>, mayRetry = true): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await decide();
    } catch (error) {
      if (!mayRetry || !AppError.is(error) || error.code !== 'conflict' || tries >= limits.writeTriesMax) throw error;
    }
  }
}

function declared(body: ApplicationBody, namespace: string): Application {
  const { name, labels, annotations, finalizers } = body.metadata;
  if (body.metadata.namespace !== undefined && body.metadata.namespace !== '' && body.metadata.namespace !== namespace) {
    throw new AppError('permission-denied', `namespace '${body.metadata.namespace}' is not permitted for applications`);
  }
  if ((body.spec.source === undefined) === (body.spec.sources === undefined))
    throw new AppError('invalid-argument', 'application spec has either source or sources');
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: {
      name,
      namespace,
      ...(labels == null ? {} : { labels }),
      ...(annotations == null ? {} : { annotations }),
      ...(finalizers == null ? {} : { finalizers }),
    },
    spec: body.spec,
  };
}

/** What the project says to the application. syncer asks again, with every object; here a person is told at once. */
function checkProject(access: AccessModel, { spec }: Application): void {
  const project = access.project(spec.project);
  if (project === undefined) throw new AppError('invalid-argument', `application references project ${spec.project} which does not exist`);
  const { server, name, namespace = '' } = spec.destination;
  const isHere = server === inClusterServer || name === inClusterName;
  const cluster = isHere
    ? { server: inClusterServer, name: inClusterName }
    : { ...(server === undefined ? {} : { server }), ...(name === undefined ? {} : { name }) };
  const verdicts = [...(spec.source === undefined ? [] : [spec.source]), ...(spec.sources ?? [])].map((source) => permitsSource(project, source.repoURL));
  for (const verdict of [...verdicts, permitsDestination(project, { ...cluster, namespace })]) {
    if (!verdict.allowed) throw new AppError('invalid-argument', `application spec for this project is invalid: InvalidSpecError: ${verdict.reason}`);
  }
}

/** As Argo CD: the spec is replaced, labels and annotations are merged in, finalizers replaced where given; status and operation stay. */
function changed(object: KubeObject, application: Application, resourceVersion: string | undefined): KubeObject {
  const { metadata } = application;
  return {
    ...object,
    metadata: {
      ...object.metadata,
      resourceVersion: resourceVersion ?? object.metadata.resourceVersion ?? '',
      labels: { ...object.metadata.labels, ...metadata.labels },
      annotations: { ...object.metadata.annotations, ...metadata.annotations },
      ...(metadata.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
    },
    spec: application.spec,
  };
}

/** Exactly this one of our finalizers (undefined: none of them); others are not ours to touch. */
async function setFinalizer(kube: KubeClient, reference: ObjectRef, object: KubeObject, wanted: string | undefined): Promise<KubeObject> {
  const before = object.metadata.finalizers ?? [];
  const others = before.filter((each) => each !== finalizer && !each.startsWith(`${finalizer}/`));
  const after = wanted === undefined ? others : [...others, wanted];
  if (JSON.stringify(before) === JSON.stringify(after)) return object;
  return kube.mergePatch(reference, { metadata: { resourceVersion: object.metadata.resourceVersion, finalizers: after } }, { fieldManager });
}
