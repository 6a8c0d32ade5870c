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
 * A listener of HTTP/1.1 or HTTP/2 for calls of gRPC, gRPC-Web and Connect. In place of connect's own Node adapter, for
 * three reasons: messages that are ready together are written together, a client that stopped taking what it is sent is cut
 * (it would hold its subscription and its memory for ever), and what breaks goes to our log.
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
  for await (const chunk of together(body)) {
    begin();
    if (!(await patientWrite(response, chunk, signal, patienceMs))) return false;
  }
  begin();
  if (trailer !== undefined) response.addTrailers(headersOf(trailer));
  response.end();
  return true;
}

/** Chunks that are there in one turn of the event loop become one, of some `limits.writeBytesMax` at most. */
async function* together(chunks: AsyncIterable<Uint8Array> | undefined): AsyncGenerator<Uint8Array> {
  if (chunks === undefined) return;
  const source = chunks[Symbol.asyncIterator]();
  const pull = (): Promise<IteratorResult<Uint8Array>> => {
    const next = source.next();
    // It is awaited one chunk later, if at all: until then a failure is nobody's.
    next.catch(() => undefined);
    return next;
  };
  try {
    let next = pull();
    for (;;) {
      const first = await next;
      if (first.done === true) return;
      const ready = [first.value];
      let sizeBytes = first.value.length;
      next = pull();
      const turn = nextTurn();
      while (sizeBytes < limits.writeBytesMax) {
        const more = await Promise.race([next, turn]);
        if (more === undefined || more.done === true) break;
        ready.push(more.value);
        sizeBytes += more.value.length;
        next = pull();
      }
      yield ready.length === 1 ? first.value : Buffer.concat(ready, sizeBytes);
    }
  } finally {
    await source.return?.();
  }
}

const nextTurn = (): Promise<undefined> => new Promise((resolve) => void setImmediate(resolve, undefined));

function refuse(response: Response): void {
  response.writeHead(404);
  response.end();
}

const headersOf = (headers = new Headers()): Record<string, string> => Object.fromEntries(headers);

function cut(response: Response, code: number): void {
  if ('stream' in response) response.stream.close(code);
  else response.destroy();
}
