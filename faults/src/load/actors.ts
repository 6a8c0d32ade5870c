import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import type { GitWorkspace } from '@plumbline/testing';
import type { PlatformClient } from '@plumbline/testing/scenario';
import type { KubeClient } from '@plumbline/kube';
import { limits } from '../limits.ts';
import type { Random } from '../random.ts';
import type { Change, Demo } from './demo.ts';
import type { History } from './history.ts';

/** What the actors of the load share. */
export interface Stage {
  demo: Demo;
  history: History;
  random: Random;
  git: GitWorkspace;
  repoUrl: string;
  api: PlatformClient;
  kube: KubeClient;
}

/** Does `act` again and again, with pauses, until told to stop; what was begun is ended. */
export async function repeatedly(stopped: AbortSignal, pauseMs: () => number, act: () => Promise<void>): Promise<void> {
  while (!stopped.aborted) {
    await act();
    await sleep(pauseMs(), undefined, { signal: stopped }).catch(() => undefined);
  }
}

/** Commits and pushes. What could not be pushed goes with the next push: no commit is left behind. */
export class Pusher {
  readonly #stage: Stage;
  #unpushed: { commit: string; applications: string[] }[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async act(change: Change = this.#stage.demo.change(this.#stage.random)): Promise<void> {
    const { git } = this.#stage;
    const { files, applications } = change;
    this.#unpushed.push({ commit: await git.commit(files), applications });
    await this.push();
  }

  /** False: the Git server could not be reached. */
  async push(): Promise<boolean> {
    const { git, history } = this.#stage;
    if (this.#unpushed.length === 0) return true;
    try {
      await git.push({ refspec: 'HEAD:main' });
    } catch {
      history.pushesFailed++;
      return false;
    }
    history.pushed.push(...this.#unpushed);
    this.#unpushed = [];
    return true;
  }
}

/**
 * Somebody with kubectl who changes what Git says, one application after the other. Five edits of one without a quiet
 * minute would be a fight, from which self-healing backs off for minutes.
 */
export async function editByHand({ demo, history, random, kube }: Stage): Promise<void> {
  const turn = history.manualEdits % demo.names.length;
  const application = [...demo.names.slice(turn), ...demo.names.slice(0, turn)].find((name) => history.mayEdit(name, performance.now()));
  if (application === undefined) return;
  const name = `keep-${random.int(0, limits.configMapsPerApplication - 1)}`;
  const ref = { group: '', version: 'v1', kind: 'ConfigMap', namespace: demo.namespaceOf(application), name };
  try {
    await kube.mergePatch(ref, { data: { value: `by hand ${random.int(0, 1e9)}` } }, { fieldManager: 'kubectl-edit' });
    history.manualEdits++;
  } catch (error) {
    // The API server may be what is broken.
    if (!AppError.is(error)) throw error;
  }
}

/** Somebody with the REST API: syncs, edits, and makes and deletes Applications. Only a 200 counts as a promise. */
export class Commander {
  readonly #stage: Stage;
  #edit = 0;
  #scratch: string[] = [];
  #made = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async act(): Promise<void> {
    const { demo, random, history } = this.#stage;
    const dice = random.int(0, 9);
    if (dice < 4) {
      const application = random.pick(demo.names);
      if (await this.#call('POST', `/api/v1/applications/${application}/sync`, {})) history.acknowledged.push({ kind: 'sync', application });
    } else if (dice < 7) await this.#edited(random.pick(demo.names));
    else if (dice < 9 || this.#scratch.length === 0) await this.#create();
    else await this.#delete();
  }

  async #edited(name: string): Promise<void> {
    const { demo, repoUrl, history } = this.#stage;
    const edit = ++this.#edit;
    const application = demo.applicationOf(name, repoUrl);
    const body = { ...application, metadata: { ...application.metadata, annotations: { 'faults/edit': String(edit) } } };
    if (await this.#call('PUT', `/api/v1/applications/${name}`, body)) history.acknowledged.push({ kind: 'update', application: name, edit });
  }

  /** An Application that is never synced: it is there, or it is not. */
  async #create(): Promise<void> {
    const { demo, repoUrl, history } = this.#stage;
    const name = `scratch-${++this.#made}-${this.#stage.random.int(0, 1e6)}`;
    const { syncPolicy: _, ...spec } = demo.applicationOf(demo.names[0]!, repoUrl).spec;
    const body = { metadata: { name, namespace: 'argocd' }, spec };
    if (!(await this.#call('POST', '/api/v1/applications', body))) return;
    history.acknowledged.push({ kind: 'create', application: name });
    this.#scratch.push(name);
  }

  async #delete(): Promise<void> {
    const name = this.#scratch.shift()!;
    this.#stage.history.deletions.add(name);
    if (await this.#call('DELETE', `/api/v1/applications/${name}?cascade=false`)) this.#stage.history.acknowledged.push({ kind: 'delete', application: name });
  }

  async #call(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<boolean> {
    const { api, history } = this.#stage;
    try {
      const answer = await Promise.race([api.call(method, path, body === undefined ? {} : { body }), sleep(limits.apiCallMs, undefined, { ref: false })]);
      if (answer?.status === 200) return true;
      if (answer !== undefined && answer.status < 500) history.refused++;
      else history.unknown++;
    } catch (error) {
      if (!AppError.is(error)) throw error;
      history.unknown++;
    }
    return false;
  }
}
