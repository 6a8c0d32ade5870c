import { randomUUID } from 'node:crypto';
import { inClusterServer, parseApplicationStream, type ApplicationEvent, type RecordedEvent, type SyncPolicy } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { makeRepository, type Files, type GitWorkspace } from '@plumbline/testing';
import { eventually } from '@plumbline/testing/scenario';
import { EventReader } from '../invariants/event-reader.ts';
import { limits } from '../limits.ts';
import type { World } from './world.ts';

export type ApplicationFact = RecordedEvent & ApplicationEvent;

/** An Application of a case's own, with a repository and a namespace of its own: the load knows nothing of it. */
export class OneApplication {
  readonly name = `one-${randomUUID().slice(0, 8)}`;
  /** A node label that its gated Pods wait for: see `openGate`. */
  readonly gate = `faults.example.org/${this.name}`;
  readonly #world: World;
  readonly #reader: EventReader;
  #git: GitWorkspace | undefined;

  private constructor(world: World, position: number) {
    this.#world = world;
    this.#reader = new EventReader(world.log, position);
  }

  static async begin(world: World): Promise<OneApplication> {
    return new OneApplication(world, (await world.log.head()).position);
  }

  get namespace(): string {
    return `faults-${this.name}`;
  }

  /** Pushes the files and makes the Application, whose objects go with it. */
  async create(files: Files, syncPolicy: SyncPolicy): Promise<void> {
    const url = `${this.#world.git.url}/${this.name}.git`;
    this.#git = await makeRepository({ files, url });
    const spec = {
      project: 'default',
      source: { repoURL: url, path: '.', targetRevision: 'main' },
      destination: { server: inClusterServer, namespace: this.namespace },
      syncPolicy,
    };
    const metadata = { name: this.name, namespace: 'argocd', finalizers: ['resources-finalizer.argocd.argoproj.io'] };
    await this.#world.kube.create({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata, spec }, { fieldManager: 'kubectl' });
  }

  async push(files: Files): Promise<void> {
    await this.#git!.commit(files);
    await this.#git!.push();
  }

  async annotate(annotations: Record<string, string>): Promise<void> {
    const ref = { group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: 'argocd', name: this.name };
    await this.#world.kube.mergePatch(ref, { metadata: { annotations } }, { fieldManager: 'kubectl' });
  }

  get(kind: 'ConfigMap' | 'Deployment' | 'Job', name: string): Promise<KubeObject | undefined> {
    const group = { ConfigMap: '', Deployment: 'apps', Job: 'batch' }[kind];
    return this.#world.kube.get({ group, version: 'v1', kind, namespace: this.namespace, name });
  }

  /** Takes the finalizers off a ConfigMap. */
  async letGo(name: string): Promise<void> {
    const ref = { group: '', version: 'v1', kind: 'ConfigMap', namespace: this.namespace, name };
    await this.#world.kube.mergePatch(ref, { metadata: { finalizers: null } }, { fieldManager: 'faults' });
  }

  /** The Pods that wait for it are scheduled. */
  async openGate(): Promise<void> {
    await this.#labelNode('open');
  }

  /** What the log has of it, in order. */
  async facts(): Promise<ApplicationFact[]> {
    const events = await this.#reader.all();
    return events.filter(({ stream }) => parseApplicationStream(stream)?.name === this.name) as ApplicationFact[];
  }

  /** @throws AppError `deadline-exceeded` when it doesn't come */
  fact<T extends ApplicationEvent['type']>(
    type: T,
    fits: (fact: Extract<ApplicationFact, { type: T }>) => boolean = () => true,
  ): Promise<Extract<ApplicationFact, { type: T }>> {
    const isIt = (fact: ApplicationFact): fact is Extract<ApplicationFact, { type: T }> => fact.type === type && fits(fact as never);
    return eventually(
      `${type} of ${this.name}`,
      async (note) => {
        const facts = await this.facts();
        note(facts.map((fact) => fact.type));
        return facts.find(isIt);
      },
      limits.factMs,
    );
  }

  /** @throws AppError `deadline-exceeded` when it isn't so in time */
  object(kind: 'ConfigMap' | 'Deployment' | 'Job', name: string, fits: (object: KubeObject) => boolean = () => true): Promise<KubeObject> {
    return eventually(
      `${kind} ${name} of ${this.name}`,
      async () => {
        const object = await this.get(kind, name);
        return object !== undefined && fits(object) ? object : undefined;
      },
      limits.factMs,
    );
  }

  /** Asks for its deletion, with its objects. */
  async delete(): Promise<void> {
    await this.#world.kube.delete({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: 'argocd', name: this.name });
  }

  /** Leaves nothing behind. */
  async remove(): Promise<void> {
    const { kube } = this.#world;
    await this.delete();
    await this.fact('ApplicationDeleted');
    await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: this.namespace });
    await this.#labelNode(null);
    await this.#git?.remove();
  }

  async #labelNode(value: string | null): Promise<void> {
    const node = { group: '', version: 'v1', kind: 'Node', name: 'node-0' };
    await this.#world.kube.mergePatch(node, { metadata: { labels: { [this.gate]: value } } }, { fieldManager: 'faults' });
  }
}
