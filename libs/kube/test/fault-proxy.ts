import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Agent, request as forward } from 'undici';
import type { KubeConnection } from '../src/connection.ts';

/** What to do with a request instead of passing it on; `rewrite` passes it on with another path and query. */
export type Fault = { status: number; headers?: Record<string, string>; body: unknown } | { rewrite: string } | 'break' | 'hang';

/**
 * A real API server behind a road that can be bad: requests are passed on as they are, unless a fault is set. Talks
 * plain HTTP to the client, so that it can look at requests; TLS and credentials are its own towards the server.
 */
export interface FaultProxy {
  /** The same server, through here. */
  connection: KubeConnection;
  /** `METHOD path?query` of everything that came. */
  requests: string[];
  /** Asked for each request; undefined passes it on. */
  setFault(fault: (method: string, url: string) => Fault | undefined): void;
  /** Breaks every open connection. */
  cut(): void;
  /** Open connections go silent: nothing is passed on, nothing is closed. New ones work. */
  freeze(): void;
  close(): Promise<void>;
}

export async function startFaultProxy(behind: KubeConnection): Promise<FaultProxy> {
  const agent = new Agent({ connect: behind.tls, allowH2: false, bodyTimeout: 0 });
  const sockets = new Set<Socket>();
  const frozen = new WeakSet<Socket>();
  const requests: string[] = [];
  let faultOf: (method: string, url: string) => Fault | undefined = () => undefined;

  const pass = async (url: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body: Buffer[] = [];
    for await (const chunk of incoming) body.push(chunk as Buffer);
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = incoming.headers;
    const aborted = new AbortController();
    outgoing.on('close', () => aborted.abort());
    const answer = await forward(`${behind.server}${url}`, {
      dispatcher: agent,
      method: incoming.method as 'GET',
      headers: { ...headers, ...(await behind.headers()) },
      body: body.length === 0 ? null : Buffer.concat(body),
      signal: aborted.signal,
    });
    const { 'transfer-encoding': _encoding, 'content-length': _bytes, ...answered } = answer.headers;
    outgoing.writeHead(answer.statusCode, answered as Record<string, string>);
    outgoing.flushHeaders();
    const isFrozen = (): boolean => outgoing.socket !== null && frozen.has(outgoing.socket);
    for await (const chunk of answer.body) if (!isFrozen()) outgoing.write(chunk);
    if (!isFrozen()) outgoing.end();
  };

  const server = createServer((incoming, outgoing) => {
    const [method, url] = [incoming.method ?? '', incoming.url ?? ''];
    requests.push(`${method} ${url}`);
    const fault = faultOf(method, url);
    if (fault === 'hang') return;
    if (fault === 'break') {
      incoming.socket.destroy();
      return;
    }
    if (fault !== undefined && 'status' in fault) {
      incoming.resume();
      outgoing.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      outgoing.end(`${JSON.stringify(fault.body)}\n`);
      return;
    }
    pass(fault?.rewrite ?? url, incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    connection: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, tls: {}, headers: async () => ({}) },
    requests,
    setFault: (fault) => void (faultOf = fault),
    cut: () => sockets.forEach((socket) => socket.destroy()),
    freeze: () => sockets.forEach((socket) => frozen.add(socket)),
    async close() {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
      await agent.destroy();
    },
  };
}
