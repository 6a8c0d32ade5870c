import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { limits } from '../limits.ts';

export interface Webhook {
  url: string;
  /** Signs the body, as GitHub does: `X-Hub-Signature-256`. */
  secret: string;
}

/** Posts in the background and tries again a few times: a push never waits for, or fails with, who is told about it. */
export class WebhookSender {
  readonly #agent = new Agent({ keepAliveTimeout: 60_000 });
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  /** GitHub's event name and body: https://docs.github.com/webhooks/webhook-events-and-payloads#push */
  send({ url, secret }: Webhook, event: string, payload: unknown): void {
    const body = JSON.stringify(payload);
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/plumbline',
      'x-github-event': event,
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    };
    const delivery = this.#deliver(new URL(url), headers, body).finally(() => this.#running.delete(delivery));
    this.#running.add(delivery);
  }

  /** Gives up what is still being tried. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running);
    await this.#agent.destroy();
  }

  async #deliver(url: URL, headers: Record<string, string>, body: string): Promise<void> {
    for (let attempt = 0; attempt < limits.webhookAttemptsMax && !this.#closing.signal.aborted; attempt++) {
      if (await this.#post(url, headers, body)) return;
      // Whoever polls the repository finds the push without us.
      await sleep(limits.webhookBackoffMs * 2 ** attempt, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
  }

  async #post(url: URL, headers: Record<string, string>, body: string): Promise<boolean> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(limits.webhookTimeoutMs)]);
    try {
      const answer = await this.#agent.request({ origin: url.origin, path: `${url.pathname}${url.search}`, method: 'POST', headers, body, signal });
      await answer.body.dump();
      return answer.statusCode < 500 && answer.statusCode !== 429;
    } catch {
      return false;
    }
  }
}
