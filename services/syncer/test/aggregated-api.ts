import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { loopbackCertificate } from './loopback-certificate.ts';

/** An API that kube-apiserver passes on to: one namespaced kind, `Widget`, whose server comes and goes. */
export interface AggregatedApi {
  /** By name; what isn't in it isn't there. */
  readonly widgets: ReadonlyMap<string, KubeObject>;
  /** An object appears, as if somebody had made it. */
  put(name: string, annotations: Record<string, string>): void;
  /** Its server ends; every connection with it. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  remove(): Promise<void>;
}

const serviceKind = { group: '', version: 'v1', kind: 'Service' };
const apiServiceKind = { group: 'apiregistration.k8s.io', version: 'v1', kind: 'APIService' };

/** Served as `<group>/v1` once this resolves, in `namespace` only. */
export async function startAggregatedApi(kube: KubeClient, group: string, namespace: string): Promise<AggregatedApi> {
  const backend = new WidgetServer(group, namespace);
  await backend.listen();
  const name = `v1.${group}`;
  const service = { ...serviceKind, name: 'widgets', namespace };
  // kube-apiserver refuses endpoints on the loopback interface, and resolves a name that leads there.
  const spec = { type: 'ExternalName', externalName: 'localhost', ports: [{ port: backend.port }] };
  await kube.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: service.name, namespace }, spec });
  await kube.create({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name },
    spec: {
      ...{ group, version: 'v1', groupPriorityMinimum: 10, versionPriority: 10, insecureSkipTLSVerify: true },
      service: { namespace, name: service.name, port: backend.port },
    },
  });
  while ((await kube.discover({ refresh: true })).findKind(group, 'Widget') === undefined) await sleep(50);
  // It is asked each half minute whether it is there, and when its Service changes.
  let looks = 0;
  const lookNow = async (): Promise<void> =>
    void (await kube.mergePatch(service, { metadata: { annotations: { looks: String(++looks) } } }, { fieldManager: 'test' }));
  return {
    widgets: backend.widgets,
    put: (widget, annotations) => backend.put(widget, annotations),
    async goAway() {
      await backend.close();
      await lookNow();
    },
    async comeBack() {
      await backend.listen();
      await lookNow();
    },
    async remove() {
      await kube.delete({ ...apiServiceKind, name });
      await kube.delete(service);
      await backend.close();
    },
  };
}

class WidgetServer {
  readonly widgets = new Map<string, KubeObject>();
  readonly #apiVersion: string;
  readonly #namespace: string;
  /** What happened, by version. */
  readonly #events: { type: 'ADDED' | 'DELETED'; object: KubeObject }[] = [];
  readonly #watches = new Set<ServerResponse>();
  readonly #server = createServer(loopbackCertificate, (request, response) => this.#answer(request, response));
  port = 0;

  constructor(group: string, namespace: string) {
    this.#apiVersion = `${group}/v1`;
    this.#namespace = namespace;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  put(name: string, annotations: Record<string, string>): void {
    const metadata = { name, namespace: this.#namespace, uid: `uid-of-${name}`, annotations };
    this.widgets.set(name, this.#tell('ADDED', { apiVersion: this.#apiVersion, kind: 'Widget', metadata }));
  }

  /** The object in its new version. */
  #tell(type: 'ADDED' | 'DELETED', before: KubeObject): KubeObject {
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.#events.length + 1) } };
    this.#events.push({ type, object });
    for (const watch of this.#watches) watch.write(`${JSON.stringify({ type, object })}\n`);
    return object;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://localhost');
    const root = `/apis/${this.#apiVersion}`;
    const item = new RegExp(`^${root}/namespaces/${this.#namespace}/widgets/([^/]+)$`).exec(pathname)?.[1];
    response.setHeader('content-type', 'application/json');
    if (pathname === root) return send(response, 200, this.#kinds());
    if (item !== undefined) return this.#answerOf(item, request.method, response);
    if (!pathname.endsWith('/widgets')) return send(response, 404, status(404, 'NotFound'));
    if (searchParams.get('watch') === '1') return this.#watch(response, searchParams);
    const metadata = { resourceVersion: String(this.#events.length) };
    send(response, 200, { apiVersion: this.#apiVersion, kind: 'WidgetList', metadata, items: [...this.widgets.values()] });
  }

  #kinds(): object {
    // Of what can be deleted Kubernetes' garbage collector keeps lists of its own, and waits for them.
    const widget = { name: 'widgets', singularName: 'widget', kind: 'Widget', namespaced: true, verbs: ['get', 'list', 'watch'] };
    return { apiVersion: 'v1', kind: 'APIResourceList', groupVersion: this.#apiVersion, resources: [widget] };
  }

  #answerOf(name: string, method: string | undefined, response: ServerResponse): void {
    const widget = this.widgets.get(name);
    if (widget === undefined) return send(response, 404, status(404, 'NotFound', name));
    if (method === 'DELETE') {
      this.widgets.delete(name);
      this.#tell('DELETED', widget);
    }
    send(response, 200, widget);
  }

  #watch(response: ServerResponse, query: URLSearchParams): void {
    response.writeHead(200);
    response.flushHeaders();
    for (const event of this.#events.slice(Number(query.get('resourceVersion')))) response.write(`${JSON.stringify(event)}\n`);
    this.#watches.add(response);
    const timer = setTimeout(() => response.end(), Number(query.get('timeoutSeconds') ?? 60) * 1_000);
    response.on('close', () => {
      clearTimeout(timer);
      this.#watches.delete(response);
    });
  }
}

const send = (response: ServerResponse, code: number, body: object): void => void response.writeHead(code).end(JSON.stringify(body));

const status = (code: number, reason: string, name?: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message: reason },
  ...(name === undefined ? {} : { details: { name, kind: 'widgets' } }),
});
