import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { limits } from '../limits.ts';
import type { PlatformAddress } from '@plumbline/testing/scenario';

/** Follows the log over server-sent events and comes back, with its position, whenever it is cut. */
export class Subscriber {
  readonly #address: PlatformAddress;
  readonly #abort = new AbortController();
  readonly #agent = new Agent({ bodyTimeout: 60_000 });
  readonly violations: string[] = [];
  #token: string | undefined;
  #running: Promise<void> | undefined;
  position: number;
  events = 0;
  reconnects = -1;

  constructor(address: PlatformAddress, position: number) {
    this.#address = address;
    this.position = position;
  }

  start(): void {
    this.#running = this.#follow();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    await this.#agent.destroy();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await this.#connect(signal);
      } catch {
        // Cut, refused or not there: it comes back.
      }
      await sleep(limits.subscriberPauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    this.#token ??= await this.#logIn(signal);
    const answer = await request(`${this.#address.api}/api/v1/events?after=${this.position}`, {
      dispatcher: this.#agent,
      signal,
      headers: { authorization: `Bearer ${this.#token}`, accept: 'text/event-stream' },
    });
    if (answer.statusCode !== 200) {
      if (answer.statusCode === 401) this.#token = undefined;
      await answer.body.dump();
      return;
    }
    this.reconnects++;
    answer.body.setEncoding('utf8');
    let rest = '';
    for await (const chunk of answer.body) {
      const messages = `${rest}${String(chunk)}`.split('\n\n');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#take(message);
    }
  }

  #take(message: string): void {
    if (/^event: head$/m.test(message)) return;
    const id = Number(/^id: (\d+)$/m.exec(message)?.[1]);
    if (!Number.isInteger(id)) return;
    if (id !== this.position + 1) this.violations.push(`after event ${this.position} came ${id}`);
    this.position = id;
    this.events++;
  }

  async #logIn(signal: AbortSignal): Promise<string | undefined> {
    const { api, username, password } = this.#address;
    const answer = await request(`${api}/api/v1/session`, {
      method: 'POST',
      dispatcher: this.#agent,
      signal,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    });
    return ((await answer.body.json()) as { token?: string }).token;
  }
}
