import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Application } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { GitWorkspace } from '@plumbline/testing';
import { makeRepository } from '@plumbline/testing';
import { limits } from '../limits.ts';
import type { FaultPlatform } from '../platform/platform.ts';
import type { Random } from '../random.ts';
import { applicationName, applicationObject, applicationSpec, allObjects, firstFiles, objectName, objectPath, objectText, repositoryName } from './workload.ts';

/** One change of an application's spec over the REST API. */
export interface Command {
  application: number;
  /** Unique; in the spec that was sent. */
  token: string;
  /** 200: acknowledged, it must not be lost. Another status: refused. Undefined: nobody knows. */
  status: number | undefined;
  /** Of the object that the answer showed: CommandDone says the same. */
  resourceVersion: string | undefined;
}

/**
 * People and programs at work: pushes, edits by hand and commands, each at its own pace, until `stop`. It remembers what
 * was promised, so that it can be checked afterwards.
 */
export class Load {
  readonly #platform: FaultPlatform;
  readonly #random: Random;
  #git: GitWorkspace | undefined;
  #running: { abort: AbortController; done: Promise<unknown> } | undefined;
  #serial = 0;
  #editTurn = 0;
  #pushing: Promise<void> = Promise.resolve();
  /** Value of each object in the last commit that the server took. */
  readonly wanted = new Map<string, string>();
  readonly commands: Command[] = [];
  readonly counts = { pushes: 0, 'refused pushes': 0, edits: 0, commands: 0, 'acknowledged commands': 0, syncs: 0 };
  head = '';
  /** Push nothing, for cases that do things to the branch themselves. */
  mayPush = true;

  constructor(platform: FaultPlatform, random: Random) {
    this.#platform = platform;
    this.#random = random;
  }

  get repoUrl(): string {
    return `${this.#platform.git.url}/${repositoryName}.git`;
  }

  get git(): GitWorkspace {
    if (this.#git === undefined) throw new Error('the load has no repository yet');
    return this.#git;
  }

  /** The repository and the applications. */
  async prepare(secretWord: string): Promise<void> {
    this.#git = await makeRepository({ files: firstFiles(secretWord), url: this.repoUrl });
    this.head = await this.git.head();
    for (let index = 0; index < limits.applications; index++) {
      for (let object = 0; object < limits.objects; object++) this.wanted.set(objectPath(index, object), '0');
      await this.#platform.kube.apply(applicationObject(index, this.repoUrl), { fieldManager: 'kubectl' });
    }
  }

  start(): void {
    if (this.#running !== undefined) return;
    const abort = new AbortController();
    const every = (pauseMs: readonly [number, number], work: () => Promise<void>, random: Random) => repeat(abort.signal, pauseMs, work, random);
    const done = Promise.all([
      every(limits.pushPauseMs, () => this.#push(), this.#random.fork('push')),
      every(limits.editPauseMs, () => this.#edit(), this.#random.fork('edit')),
      every(limits.commandPauseMs, () => this.#command(), this.#random.fork('command')),
    ]);
    this.#running = { abort, done };
  }

  async stop(): Promise<void> {
    this.#running?.abort.abort();
    await this.#running?.done;
    this.#running = undefined;
    await this.#pushUntilTaken();
  }

  /** Another history of the same branch: the last commit is gone, and everything has this value. */
  async rewrite(value: string): Promise<void> {
    await this.#quietly(async () => {
      await this.git.git('reset', '--quiet', '--hard', 'HEAD~1');
      await this.commit(allObjects(value));
      for (const path of this.wanted.keys()) this.wanted.set(path, value);
      await this.git.push({ force: true });
    });
  }

  async deleteBranch(): Promise<void> {
    this.mayPush = false;
    await this.#pushing;
    // At the server: Git lets nobody push the end of the branch that HEAD names.
    await this.git.git(`--git-dir=${join(this.#platform.stateDir, 'git', `${repositoryName}.git`)}`, 'update-ref', '-d', 'refs/heads/main');
  }

  async restoreBranch(): Promise<void> {
    await this.git.push({ force: true });
    this.mayPush = true;
  }

  /** With no push of the load in between. */
  async #quietly(work: () => Promise<void>): Promise<void> {
    this.mayPush = false;
    await this.#pushing;
    await work();
    this.mayPush = true;
  }

  async remove(): Promise<void> {
    await this.#git?.remove();
  }

  #push(): Promise<void> {
    if (!this.mayPush) return Promise.resolve();
    return (this.#pushing = this.#pushSomething());
  }

  async #pushSomething(): Promise<void> {
    const application = this.#random.below(limits.applications);
    const value = `v${++this.#serial}`;
    const objects = Array.from({ length: this.#random.between(1, limits.objects) }, (_, index) => index);
    await this.commit(Object.fromEntries(objects.map((object) => [objectPath(application, object), objectText(object, value)])));
    for (const object of objects) this.wanted.set(objectPath(application, object), value);
    try {
      await this.git.push();
      this.counts.pushes++;
    } catch {
      // Goes out with the next one that is taken.
      this.counts['refused pushes']++;
    }
  }

  async commit(files: Readonly<Record<string, string>>): Promise<void> {
    this.head = await this.git.commit(files, `Change ${this.#serial}`);
  }

  async #pushUntilTaken(): Promise<void> {
    if (!this.mayPush) return;
    const deadline = Date.now() + limits.prepareMs;
    for (;;) {
      try {
        await this.git.push();
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(500);
      }
    }
  }

  /** Somebody with kubectl: a value changed, or an object deleted. */
  async #edit(): Promise<void> {
    const namespace = applicationName(this.#editTurn++ % limits.applications);
    const ref = { group: '', version: 'v1', kind: 'ConfigMap', namespace, name: objectName(this.#random.below(limits.objects)) };
    await ignoringTrouble(async () => {
      await this.#platform.kube.mergePatch(ref, { data: { value: `by hand ${++this.#serial}` } }, { fieldManager: 'kubectl-edit' });
      this.counts.edits++;
    });
  }

  async #command(): Promise<void> {
    const application = this.#random.below(limits.applications);
    const name = applicationName(application);
    if (this.#random.below(4) === 0) {
      await ignoringTrouble(async () => {
        const { status } = await inTime(this.#platform.client.call('POST', `/api/v1/applications/${name}/sync`, { body: {} }));
        if (status === 200) this.counts.syncs++;
      });
      return;
    }
    const command: Command = { application, token: `round-${++this.#serial}-end`, status: undefined, resourceVersion: undefined };
    this.commands.push(command);
    this.counts.commands++;
    const body = { metadata: { name }, spec: applicationSpec(application, this.repoUrl, command.token) };
    await ignoringTrouble(async () => {
      const { status, body: answer } = await inTime(this.#platform.client.call('PUT', `/api/v1/applications/${name}`, { body }));
      command.status = status;
      command.resourceVersion = (answer as Partial<Application>).metadata?.resourceVersion;
      if (status === 200) this.counts['acknowledged commands']++;
    });
  }
}

async function repeat(signal: AbortSignal, [least, most]: readonly [number, number], work: () => Promise<void>, random: Random): Promise<void> {
  while (!signal.aborted) {
    await work();
    await sleep(random.between(least, most), undefined, { signal }).catch(() => undefined);
  }
}

/** What is away now is the fault that was made; what came of it is checked at the end. */
async function ignoringTrouble(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!AppError.is(error)) throw error;
  }
}

function inTime<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new AppError('deadline-exceeded', 'the API does not answer', { retry: 'later' })), limits.commandAnswerMs);
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}
