import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AppError,
  inClusterServer,
  parseApplicationStream,
  type Application,
  type ApplicationEvent,
  type ApplicationStatus,
  type RecordedEvent,
} from '@plumbline/contracts';
import { makeRepository, type GitWorkspace } from '@plumbline/testing';
import { eventually } from '@plumbline/testing/scenario';
import { EventReader } from '../invariants/event-reader.ts';
import { limits } from '../limits.ts';
import type { World } from './world.ts';

export interface MonorepoPush {
  commit: string;
  /** The application that it changes. */
  changed: string;
}

const applicationKind = { group: 'argoproj.io', version: 'v1alpha1', kind: 'Application' };
const configMapKind = { group: '', version: 'v1', kind: 'ConfigMap' };

/** One repository that many Applications follow, each with a folder of its own in it, and in that one ConfigMap of its name. */
export class Monorepo {
  readonly names: readonly string[];
  readonly #world: World;
  readonly #reader: EventReader;
  readonly #namespace: string;
  readonly #values: Map<string, string>;
  /** Versions of each ConfigMap that the API server has told. */
  readonly #versions = new Map<string, Set<string>>();
  #git: GitWorkspace | undefined;
  #watch: { stop(): Promise<void> } | undefined;
  #value = 0;

  private constructor(world: World, position: number) {
    const id = randomUUID().slice(0, 8);
    this.#world = world;
    this.#reader = new EventReader(world.log, position);
    this.#namespace = `faults-mono-${id}`;
    this.names = Array.from({ length: limits.monorepoApplications }, (_, index) => `mono-${id}-${index}`);
    this.#values = new Map(this.names.map((name) => [name, '0']));
  }

  /** Everything is synced once. */
  static async begin(world: World): Promise<Monorepo> {
    const monorepo = new Monorepo(world, (await world.log.head()).position);
    await monorepo.#create();
    return monorepo;
  }

  async #create(): Promise<void> {
    const { kube, git } = this.#world;
    const url = `${git.url}/${this.#namespace}.git`;
    await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.#namespace } });
    this.#watch = kube.watch({
      ...configMapKind,
      namespace: this.#namespace,
      listener: {
        upsert: ({ metadata: { name, uid = '', resourceVersion = '' } }) => {
          this.#versions.set(name, (this.#versions.get(name) ?? new Set()).add(`${uid} ${resourceVersion}`));
        },
        remove: () => undefined,
      },
    });
    this.#git = await makeRepository({ files: Object.fromEntries(this.names.map((name) => this.#fileOf(name))), url });
    for (const name of this.names) {
      const spec = {
        project: 'default',
        source: { repoURL: url, path: name, targetRevision: 'main' },
        destination: { server: inClusterServer, namespace: this.#namespace },
        syncPolicy: { automated: { prune: true } },
      };
      await kube.create(
        { apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata: { name, namespace: 'argocd' }, spec },
        { fieldManager: 'kubectl' },
      );
    }
    await this.settled({ commit: await this.#git.head(), changed: this.names[0]! });
  }

  /** One of them gets another value. */
  async push(changed: string): Promise<MonorepoPush> {
    this.#values.set(changed, String(++this.#value));
    const commit = await this.#git!.commit(Object.fromEntries([this.#fileOf(changed)]));
    await this.#git!.push();
    return { commit, changed };
  }

  /** The log has the commit of a push: from now on somebody works on it. */
  async observed({ commit }: MonorepoPush): Promise<void> {
    await this.#soon(`RevisionObserved of ${commit}`, async () =>
      (await this.#reader.all()).some(({ type, data }) => type === 'RevisionObserved' && (data as { commit: string }).commit === commit),
    );
  }

  /** One of the applications has a fact of this type, not counting the first so many facts. */
  async fact(type: ApplicationEvent['type'], after: number): Promise<void> {
    await this.#soon(`${type} in ${this.#namespace}`, async () => (await this.facts()).slice(after).some(({ fact }) => fact.type === type));
  }

  /** Looked at often: what comes of it is about milliseconds. */
  async #soon(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + limits.factMs;
    while (!(await isSo())) {
      if (Date.now() > deadline) throw new AppError('deadline-exceeded', `${what}: not within ${limits.factMs} ms`);
      await sleep(2);
    }
  }

  /** What was pushed is applied and recorded, and every application is Synced. */
  async settled({ commit, changed }: MonorepoPush): Promise<void> {
    await eventually(
      `everything of ${this.#namespace} as pushed`,
      async (note) => {
        const statuses = await this.#statuses();
        const missing = [...(await this.differences())];
        for (const [name, { sync, operationState }] of statuses) {
          if (sync?.status !== 'Synced' || operationState?.phase !== 'Succeeded') missing.push(`${name} is ${sync?.status}, ${operationState?.phase}`);
        }
        if (statuses.get(changed)?.sync?.revision !== commit) missing.push(`${changed} is at ${statuses.get(changed)?.sync?.revision}`);
        note(missing.slice(0, 4));
        return statuses.size === this.names.length && missing.length === 0 ? true : undefined;
      },
      limits.factMs,
    );
  }

  /** What is live and isn't as Git says. */
  async differences(): Promise<string[]> {
    const { items } = await this.#world.kube.list(configMapKind, { namespace: this.#namespace });
    const live = new Map(items.map((object) => [object.metadata.name, (object['data'] as { value?: string } | undefined)?.value]));
    live.delete('kube-root-ca.crt');
    const found = [...this.#values].flatMap(([name, value]) => (live.get(name) === value ? [] : [`${name} is ${live.get(name) ?? 'missing'}, not ${value}`]));
    return [...found, ...[...live.keys()].filter((name) => !this.#values.has(name)).map((name) => `${name} is nobody's`)];
  }

  /** How often each ConfigMap was written so far. */
  writes(): ReadonlyMap<string, number> {
    return new Map(this.names.map((name) => [name, this.#versions.get(name)?.size ?? 0]));
  }

  /** Those whose status is not at this commit. */
  async behind(commit: string): Promise<string[]> {
    return [...(await this.#statuses())].flatMap(([name, { sync }]) => (sync?.revision === commit ? [] : [name]));
  }

  /** What the log has of its applications, in order, with the name of each. */
  async facts(): Promise<{ name: string; fact: RecordedEvent & ApplicationEvent }[]> {
    const own = new Set(this.names);
    return (await this.#reader.all()).flatMap((event) => {
      const name = parseApplicationStream(event.stream)?.name ?? '';
      return own.has(name) ? [{ name, fact: event as RecordedEvent & ApplicationEvent }] : [];
    });
  }

  /** Leaves nothing behind. */
  async remove(): Promise<void> {
    const { kube } = this.#world;
    for (const name of this.names) await kube.delete({ ...applicationKind, namespace: 'argocd', name });
    await eventually(
      `the end of the applications of ${this.#namespace}`,
      async () => ((await this.facts()).filter(({ fact }) => fact.type === 'ApplicationDeleted').length === this.names.length ? true : undefined),
      limits.factMs,
    );
    await this.#watch?.stop();
    await kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: this.#namespace });
    await this.#git?.remove();
  }

  async #statuses(): Promise<Map<string, Partial<ApplicationStatus>>> {
    const own = new Set(this.names);
    const { items } = await this.#world.kube.list(applicationKind, { namespace: 'argocd' });
    return new Map(
      items.filter(({ metadata }) => own.has(metadata.name)).map((object) => [object.metadata.name, (object as unknown as Application).status ?? {}]),
    );
  }

  #fileOf(name: string): [string, string] {
    return [`${name}/value.json`, JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value: this.#values.get(name) } })];
  }
}
