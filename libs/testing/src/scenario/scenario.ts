import { randomBytes } from 'node:crypto';
import type { Application, ApplicationSpec, ApplicationStatus, AppProjectSpec, RecordedEvent } from '@plumbline/contracts';
import { inClusterServer } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { groupVersionKind } from '@plumbline/manifests';
import type { Files, GitWorkspace } from '../git-workspace.ts';
import { makeRepository } from '../git-workspace.ts';
import { consistently, eventually } from './eventually.ts';
import type { PlatformAddress } from './platform-client.ts';
import { PlatformClient } from './platform-client.ts';

/** One event as `GET /api/v1/events` answers it. */
export type ApiEvent = Pick<RecordedEvent, 'position' | 'id' | 'stream' | 'version' | 'type' | 'data'> & { time: string; actor: string };

export interface ScenarioOptions {
  platform: PlatformAddress;
  kube: KubeClient;
}

const controlNamespace = 'argocd';

/**
 * A story told over the public surfaces only: a Git repository, an Application, a namespace of its own, and the REST
 * API. Expectations wait; what was seen last is in their errors.
 *
 *     const shop = await Scenario.begin(options);
 *     await shop.givenRepository({ 'manifests/web.yaml': … });
 *     await shop.whenApplicationIsCreated();
 *     await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
 */
export class Scenario {
  readonly name: string;
  readonly namespace: string;
  readonly kube: KubeClient;
  readonly api: PlatformClient;
  readonly #platform: PlatformAddress;
  readonly #made: KubeObject[] = [];
  #git: GitWorkspace | undefined;
  #from = 0;

  private constructor(name: string, options: ScenarioOptions) {
    this.name = name;
    this.namespace = name;
    this.kube = options.kube;
    this.#platform = options.platform;
    this.api = new PlatformClient(options.platform);
  }

  static async begin(options: ScenarioOptions): Promise<Scenario> {
    const scenario = new Scenario(`t-${randomBytes(4).toString('hex')}`, options);
    scenario.#from = (await scenario.events({ from: 0, limit: 1 })).head;
    return scenario;
  }

  /** What the test made goes: Applications first, then projects, then the namespace. */
  async end(): Promise<void> {
    for (const object of this.#made.reverse()) await this.kube.delete(refOf(object)).catch(() => false);
    await this.kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: this.namespace }).catch(() => false);
    await this.#git?.remove();
    await this.api.close();
  }

  get repoUrl(): string {
    return `${this.#platform.gitUrl}/${this.name}.git`;
  }

  get git(): GitWorkspace {
    if (this.#git === undefined) throw new Error('this scenario has no repository yet: givenRepository first');
    return this.#git;
  }

  async givenRepository(files: Files): Promise<void> {
    this.#git = await makeRepository({ files, url: this.repoUrl });
  }

  async givenObject(object: KubeObject): Promise<void> {
    await this.kube.apply(object, { fieldManager: 'kubectl' });
    this.#made.push(object);
  }

  async givenProject(spec: AppProjectSpec): Promise<void> {
    await this.givenObject({ apiVersion: 'argoproj.io/v1alpha1', kind: 'AppProject', metadata: { name: this.name, namespace: controlNamespace }, spec });
  }

  /** An automated Application of `manifests` in the scenario's repository and namespace, changed by `spec`. */
  async whenApplicationIsCreated(spec: Partial<ApplicationSpec> = {}, metadata: Partial<KubeObject['metadata']> = {}): Promise<void> {
    const full: ApplicationSpec = {
      project: 'default',
      source: { repoURL: this.repoUrl, path: 'manifests', targetRevision: 'HEAD' },
      destination: { server: inClusterServer, namespace: this.namespace },
      syncPolicy: { automated: { prune: true, selfHeal: true }, syncOptions: ['CreateNamespace=true'] },
      ...spec,
    };
    const object = {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name: this.name, namespace: controlNamespace, ...metadata },
      spec: full,
    };
    await this.kube.apply(object, { fieldManager: 'kubectl' });
    this.#made.push(object);
  }

  async whenApplicationIsPatched(patch: unknown): Promise<void> {
    await this.kube.mergePatch({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: controlNamespace, name: this.name }, patch, {
      fieldManager: 'kubectl-edit',
    });
  }

  async whenApplicationIsDeleted(): Promise<void> {
    await this.kube.delete({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: controlNamespace, name: this.name });
  }

  /** Commits and pushes; the commit's id. */
  async whenPushed(files: Files, message?: string): Promise<string> {
    const commit = await this.git.commit(files, message);
    await this.git.push();
    return commit;
  }

  async whenReverted(): Promise<string> {
    const commit = await this.git.revert();
    await this.git.push();
    return commit;
  }

  /** Somebody changes a live object by hand. */
  async whenPatchedByHand(kind: string, name: string, patch: unknown): Promise<void> {
    await this.kube.mergePatch(await this.#ref(kind, name), patch, { fieldManager: 'kubectl-scale' });
  }

  async whenDeletedByHand(kind: string, name: string): Promise<void> {
    await this.kube.delete(await this.#ref(kind, name), { propagationPolicy: 'Background' });
  }

  application(): Promise<Application | undefined> {
    return this.kube.get({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: controlNamespace, name: this.name }) as Promise<
      Application | undefined
    >;
  }

  async status(): Promise<Partial<ApplicationStatus>> {
    return ((await this.application())?.status ?? {}) as Partial<ApplicationStatus>;
  }

  thenApplicationIs(expected: { sync?: string; health?: string; phase?: string; revision?: string }, timeoutMs?: number): Promise<Partial<ApplicationStatus>> {
    return eventually(
      `application ${this.name} is ${JSON.stringify(expected)}`,
      async (note) => {
        const status = await this.status();
        note(status);
        const is = { sync: status.sync?.status, health: status.health?.status, phase: status.operationState?.phase, revision: status.sync?.revision };
        return Object.entries(expected).every(([name, value]) => is[name as keyof typeof is] === value) ? status : undefined;
      },
      timeoutMs,
    );
  }

  thenCondition(type: string, text: string | RegExp): Promise<string> {
    return eventually(`condition ${type} with ${String(text)}`, async (note) => {
      const { conditions = [] } = await this.status();
      note(conditions);
      return conditions.find(
        (condition) => condition.type === type && (typeof text === 'string' ? condition.message.includes(text) : text.test(condition.message)),
      )?.message;
    });
  }

  thenObject(kind: string, name: string, fits: (object: KubeObject) => boolean = () => true, timeoutMs?: number): Promise<KubeObject> {
    return eventually(
      `${kind} ${name}`,
      async (note) => {
        const object = await this.kube.get(await this.#ref(kind, name));
        note(object);
        return object !== undefined && fits(object) ? object : undefined;
      },
      timeoutMs,
    );
  }

  thenNoObject(kind: string, name: string): Promise<true> {
    return eventually(`no ${kind} ${name}`, async (note) => {
      const object = await this.kube.get(await this.#ref(kind, name));
      note(object);
      return object === undefined ? true : undefined;
    });
  }

  thenObjectStays(kind: string, name: string, fits: (object: KubeObject) => boolean = () => true): Promise<void> {
    return consistently(`${kind} ${name} stays`, async () => {
      const object = await this.kube.get(await this.#ref(kind, name));
      return object !== undefined && fits(object);
    });
  }

  /** Events of this scenario's application and repository since it began, in order. */
  async ownEvents(): Promise<ApiEvent[]> {
    const own: ApiEvent[] = [];
    const streams = new Set<string>();
    for (let from = this.#from; ;) {
      const page = await this.events({ from, limit: 1000 });
      for (const event of page.events) {
        // What follows in a stream that names us once is ours too (a command's end doesn't say its target again).
        if (!streams.has(event.stream) && !event.stream.includes(`/${this.name}/`) && !JSON.stringify(event.data).includes(this.name)) continue;
        streams.add(event.stream);
        own.push(event);
      }
      if (page.events.length === 0) return own;
      from = page.events.at(-1)!.position;
    }
  }

  events({ from, limit }: { from: number; limit: number }): Promise<{ events: ApiEvent[]; head: number; generation: string }> {
    return eventually('a page of events', () => this.api.get(`/api/v1/events?after=${from}&limit=${limit}`));
  }

  thenEvent(type: string, fits: (event: ApiEvent) => boolean = () => true): Promise<ApiEvent> {
    return eventually(`event ${type}`, async (note) => {
      const events = await this.ownEvents();
      note(events.map((event) => event.type));
      return events.find((event) => event.type === type && fits(event));
    });
  }

  async #ref(kind: string, name: string): Promise<{ group: string; version: string; kind: string; namespace?: string; name: string }> {
    const info = (await this.kube.discover()).kinds.find((one) => one.kind === kind && one.preferred);
    if (info === undefined) throw new Error(`the cluster does not know kind ${kind}`);
    return { group: info.group, version: info.version, kind, name, ...(info.namespaced ? { namespace: this.namespace } : {}) };
  }
}

function refOf(object: KubeObject): { group: string; version: string; kind: string; namespace?: string; name: string } {
  const { namespace, name } = object.metadata;
  return { ...groupVersionKind(object), name, ...(namespace === undefined ? {} : { namespace }) };
}
