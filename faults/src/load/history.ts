import { setTimeout as sleep } from 'node:timers/promises';
import type { ChainLink } from '@plumbline/event-log';
import { verifyChain } from '@plumbline/event-log';
import { limits } from '../limits.ts';
import type { FaultPlatform } from '../platform/platform.ts';

/**
 * Reads the log all the time and remembers what it saw: an event that was seen once must be there, the same, for ever.
 */
export class History {
  readonly #log: FaultPlatform['log'];
  readonly #abort = new AbortController();
  readonly #seen = new Map<number, string>();
  readonly violations: string[] = [];
  #position = 0;
  #running: Promise<void> | undefined;

  constructor(log: FaultPlatform['log']) {
    this.#log = log;
  }

  start(): void {
    this.#running = this.#follow();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  get position(): number {
    return this.#position;
  }

  /** Reads everything again, from the beginning, and compares; then the chain. */
  async check(): Promise<string[]> {
    const found = [...this.violations];
    let last = 0;
    for (let after = 0; ;) {
      const links = await this.#log.readChain({ after, limit: 1_000 });
      for (const link of links) {
        last = link.position;
        const before = this.#seen.get(link.position);
        if (before !== undefined && before !== factOf(link)) found.push(`event ${link.position} was seen as ${before} and is ${factOf(link)} now`);
      }
      if (links.length === 0) break;
      after = last;
    }
    if (last < this.#position) found.push(`the log ends at ${last}; event ${this.#position} had been seen`);
    const verdict = await verifyChain(this.#log);
    if (!verdict.isIntact) found.push(`the hash chain is broken at ${verdict.position}: ${verdict.reason}`);
    return found;
  }

  async #follow(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const links = await this.#log.readChain({ after: this.#position, limit: 1_000 }).catch(() => []);
      for (const link of links) {
        if (link.position !== this.#position + 1) this.violations.push(`position ${link.position} was readable before ${this.#position + 1}`);
        this.#position = link.position;
        this.#seen.set(link.position, factOf(link));
      }
      if (links.length === 0) await sleep(limits.historyPollMs, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    }
  }
}

const factOf = ({ id, hash }: ChainLink): string => `${id} ${hash.toString('hex')}`;
