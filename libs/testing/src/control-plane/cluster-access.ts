import { AppError } from '@plumbline/contracts';
import { Agent } from 'undici';
import type { ClusterCredentials } from './credentials.ts';

export interface ClusterAnswer {
  status: number;
  body: string;
}

/**
 * The few calls that setting up a cluster takes. Kept apart from libs/kube on purpose: what brings up the server under
 * test doesn't rest on the code under test.
 */
export class ClusterAccess {
  readonly #credentials: ClusterCredentials;
  readonly #agent: Agent;

  constructor(credentials: ClusterCredentials) {
    this.#credentials = credentials;
    this.#agent = new Agent({ connect: { ca: credentials.certificate } });
  }

  async call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: { type: string; text: string }): Promise<ClusterAnswer> {
    const answer = await this.#agent.request({
      origin: this.#credentials.server,
      method,
      path,
      headers: { authorization: `Bearer ${this.#credentials.token}`, accept: 'application/json', ...(body && { 'content-type': body.type }) },
      body: body?.text ?? null,
    });
    return { status: answer.statusCode, body: await answer.body.text() };
  }

  /** Server-side apply of one object at its path. */
  async apply(path: string, object: unknown): Promise<void> {
    const { status, body } = await this.call('PATCH', `${path}?fieldManager=plumbline-setup&force=true`, {
      type: 'application/apply-patch+yaml',
      text: JSON.stringify(object),
    });
    if (status >= 300) throw new AppError('failed-precondition', `${this.#credentials.server} refused ${path} with status ${status}: ${body}`);
  }

  async get<T>(path: string): Promise<T | undefined> {
    const { status, body } = await this.call('GET', path);
    return status === 200 ? (JSON.parse(body) as T) : undefined;
  }

  async isReady(): Promise<boolean> {
    return (await this.call('GET', '/readyz')).status === 200;
  }

  async whyNotReady(): Promise<string> {
    return (await this.call('GET', '/readyz?verbose').catch((error: unknown) => ({ body: String(error) }))).body;
  }

  /** All nodes are Ready and kube-controller-manager has made the service account that Pods run as. */
  async canRunPods(nodes: number): Promise<boolean> {
    const list = await this.get<{ items: { status: { conditions?: { type: string; status: string }[] } }[] }>('/api/v1/nodes');
    const ready = list?.items.filter(({ status }) => status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'));
    return (ready?.length ?? 0) >= nodes && (await this.get('/api/v1/namespaces/default/serviceaccounts/default')) !== undefined;
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
