import { makeRepository } from '@plumbline/testing';
import { PlatformClient } from '@plumbline/testing/scenario';
import { limits } from '../limits.ts';
import type { Random } from '../random.ts';
import type { World } from '../world/world.ts';
import { Commander, editByHand, Pusher, repeatedly, type Stage } from './actors.ts';
import { Demo } from './demo.ts';
import { History } from './history.ts';
import { sessionOf, Subscriber } from './subscriber.ts';

/** Everyone who uses the platform while it is broken: pushes, edits by hand, commands, subscribers. */
export class Load {
  readonly stage: Stage;
  readonly subscribers: readonly Subscriber[];
  /** A session of the API for a program beside the subscribers. */
  readonly session: () => Promise<string>;
  readonly #pusher: Pusher;
  readonly #commander: Commander;
  #stopped = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  private constructor(stage: Stage, subscribers: readonly Subscriber[], session: () => Promise<string>) {
    this.stage = stage;
    this.subscribers = subscribers;
    this.session = session;
    this.#pusher = new Pusher(stage);
    this.#commander = new Commander(stage);
  }

  /** Makes the repository and the Applications; nothing happens to them yet. */
  static async begin(world: World, canary: string, random: Random, resources: AsyncDisposableStack): Promise<Load> {
    const demo = new Demo(canary);
    const history = new History();
    const repoUrl = `${world.git.url}/demo.git`;
    const git = await makeRepository({ files: demo.firstFiles(), url: repoUrl });
    resources.defer(() => git.remove());
    history.pushed.push({ commit: await git.head(), applications: demo.names });
    const api = new PlatformClient(world.platform);
    resources.defer(() => api.close());
    const { kube } = world;
    for (const name of demo.names) await kube.apply({ ...demo.applicationOf(name, repoUrl) }, { fieldManager: 'kubectl' });
    const token = sessionOf(world.platform, api);
    const subscribers = Array.from(
      { length: limits.subscribers },
      (_, index) => new Subscriber(`subscriber-${index}`, { api: world.platform.api, token, history, from: 0 }),
    );
    for (const subscriber of subscribers) subscriber.start();
    resources.defer(async () => {
      await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
    });
    return new Load({ demo, history, random, git, repoUrl, api, kube }, subscribers, token);
  }

  start(): void {
    this.#stopped = new AbortController();
    const { signal } = this.#stopped;
    const { random } = this.stage;
    this.#running = Promise.all([
      repeatedly(
        signal,
        () => random.int(300, 900),
        () => this.#pusher.act(),
      ),
      repeatedly(
        signal,
        () => random.int(2_000, 5_000),
        () => editByHand(this.stage),
      ),
      repeatedly(
        signal,
        () => random.int(300, 1_000),
        () => this.#commander.act(),
      ),
    ]);
  }

  /** Nothing new is asked for; what could not be pushed is pushed as soon as it can be. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  /** Something new for every application; only while nobody else pushes. */
  async pushAll(): Promise<void> {
    await this.#pusher.act(this.stage.demo.changeAll());
  }

  /** False: there are commits that the Git server has not taken yet. */
  pushRest(): Promise<boolean> {
    return this.#pusher.push();
  }
}
