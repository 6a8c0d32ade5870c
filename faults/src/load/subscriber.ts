import { setTimeout as sleep } from 'node:timers/promises';
import type { PlatformClient } from '@plumbline/testing/scenario';
import { request } from 'undici';
import { limits } from '../limits.ts';
import type { History } from './history.ts';

/** A program outside that reads all events over SSE, and comes back from where it was whenever it is cut. */
export class Subscriber {
  readonly name: string;
  readonly #address: { api: string };
  readonly #token: () => Promise<string>;
  readonly #history: History;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Of the last event that it saw. */
  position: number;
  reconnects = 0;

  constructor(name: string, options: { api: string; token: () => Promise<string>; history: History; from: number }) {
    this.name = name;
    this.#address = options;
    this.#token = options.token;
    this.#history = options.history;
    this.position = options.from;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#read(signal);
      } catch {
        // Cut: that is what it is here for.
      }
      this.reconnects++;
      await sleep(limits.streamRetryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #read(stopped: AbortSignal): Promise<void> {
    const silence = new AbortController();
    const signal = AbortSignal.any([stopped, silence.signal]);
    let timer = setTimeout(() => silence.abort(), limits.streamSilenceMs);
    try {
      const headers = { accept: 'text/event-stream', authorization: `Bearer ${await this.#token()}`, 'last-event-id': String(this.position) };
      const answer = await request(`${this.#address.api}/api/v1/events`, { headers, signal });
      if (answer.statusCode !== 200) return void (await answer.body.dump());
      let text = '';
      for await (const chunk of answer.body) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), limits.streamSilenceMs);
        text += (chunk as Buffer).toString('utf8');
        const messages = text.split('\n\n');
        text = messages.pop()!;
        for (const message of messages) this.#take(message);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #take(message: string): void {
    if (message.includes('\nevent: head\n') || message.startsWith('event: ') || !message.includes('data: ')) return;
    const data = message.split('\n').find((line) => line.startsWith('data: '));
    const event = JSON.parse(data!.slice('data: '.length)) as { position: number; id: string };
    this.#history.saw(this.name, event.position, event.id);
    // Again is allowed, beyond the next one is not.
    if (event.position > this.position + 1) this.#history.problem(`I7: ${this.name} saw position ${event.position} after ${this.position}`);
    this.position = Math.max(this.position, event.position);
  }
}

/** One session for the subscribers, renewed when a log-in is refused. */
export function sessionOf(platform: { username: string; password: string }, api: PlatformClient): () => Promise<string> {
  let token: string | undefined;
  return async () => {
    if (token !== undefined) return token;
    const { username, password } = platform;
    const { status, body } = await api.call('POST', '/api/v1/session', { body: { username, password }, token: '' });
    if (status !== 200) throw new Error(`logging in answered ${status}`);
    return (token = (body as { token: string }).token);
  };
}
