import { createServer } from 'node:http2';
import type { ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { AppError } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';
import type { Door } from '../door.ts';
import { limits } from '../limits.ts';
import { callListener } from './call-listener.ts';
import { routeEvents } from './event-service.ts';

export interface GrpcServer {
  /** `http://host:port`: HTTP/2 without TLS, as gRPC speaks it behind a proxy. */
  url: string;
  stop(): Promise<void>;
}

/** gRPC needs HTTP/2, which the HTTP port does not speak: a listener of its own. */
export async function serveGrpc(address: { host: string; port: number }, door: Door, log: Logger): Promise<GrpcServer> {
  const server = createServer(
    { settings: { maxConcurrentStreams: limits.grpcStreamsPerConnectionMax } },
    callListener({ routes: (router) => routeEvents(router, door, log), log, grpcWeb: false }),
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', (error) => log.debug('a gRPC connection broke', { error: error.message }));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(address.port, address.host, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new AppError('failed-precondition', `can't listen for gRPC on ${address.host}:${address.port}: set PLUMBLINE_GRPC_PORT`, { cause });
  }
  const { address: host, port, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const session of sessions) session.close();
        setTimeout(() => sessions.forEach((session) => session.destroy()), limits.grpcDrainMs).unref();
      }),
  };
}
