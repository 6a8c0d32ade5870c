import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as ask } from 'node:https';
import type { Socket } from 'node:net';
import type { Random } from '../random.ts';

/** What the proxy does to requests; what is absent it leaves alone. */
export interface ApiServerTrouble {
  /** Which part of the requests (not of watches) it happens to. Default: all. */
  share?: number;
  /** Answers this instead of asking the server. */
  status?: 429 | 500 | 503;
  retryAfterSeconds?: number;
  delayMs?: number;
  /** Every connection ends, no new one gets an answer. */
  isDown?: boolean;
  /** Lists end in the middle of their body, or at a second page that has expired. */
  truncatesLists?: boolean;
  /** Writes of ConfigMaps (dry runs aside) wait until `releaseHeld`, as if they were on their way. */
  holdsWrites?: boolean;
  /** A watch that resumes is told that its version is too old. */
  expiresWatches?: boolean;
}

export interface ApiServerProxyOptions {
  /** Of the real server. */
  server: string;
  /** The server's own certificate and key (PEM): clients can't tell the proxy from it. */
  certificate: string;
  key: string;
  random: Random;
}

/** A proxy in front of kube-apiserver that ends TLS and can be told to misbehave as overloaded and broken ones do. */
export class ApiServerProxy {
  readonly #options: ApiServerProxyOptions;
  readonly #agent: Agent;
  readonly #server;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<ServerResponse>();
  #held: (() => void)[] = [];
  #trouble: ApiServerTrouble = {};
  /** What was done, by kind; see `takeCounts`. */
  #counts = new Map<string, number>();
  url = '';

  constructor(options: ApiServerProxyOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, ca: options.certificate, maxSockets: 256 });
    this.#server = createServer({ cert: options.certificate, key: options.key }, (request, response) => this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      if (this.#trouble.isDown === true) socket.destroy();
    });
    // Clients that end in the middle of their handshake.
    this.#server.on('tlsClientError', () => undefined);
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.url = `https://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  setTrouble(trouble: ApiServerTrouble): void {
    this.#trouble = trouble;
    if (trouble.isDown !== true) return;
    for (const socket of this.#sockets) socket.destroy();
    this.#count('connection cut', this.#sockets.size);
  }

  /** Without a word: no FIN in the protocol, the connection is gone. */
  cutWatches(): void {
    this.#count('watch cut', this.#watches.size);
    for (const watch of this.#watches) watch.destroy();
  }

  get held(): number {
    return this.#held.length;
  }

  releaseHeld(): void {
    this.#count('write that landed late', this.#held.length);
    for (const pass of this.#held.splice(0)) pass();
  }

  takeCounts(): ReadonlyMap<string, number> {
    const taken = this.#counts;
    this.#counts = new Map();
    return taken;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const query = new URL(request.url ?? '/', this.url).searchParams;
    const isWatch = query.get('watch') === 'true' || query.get('watch') === '1';
    const trouble = this.#trouble;
    const isHit = trouble.share === undefined || this.#options.random.chance(trouble.share);
    if (isWatch) {
      if (trouble.expiresWatches === true && isHit && query.has('resourceVersion')) return this.#expireWatch(response);
      this.#watches.add(response);
      response.on('close', () => this.#watches.delete(response));
    } else if (isHit && trouble.status !== undefined) return this.#refuse(trouble, response);
    if (trouble.holdsWrites === true && request.method === 'PATCH' && query.get('dryRun') === null && request.url?.includes('/configmaps/') === true)
      return void this.#held.push(() => this.#pass(request, response, false));
    const isTruncated = !isWatch && isHit && trouble.truncatesLists === true && request.method === 'GET' && query.has('limit');
    if (isTruncated && query.has('continue')) return this.#expirePage(response);
    const delayMs = isHit && !isWatch ? (trouble.delayMs ?? 0) : 0;
    if (delayMs > 0) this.#count('answer delayed', 1);
    // The body is not read before: it waits in the socket.
    if (delayMs > 0) setTimeout(() => this.#pass(request, response, isTruncated), delayMs);
    else this.#pass(request, response, isTruncated);
  }

  #pass(request: IncomingMessage, response: ServerResponse, isTruncated: boolean): void {
    const upstream = ask(
      `${this.#options.server}${request.url ?? '/'}`,
      { method: request.method, headers: { ...request.headers, host: new URL(this.#options.server).host }, agent: this.#agent },
      (answer) => {
        if (isTruncated && answer.statusCode === 200) return this.#truncate(answer, response);
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        // A quiet watch has begun when its headers are there.
        response.flushHeaders();
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  }

  #truncate(answer: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('error', () => response.destroy());
    answer.on('end', () => {
      const body = Buffer.concat(parts);
      const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer.headers;
      this.#count('list truncated', 1);
      response.writeHead(200, headers);
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
    });
  }

  #refuse({ status = 500, retryAfterSeconds }: ApiServerTrouble, response: ServerResponse): void {
    this.#count(`status ${status}`, 1);
    const reason = status === 429 ? 'TooManyRequests' : status === 503 ? 'ServiceUnavailable' : 'InternalError';
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    });
    response.end(JSON.stringify(statusObject(status, reason, 'the proxy was told to refuse')));
  }

  #expirePage(response: ServerResponse): void {
    this.#count('page expired', 1);
    response.writeHead(410, { 'content-type': 'application/json' });
    response.end(JSON.stringify(statusObject(410, 'Expired', 'the provided continue parameter is too old')));
  }

  #expireWatch(response: ServerResponse): void {
    this.#count('watch answered 410', 1);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ type: 'ERROR', object: statusObject(410, 'Expired', 'too old resource version') })}\n`);
  }

  #count(kind: string, by: number): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + by);
  }
}

const statusObject = (code: number, reason: string, message: string): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message,
});
