import { AppError, inClusterName, inClusterServer } from '@plumbline/contracts';
import type { Application, ApplicationSpec } from '@plumbline/contracts';
import type { KubeClient, ObjectRef } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { permitsDestination, permitsSource } from '@plumbline/policy';
import type { AccessModel } from '../access/access-model.ts';
import type { Caller } from '../access/authentication.ts';
import { demand } from '../access/callers.ts';
import type { Command, Commands } from '../commands/commands.ts';
import { limits } from '../limits.ts';
import { findApplication, policyName } from './applications.ts';
import type { Catalogue } from './catalogue.ts';
import { redactSpec } from './redaction.ts';
import type { ApplicationBody, SyncRequest } from './requests.ts';
import { syncOperation } from './sync-operation.ts';

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
  create(asker: Asker, body: ApplicationBody, options: { upsert: boolean; validate: boolean }): Promise<Application>;
  update(asker: Asker, name: string, body: ApplicationBody, options: { validate: boolean }): Promise<Application>;
  remove(asker: Asker, name: string, options: { cascade: boolean; propagationPolicy: string }): Promise<void>;
  /** Asks for a comparison; not a command: nothing that is wanted changes. */
  refresh(caller: Caller, name: string, kind: 'normal' | 'hard'): Promise<Application>;
}

const fieldManager = 'plumbline-api';
const finalizer = 'resources-finalizer.argocd.argoproj.io';

export function makeApplicationCommands(parts: ApplicationCommandsParts): ApplicationCommands {
  const { kube, namespace, catalogue, commands, keyedHash } = parts;
  const reference = (name: string): ObjectRef => ({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace, name });
  const command = ({ caller, from }: Asker, verb: string, name: string, parameters: Record<string, unknown>): Command => ({
    command: verb,
    target: `application ${namespace}/${name}`,
    parameters,
    subject: caller.subject,
    from,
  });
  const written = (object: KubeObject) => ({
    written: { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion },
    result: catalogue.take(object),
  });
  const current = async (name: string): Promise<KubeObject> => {
    const object = await kube.get(reference(name));
    if (object === undefined) throw new AppError('not-found', `application ${name} not found`);
    return object;
  };

  return {
    sync: async (asker, name, request) => {
      findApplication(catalogue, asker.caller, name, 'sync');
      const { infos: _, manifests: __, ...parameters } = request;
      return commands.carryOut(command(asker, 'sync', name, parameters), () =>
        deciding(async () => {
          const object = await current(name);
          const application = { ...catalogue.take(object), ...(object['operation'] == null ? {} : { operation: object['operation'] }) } as Application;
          const operation = syncOperation(application, request, asker.caller.subject);
          // Decided on this very version: of two who ask at once, one is told that the other was faster.
          const metadata = { resourceVersion: object.metadata.resourceVersion };
          return written(await kube.mergePatch(reference(name), { metadata, operation }, { fieldManager }));
        }),
      );
    },

    create: async (asker, body, { upsert, validate }) => {
      const application = declared(body, namespace);
      const { name } = application.metadata;
      demand(asker.caller, 'applications', 'create', policyName(application));
      if (validate) checkProject(parts.access, application);
      return commands.carryOut(command(asker, 'create-application', name, { spec: redactSpec(application.spec, keyedHash), upsert }), async () => {
        const existing = await kube.get(reference(name));
        if (existing === undefined) return written(await kube.create(application as unknown as KubeObject, { fieldManager }));
        const same = JSON.stringify(sorted(existing['spec'])) === JSON.stringify(sorted(application.spec));
        if (same) return written(existing);
        if (!upsert) throw new AppError('invalid-argument', 'existing application spec is different, use upsert flag to force update');
        demand(asker.caller, 'applications', 'update', policyName(existing as unknown as Application));
        return written(await kube.replace(changed(existing, application, undefined), { fieldManager }));
      });
    },

    update: async (asker, name, body, { validate }) => {
      const before = findApplication(catalogue, asker.caller, name, 'update');
      const application = declared(body, namespace);
      if (application.metadata.name !== name)
        throw new AppError('invalid-argument', `the body is application ${application.metadata.name}, the address says ${name}`);
      if (application.spec.project !== before.spec.project) demand(asker.caller, 'applications', 'create', policyName(application));
      if (validate) checkProject(parts.access, application);
      return commands.carryOut(command(asker, 'update-application', name, { spec: redactSpec(application.spec, keyedHash) }), () =>
        deciding(async () => {
          const object = await current(name);
          demand(asker.caller, 'applications', 'update', policyName(object as unknown as Application));
          return written(await kube.replace(changed(object, application, body.metadata.resourceVersion), { fieldManager }));
        }, body.metadata.resourceVersion === undefined),
      );
    },

    remove: async (asker, name, { cascade, propagationPolicy }) => {
      findApplication(catalogue, asker.caller, name, 'delete');
      await commands.carryOut(command(asker, 'delete-application', name, { cascade, propagationPolicy }), () =>
        deciding(async () => {
          const object = await current(name);
          demand(asker.caller, 'applications', 'delete', policyName(object as unknown as Application));
          const kept = await setFinalizer(
            kube,
            reference(name),
            object,
            cascade ? (propagationPolicy === 'background' ? `${finalizer}/background` : finalizer) : undefined,
          );
          await kube.delete(reference(name), { uid: object.metadata.uid! });
          const left = await kube.get(reference(name));
          if (left === undefined || left.metadata.uid !== object.metadata.uid) catalogue.forget(object.metadata.uid!);
          else catalogue.take(left);
          return { written: { uid: object.metadata.uid, resourceVersion: kept.metadata.resourceVersion }, result: undefined };
        }),
      );
    },

    refresh: async (caller, name, kind) => {
      findApplication(catalogue, caller, name, 'get');
      return catalogue.take(await kube.mergePatch(reference(name), { metadata: { annotations: { 'argocd.argoproj.io/refresh': kind } } }, { fieldManager }));
    },
  };
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
    spec: body.spec as ApplicationSpec,
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
  return kube.mergePatch(reference, { metadata: { resourceVersion: object.metadata.resourceVersion, finalizers: after } }, { fieldManager: 'plumbline-api' });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
