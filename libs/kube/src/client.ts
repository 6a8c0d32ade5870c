import { randomInt } from 'node:crypto';
import { AppError, type Clock, type Logger } from '@plumbline/contracts';
import { groupVersionKind, type KubeObject } from '@plumbline/manifests';
import type { KubeConnection } from './connection.ts';
import { makeHttp, type Http, type HttpRequest } from './http.ts';
import { makeKinds, type Kinds } from './kinds.ts';
import { keyOf } from './known-objects.ts';
import { kubeLimits, type KubeLimits } from './limits.ts';
import { listPages } from './list.ts';
import type { KindInfo, KubeClient, ObjectRef, Watch } from './port.ts';
import { collectionPath, objectPath, requireNamespace, withQuery } from './resource-path.ts';
import type { Subject } from './server-error.ts';
import { startWatch } from './watch.ts';

export interface KubeClientOptions {
  connection: KubeConnection;
  log: Logger;
  /** Default: the system's. */
  clock?: Clock;
  /** Spreads retries and watches in time; 0 ≤ n < 1. Default: the system's. */
  random?: () => number;
  limits?: Partial<Omit<KubeLimits, 'watch'>> & { watch?: Partial<KubeLimits['watch']> };
}

/**
 * A client of one API server. Nothing is sent before the first call; `close` ends its watches and connections.
 *
 * @example
 * const kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath, env: process.env }), log });
 * await kube.apply(manifest, { fieldManager: 'plumbline' });
 */
export function makeKubeClient(options: KubeClientOptions): KubeClient {
  const { connection, log, clock = Date.now, random = chance } = options;
  const limits: KubeLimits = { ...kubeLimits, ...options.limits, watch: { ...kubeLimits.watch, ...options.limits?.watch } };
  const http = makeHttp({ connection, limits, clock, random });
  const kinds = makeKinds(http, clock, limits);
  const watches = new Set<Watch>();
  return {
    discover: ({ refresh = false } = {}) => kinds.discover(refresh),
    ...readsOf(http, kinds, limits),
    ...writesOf(http, kinds),
    watch(watchOptions) {
      const watch = startWatch(watchOptions, {
        http,
        limits,
        clock,
        random,
        log,
        resolveKind: (group, version, kind) => kinds.resolve({ group, version, kind }),
      });
      watches.add(watch);
      return {
        hasSynced: watch.hasSynced,
        async stop() {
          watches.delete(watch);
          await watch.stop();
        },
      };
    },
    async close() {
      await Promise.all([...watches].map((watch) => watch.stop()));
      watches.clear();
      await http.close();
    },
  };
}

const chance = (): number => randomInt(2 ** 32) / 2 ** 32;

function readsOf(http: Http, kinds: Kinds, limits: KubeLimits): Pick<KubeClient, 'get' | 'list'> {
  return {
    async get(ref) {
      const info = await kinds.resolve(ref);
      const answer = await unlessNotFound(http.send({ method: 'GET', path: objectPath(info, ref), subject: refSubject(ref), isIdempotent: true }));
      return answer?.body as KubeObject | undefined;
    },

    async list(kind, { namespace, labelSelector } = {}) {
      const info = await kinds.resolve(kind);
      // A list that had to start over in the middle has seen some objects twice.
      const items = new Map<string, KubeObject>();
      const query = { info, ...(namespace === undefined ? {} : { namespace }), ...(labelSelector === undefined ? {} : { labelSelector }) };
      const resourceVersion = await listPages(http, query, limits, (page) => {
        for (const item of page) items.set(keyOf(item), item);
      });
      return { items: [...items.values()], resourceVersion };
    },
  };
}

function writesOf(http: Http, kinds: Kinds): Pick<KubeClient, 'create' | 'apply' | 'mergePatch' | 'replace' | 'delete'> {
  const write = async (object: KubeObject, request: (info: KindInfo) => Omit<HttpRequest, 'subject'>): Promise<KubeObject> => {
    const info = await kinds.resolve(groupVersionKind(object));
    const answer = await http.send({ ...request(info), subject: subjectOf(object) });
    return answer.body as KubeObject;
  };
  const dryRunQuery = (dryRun: boolean | undefined): { dryRun?: string } => (dryRun === true ? { dryRun: 'All' } : {});

  return {
    create: (object, { fieldManager, dryRun, fieldValidation = 'Strict' } = {}) =>
      write(object, (info) => {
        requireNamespace(info, object.metadata);
        const path = withQuery(collectionPath(info, object.metadata.namespace), { fieldManager, fieldValidation, ...dryRunQuery(dryRun) });
        return { method: 'POST', path, body: object, isIdempotent: false };
      }),

    apply: (object, { fieldManager, dryRun, fieldValidation = 'Strict', force = true }) =>
      write(object, (info) => ({
        method: 'PATCH',
        path: withQuery(objectPath(info, object.metadata), { fieldManager, force: String(force), fieldValidation, ...dryRunQuery(dryRun) }),
        body: object,
        // JSON is YAML.
        contentType: 'application/apply-patch+yaml',
        isIdempotent: true,
      })),

    async mergePatch(ref, patch, { fieldManager, dryRun, fieldValidation, isStrategic = false }) {
      const info = await kinds.resolve(ref);
      const path = withQuery(objectPath(info, ref), { fieldManager, ...(fieldValidation === undefined ? {} : { fieldValidation }), ...dryRunQuery(dryRun) });
      const answer = await http.send({
        method: 'PATCH',
        path,
        body: patch,
        contentType: isStrategic ? 'application/strategic-merge-patch+json' : 'application/merge-patch+json',
        subject: refSubject(ref),
        isIdempotent: true,
      });
      return answer.body as KubeObject;
    },

    // Not to be repeated: after a first try that did happen, the second would be a conflict.
    replace: (object, { fieldManager, dryRun, fieldValidation = 'Strict' }) =>
      write(object, (info) => ({
        method: 'PUT',
        path: withQuery(objectPath(info, object.metadata), { fieldManager, fieldValidation, ...dryRunQuery(dryRun) }),
        body: object,
        isIdempotent: false,
      })),

    async delete(ref, { propagationPolicy, uid, resourceVersion } = {}) {
      const info = await kinds.resolve(ref);
      const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy, preconditions };
      return (
        (await unlessNotFound(http.send({ method: 'DELETE', path: objectPath(info, ref), body, subject: refSubject(ref), isIdempotent: true }))) !== undefined
      );
    },
  };
}

async function unlessNotFound<R>(answer: Promise<R>): Promise<R | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (AppError.is(error) && error.code === 'not-found') return undefined;
    throw error;
  }
}

function subjectOf(object: KubeObject): Subject {
  const { group, kind } = groupVersionKind(object);
  const { namespace, name, generateName } = object.metadata;
  return { group, kind, ...(namespace === undefined ? {} : { namespace }), name: name === '' ? `${generateName ?? ''}*` : name };
}

const refSubject = ({ group, kind, namespace, name }: ObjectRef): Subject => ({ group, kind, ...(namespace === undefined ? {} : { namespace }), name });
