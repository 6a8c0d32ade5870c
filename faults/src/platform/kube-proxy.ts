import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the proxy does to a request instead of only passing it on. */
export type KubeTrouble =
  | { kind: 'answer'; status: number; headers?: Readonly<Record<string, string>>; body?: unknown }
  | { kind: 'delay'; ms: number }
  /** The connection ends in the middle of the body. */
  | { kind: 'truncate'; bytes: number }
  /** Nothing comes, and the connection stays. */
  | { kind: 'hang' };

export interface SeenRequest {
  method: string;
  path: string;
  atMs: number;
}

/** Decides about each request; undefined = pass on. */
export type TroubleRule = (request: SeenRequest) => KubeTrouble | undefined;

/**
 * An API server's door of its own for a client under test: plain HTTP in front, TLS behind. It passes everything on,
 * until it is told to make trouble, and remembers the writes.
 */
export class KubeProxy {
  readonly #upstream: URL;
  readonly #agent: Agent;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<ServerResponse>();
  #server: Server | undefined;
  #port = 0;
  rule: TroubleRule | undefined;
  readonly writes: SeenRequest[] = [];
  /** Requests that a rule was applied to. */
  troubled = 0;

  constructor(upstream: string, ca: Buffer) {
    this.#upstream = new URL(upstream);
    this.#agent = new Agent({ ca, keepAlive: true, maxSockets: 256 });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The same address each time. */
  async listen(): Promise<void> {
    const server = createServer((incoming, outgoing) => void this.#take(incoming, outgoing));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', () => resolve());
    });
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
  }

  /** Ends the watches that are open; clients see the end of the stream, or with `reset` a broken connection. */
  cutWatches(): number {
    const count = this.#watches.size;
    for (const watch of this.#watches) watch.destroy();
    return count;
  }

  /** Nobody answers at this address until `listen`. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #take(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const seen: SeenRequest = { method: incoming.method ?? 'GET', path: incoming.url ?? '/', atMs: performance.now() };
    if (seen.method !== 'GET' && !seen.path.includes('dryRun=')) this.writes.push(seen);
    const trouble = this.rule?.(seen);
    if (trouble !== undefined) this.troubled++;
    if (trouble?.kind === 'answer') {
      incoming.resume();
      outgoing.writeHead(trouble.status, { 'content-type': 'application/json', ...trouble.headers });
      outgoing.end(JSON.stringify(trouble.body ?? statusOf(trouble.status)));
      return;
    }
    if (trouble?.kind === 'hang') return;
    if (trouble?.kind === 'delay') await sleep(trouble.ms);
    this.#passOn(incoming, outgoing, trouble?.kind === 'truncate' ? trouble.bytes : undefined);
  }

  #passOn(incoming: IncomingMessage, outgoing: ServerResponse, bytesMax: number | undefined): void {
    const { hostname, port } = this.#upstream;
    const upstream = httpsRequest(
      { hostname, port, agent: this.#agent, method: incoming.method, path: incoming.url, headers: { ...incoming.headers, host: this.#upstream.host } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        outgoing.flushHeaders();
        if ((incoming.url ?? '').includes('watch=')) {
          this.#watches.add(outgoing);
          outgoing.once('close', () => this.#watches.delete(outgoing));
        }
        answer.on('error', () => outgoing.destroy());
        if (bytesMax === undefined) answer.pipe(outgoing);
        else passBytes(answer, outgoing, bytesMax);
      },
    );
    upstream.on('error', () => outgoing.destroy());
    outgoing.once('close', () => upstream.destroy());
    incoming.pipe(upstream);
  }
}

function passBytes(answer: IncomingMessage, outgoing: ServerResponse, bytesMax: number): void {
  let left = bytesMax;
  answer.on('data', (chunk: Buffer) => {
    outgoing.write(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) outgoing.destroy();
  });
  answer.once('end', () => outgoing.end());
}

const statusOf = (code: number): unknown => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  message: 'the fault suite says no',
  reason: code === 429 ? 'TooManyRequests' : code === 410 ? 'Expired' : 'InternalError',
  code,
});
