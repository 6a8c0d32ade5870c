import { AppError, type Clock, type Logger } from '@plumbline/contracts';
import { groupVersionKind, type KubeObject } from '@plumbline/manifests';
import type { KubeConnection } from './connection.ts';
import { makeDiscoverer } from './discovery.ts';
import { makeHttp, type Http, type HttpRequest } from './http.ts';
import { kubeLimits, type KubeLimits } from './limits.ts';
import { listPages } from './list.ts';
import type { Discovery, KindInfo, KubeClient, ObjectRef, Watch } from './port.ts';
import { collectionPath, objectPath, requireNamespace, withQuery } from './resource-path.ts';
import { describe, named, type Subject } from './server-error.ts';
import { startWatch } from './watch.ts';

export interface KubeClientOptions {
  connection: KubeConnection;
  log: Logger;
  /** Default: the system's. */
  clock?: Clock;
  /** Spreads retries and watches; 0 ≤ n < 1. Default: Math.random. */
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
  const { connection, log, clock = Date.now, random = Math.random } = options;
  const limits: KubeLimits = { ...kubeLimits, ...options.limits, watch: { ...kubeLimits.watch, ...options.limits?.watch } };
  const http = makeHttp({ connection, limits, clock, random });
  const kinds = makeKinds(http, clock, limits);
  const watches = new Set<Watch>();

  const write = async (object: KubeObject, request: (info: KindInfo) => Omit<HttpRequest, 'subject'>): Promise<KubeObject> => {
    const info = await kinds.resolve(groupVersionKind(object));
    const answer = await http.send({ ...request(info), subject: subjectOf(object) });
    return answer.body as KubeObject;
  };

  return {
    discover: (discovery = {}) => kinds.discover(discovery.refresh === true),

    async get(ref) {
      const info = await kinds.resolve(ref);
      try {
        return (await http.send({ method: 'GET', path: objectPath(info, ref), subject: refSubject(ref), isIdempotent: true })).body as KubeObject;
      } catch (error) {
        if (AppError.is(error) && error.code === 'not-found') return undefined;
        throw error;
      }
    },

    async list(kind, { namespace, labelSelector } = {}) {
      const info = await kinds.resolve(kind);
      const items = new Map<string, KubeObject>();
      const query = { info, ...(namespace === undefined ? {} : { namespace }), ...(labelSelector === undefined ? {} : { labelSelector }) };
      const resourceVersion = await listPages(http, query, limits, (page) => {
        for (const item of page) items.set(`${item.metadata.namespace ?? ''}/${item.metadata.name}`, item);
      });
      return { items: [...items.values()], resourceVersion };
    },

    create: (object, { fieldManager, dryRun } = {}) =>
      write(object, (info) => {
        requireNamespace(info, object.metadata);
        const path = withQuery(collectionPath(info, object.metadata.namespace), {
          fieldManager,
          fieldValidation: 'Strict',
          dryRun: dryRun === true ? 'All' : undefined,
        });
        return { method: 'POST', path, body: object, isIdempotent: false };
      }),

    apply: (object, { fieldManager, dryRun, fieldValidation = 'Strict', force = true }) =>
      write(object, (info) => ({
        method: 'PATCH',
        path: withQuery(objectPath(info, object.metadata), {
          fieldManager,
          force: String(force),
          fieldValidation,
          dryRun: dryRun === true ? 'All' : undefined,
        }),
        body: object,
        // JSON is YAML.
        contentType: 'application/apply-patch+yaml',
        isIdempotent: true,
      })),

    async mergePatch(ref, patch, { fieldManager }) {
      const info = await kinds.resolve(ref);
      const path = withQuery(objectPath(info, ref), { fieldManager });
      const answer = await http.send({
        method: 'PATCH',
        path,
        body: patch,
        contentType: 'application/merge-patch+json',
        subject: refSubject(ref),
        isIdempotent: true,
      });
      return answer.body as KubeObject;
    },

    replace: (object, { fieldManager }) =>
      write(object, (info) => ({
        method: 'PUT',
        path: withQuery(objectPath(info, object.metadata), { fieldManager, fieldValidation: 'Strict' }),
        body: object,
        isIdempotent: false,
      })),

    async delete(ref, { propagationPolicy, uid, resourceVersion } = {}) {
      const info = await kinds.resolve(ref);
      const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
        ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
      };
      try {
        await http.send({ method: 'DELETE', path: objectPath(info, ref), body, subject: refSubject(ref), isIdempotent: true });
        return true;
      } catch (error) {
        if (AppError.is(error) && error.code === 'not-found') return false;
        throw error;
      }
    },

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

function subjectOf(object: KubeObject): Subject {
  const { group, kind } = groupVersionKind(object);
  const { namespace, name, generateName } = object.metadata;
  return { group, kind, ...(namespace === undefined ? {} : { namespace }), name: name === '' ? `${generateName ?? ''}*` : name };
}

const refSubject = ({ group, kind, namespace, name }: ObjectRef): Subject => ({ group, kind, ...(namespace === undefined ? {} : { namespace }), name });

interface Kinds {
  discover(refresh: boolean): Promise<Discovery>;
  /** `unknown-kind`, or `unavailable` when the kind's group can't be asked now. */
  resolve(gvk: { group: string; version: string; kind: string }): Promise<KindInfo>;
}

/** Discovery, cached: asked again on request, and when a kind is looked for that it doesn't know. */
function makeKinds(http: Http, clock: Clock, limits: KubeLimits): Kinds {
  const ask = makeDiscoverer(http);
  let current: Promise<Discovery> | undefined;
  let asking: Promise<Discovery> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;

  const discover = async (refresh: boolean): Promise<Discovery> => {
    if (current !== undefined && !refresh) return await current;
    if (asking === undefined) {
      askedAt = clock();
      asking = ask();
      asking.then(
        (discovery) => {
          current = Promise.resolve(discovery);
          asking = undefined;
        },
        () => void (asking = undefined),
      );
    }
    return await asking;
  };

  return {
    discover,
    async resolve({ group, version, kind }) {
      const known = (await discover(false)).find(group, version, kind);
      if (known !== undefined) return known;
      const fresh = await discover(clock() - askedAt >= limits.discoveryRefreshMinMs);
      const found = fresh.find(group, version, kind);
      if (found !== undefined) return found;
      const subject = { group, kind };
      if (fresh.unavailableGroups.includes(group)) {
        throw new AppError('unavailable', `${describe(subject)}: the API server can't reach the API of the group ${group} now`, {
          retry: 'later',
          details: named(subject),
        });
      }
      const other = fresh.findKind(group, kind);
      const hint = other === undefined ? 'is its CustomResourceDefinition installed?' : `it serves version ${other.version}`;
      throw new AppError('unknown-kind', `${describe(subject)} in version ${version} is not served by the API server: ${hint}`, {
        details: { ...named(subject), version },
      });
    },
  };
}
