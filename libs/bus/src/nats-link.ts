import { connect } from '@nats-io/transport-node';
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '@plumbline/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from './limits.ts';

export interface NatsLinkOptions {
  url: string;
  name: string;
  log: Logger;
}

/** One connection that comes back by itself for as long as the process lives. It starts connecting at once. */
export class NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #closing = new AbortController();
  readonly #wirings = new Set<(connection: NatsConnection) => void>();
  readonly #waiters = new Set<() => void>();
  readonly #running: Promise<void>;
  #connection: NatsConnection | undefined;
  #isUp = false;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** The connection, while it is up. */
  current(): NatsConnection | undefined {
    return this.#isUp ? this.#connection : undefined;
  }

  /** Resolves with the connection, or undefined when it is not there in time. */
  wait(timeoutMs: number): Promise<NatsConnection | undefined> {
    const now = this.current();
    if (now !== undefined || this.#closing.signal.aborted) return Promise.resolve(now);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(done);
        resolve(this.current());
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiters.add(done);
    });
  }

  /** Runs now if there is a connection, and again for each new one (a reconnect of the same one keeps its subscriptions). */
  wire(onConnection: (connection: NatsConnection) => void): () => void {
    this.#wirings.add(onConnection);
    if (this.#connection !== undefined) onConnection(this.#connection);
    return () => this.#wirings.delete(onConnection);
  }

  async close(): Promise<void> {
    const last = this.#connection;
    // What was answered last must leave the socket; a server that is away must not hold us up.
    if (last !== undefined && this.#isUp) await Promise.race([last.flush(), sleep(limits.connectTimeoutMs, undefined, { ref: false })]).catch(() => undefined);
    this.#closing.abort();
    this.#wake();
    await last?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { url, name, log } = this.#options;
    const { signal } = this.#closing;
    let isReported = false;
    while (!signal.aborted) {
      try {
        const opened = await connect(connectionOptions(url, name));
        if (signal.aborted) await opened.close();
        else await this.#live(opened);
        isReported = false;
      } catch (error) {
        if (!isReported) log.warn('NATS can not be reached; trying until it can', { error: error instanceof Error ? error.message : String(error) });
        isReported = true;
      }
      await sleep(limits.reconnectWaitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Until the connection is closed for good: lost and found is the client's own work. */
  async #live(opened: NatsConnection): Promise<void> {
    const { log } = this.#options;
    this.#connection = opened;
    for (const wiring of this.#wirings) wiring(opened);
    this.#up();
    log.info('connected to NATS', { server: opened.getServer() });
    for await (const status of opened.status()) {
      if (status.type === 'disconnect') {
        this.#isUp = false;
        log.warn('NATS is away; announcements are dropped, calls fail until it is back');
      } else if (status.type === 'reconnect') {
        this.#up();
        log.info('connected to NATS again', { server: opened.getServer() });
      } else if (status.type === 'error' || status.type === 'slowConsumer') {
        log.warn('NATS reports a problem', { status: status.type, ...(status.type === 'error' ? { error: status.error } : {}) });
      }
    }
    this.#isUp = false;
    this.#connection = undefined;
  }

  #up(): void {
    this.#isUp = true;
    this.#wake();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}

function connectionOptions(url: string, name: string): ConnectionOptions {
  const { protocol, hostname, port, username, password } = new URL(url);
  const user = decodeURIComponent(username);
  const pass = decodeURIComponent(password);
  return {
    servers: `${hostname}:${port === '' ? 4222 : port}`,
    name,
    ...(protocol === 'tls:' ? { tls: {} } : {}),
    ...(user === '' ? {} : pass === '' ? { token: user } : { user, pass }),
    timeout: limits.connectTimeoutMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: limits.reconnectWaitMs,
    reconnectJitter: limits.reconnectWaitMs,
    pingInterval: limits.pingIntervalMs,
    ignoreAuthErrorAbort: true,
  };
}
