import { constants, createServer } from 'node:http2';
import type { Http2ServerRequest, ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createContextValues } from '@connectrpc/connect';
import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { pulseKey } from './event-service.ts';
import type { Pulse } from './event-service.ts';

export interface GrpcServer {
  url: string;
  stop(): Promise<void>;
}

/** The adapter of every transport: gRPC, gRPC-Web and Connect from the same routes. */
export const adapterOf = (
  routes: (router: ConnectRouter) => void,
  contextValues = (_request: object) => createContextValues(),
): ReturnType<typeof connectNodeAdapter> =>
  connectNodeAdapter({ routes, contextValues, readMaxBytes: limits.grpcRequestBytesMax, connect: true, grpc: true, grpcWeb: true });

/**
 * gRPC needs HTTP/2, which without TLS can't share a port with HTTP/1.1: a listener of its own. A subscriber that takes
 * nothing for 30 seconds is cut with RESOURCE_EXHAUSTED (ENHANCE_YOUR_CALM) and resumes from where it was.
 */
export async function serveGrpc(address: { host: string; port: number }, routes: (router: ConnectRouter) => void): Promise<GrpcServer> {
  const stalled = new Map<Http2ServerRequest, number>();
  const sessions = new Set<ServerHttp2Session>();
  const pulseOf = (request: Http2ServerRequest): Pulse => ({
    offered: () => void stalled.set(request, performance.now()),
    taken: () => void stalled.delete(request),
  });
  const handle = adapterOf(routes, (request) => createContextValues().set(pulseKey, pulseOf(request as Http2ServerRequest)));
  const server = createServer({ settings: { maxConcurrentStreams: limits.grpcStreamsMax } }, (request, response) => {
    request.stream.once('close', () => stalled.delete(request));
    handle(request, response);
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  const sweep = setInterval(() => {
    const before = performance.now() - limits.streamDrainMs;
    for (const [request, since] of stalled) if (since < before) request.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }, limits.streamCheckMs);
  sweep.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new AppError('failed-precondition', `can't listen on ${address.host}:${address.port} (${cause.code}): set PLUMBLINE_GRPC_PORT`, { cause })),
    );
    server.listen(address.port, address.host, resolve);
  });
  const { address: host, port, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`,
    async stop() {
      clearInterval(sweep);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      // Subscriptions end by the signal of the process; a client that keeps its connection gets no more time than that takes.
      await Promise.race([closed, sleep(limits.grpcCloseMs, undefined, { ref: false })]);
      for (const session of sessions) session.destroy();
    },
  };
}
