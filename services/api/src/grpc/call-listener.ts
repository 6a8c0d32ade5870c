import { constants } from 'node:http2';
import { ConnectError, createConnectRouter } from '@connectrpc/connect';
import type { ConnectRouter, ConnectRouterOptions } from '@connectrpc/connect';
import { compressionGzip, universalRequestFromNodeRequest } from '@connectrpc/connect-node';
import type { connectNodeAdapter } from '@connectrpc/connect-node';
import type { Logger } from '@plumbline/contracts';
import { patientWrite } from '../events/patient-write.ts';
import { limits } from '../limits.ts';

interface CallListenerOptions extends Pick<ConnectRouterOptions, 'grpc' | 'grpcWeb' | 'connect'> {
  routes: (router: ConnectRouter) => void;
  log: Logger;
  /** A client that takes nothing for this long is cut; default `limits.streamDrainMs`. */
  patienceMs?: number;
}

type Listener = ReturnType<typeof connectNodeAdapter>;
type Response = Parameters<Listener>[1];
type Answer = Awaited<ReturnType<ReturnType<typeof createConnectRouter>['handlers'][number]>>;

/**
 * A listener of HTTP/1.1 or HTTP/2 for calls of gRPC, gRPC-Web and Connect. In place of connect's own Node adapter, because
 * a client that stopped taking what it is sent is cut (it would hold its subscription and its memory for ever), and because
 * what breaks goes to our log. Messages need not be joined before they are written: Node does, measured.
 */
export function callListener({ routes, log, patienceMs = limits.streamDrainMs, ...protocols }: CallListenerOptions): Listener {
  const router = createConnectRouter({
    ...protocols,
    acceptCompression: [compressionGzip],
    compressMinBytes: limits.grpcCompressMinBytes,
    readMaxBytes: limits.grpcRequestBytesMax,
  });
  routes(router);
  const calls = new Map(router.handlers.map((call) => [call.requestPath, call]));
  return (request, response) => {
    const call = calls.get((request.url ?? '').split('?', 1)[0]!);
    if (call === undefined) return refuse(response);
    const answer = async (): Promise<void> => {
      const asked = universalRequestFromNodeRequest(request, response, undefined, undefined);
      if (await writeAnswer(await call(asked), response, asked.signal, patienceMs)) return;
      cut(response, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    };
    // Calls answer with their own errors: what comes here is a request that is none, or a connection that broke.
    answer().catch((error: unknown) => {
      log.debug('a call broke', { call: call.requestPath, error: ConnectError.from(error).message });
      cut(response, constants.NGHTTP2_INTERNAL_ERROR);
    });
  };
}

/** False: the client is gone or took nothing for too long. The headers go with the first message: a call sets them until then. */
async function writeAnswer(answer: Answer, response: Response, signal: AbortSignal, patienceMs: number): Promise<boolean> {
  const { body, status, header, trailer } = answer;
  let isBegun = false;
  const begin = (): void => {
    if (!isBegun) response.writeHead(status, headersOf(header));
    isBegun = true;
  };
  for await (const chunk of body ?? []) {
    begin();
    if (!(await patientWrite(response, chunk, signal, patienceMs))) return false;
  }
  begin();
  if (trailer !== undefined) response.addTrailers(headersOf(trailer));
  response.end();
  return true;
}

function refuse(response: Response): void {
  response.writeHead(404);
  response.end();
}

const headersOf = (headers = new Headers()): Record<string, string> => Object.fromEntries(headers);

function cut(response: Response, code: number): void {
  if ('stream' in response) response.stream.close(code);
  else response.destroy();
}
