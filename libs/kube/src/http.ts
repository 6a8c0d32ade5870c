import { setTimeout as wait } from 'node:timers/promises';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { AppError, type Clock } from '@plumbline/contracts';
import type { KubeConnection } from './connection.ts';
import type { KubeLimits } from './limits.ts';
import { describe, isWorthRetrying, named, retryAfterMs, serverError, type Subject } from './server-error.ts';

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, below the server's address. */
  path: string;
  /** What the request is about, for error messages. */
  subject: Subject;
  body?: unknown;
  contentType?: string;
  headers?: Record<string, string>;
  /** Doing it twice is the same as doing it once: a broken connection or a 5xx may be retried. */
  isIdempotent: boolean;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
}

/** Requests to one API server: a bounded number in flight, each with a deadline and a few tries. */
export interface Http {
  /** Answers 2xx and 304; anything else is thrown as an AppError. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** For watches: connections of their own, so that they never starve writes. The caller reads the body as it comes. */
  open(path: string, handler: Dispatcher.DispatchHandler, timeouts: { silenceMaxMs: number }): Promise<void>;
  /** The next request asks for credentials again. */
  forgetCredentials(): void;
  close(): Promise<void>;
}

export interface HttpOptions {
  connection: KubeConnection;
  limits: KubeLimits;
  clock: Clock;
  /** 0 ≤ n < 1. */
  random: () => number;
}

export function makeHttp({ connection, limits, clock, random }: HttpOptions): Http {
  const { origin, pathname } = new URL(connection.server);
  const prefix = pathname === '/' ? '' : pathname;
  const requests = makeDispatcher(connection, limits, limits.connectionsMax);
  const watches = makeDispatcher(connection, limits, null);
  const slots = makeSlots(limits.connectionsMax, limits.queuedRequestsMax);
  let credentials: { headers: Promise<Record<string, string>>; at: number } | undefined;

  const authentication = async (): Promise<Record<string, string>> => {
    if (credentials === undefined || clock() - credentials.at > limits.credentialsFreshMs) credentials = { headers: connection.headers(), at: clock() };
    const current = credentials;
    try {
      return await current.headers;
    } catch (error) {
      if (credentials === current) credentials = undefined;
      throw error;
    }
  };

  const once = async (request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> => {
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    const headers: Record<string, string> = { accept: 'application/json', ...(await authentication()), ...request.headers };
    if (body !== null) headers['content-type'] = request.contentType ?? 'application/json';
    const answer = await requests.request({ origin, path: `${prefix}${request.path}`, method: request.method, headers, body, signal });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, body: parsed(text) };
  };

  const send = async (request: HttpRequest): Promise<HttpAnswer> => {
    const end = clock() + limits.requestDeadlineMs;
    const signal = AbortSignal.timeout(limits.requestDeadlineMs);
    for (let attempt = 1; ; attempt++) {
      const outcome = await attemptOf(() => once(request, signal));
      if ('answer' in outcome && (outcome.answer.status < 300 || outcome.answer.status === 304)) return outcome.answer;
      const delayMs = 'answer' in outcome ? retryDelay(outcome.answer, request, attempt) : retryDelayBroken(outcome.error, request, attempt);
      if (delayMs === undefined || attempt >= limits.attemptsMax || clock() + delayMs >= end) {
        throw 'answer' in outcome
          ? serverError(outcome.answer.status, outcome.answer.body, request.subject)
          : transportError(outcome.error, request, connection.server, limits);
      }
      await wait(delayMs);
    }
  };

  const backoff = (attempt: number): number => limits.retryBackoffMs * 2 ** (attempt - 1) * (0.5 + random() / 2);

  const retryDelay = (answer: HttpAnswer, request: HttpRequest, attempt: number): number | undefined => {
    if (answer.status === 401 && attempt === 1) {
      // A token that has just been rotated; with fresh credentials the second answer counts.
      credentials = undefined;
      return 0;
    }
    if (!isWorthRetrying(answer.status, answer.body)) return undefined;
    // 429 was turned away at the door; after any other answer a write may have happened.
    if (!request.isIdempotent && answer.status !== 429) return undefined;
    return retryAfterMs(answer.headers['retry-after'], answer.body) ?? backoff(attempt);
  };

  const retryDelayBroken = (error: unknown, request: HttpRequest, attempt: number): number | undefined =>
    isBrokenConnection(error) && (request.isIdempotent || isRefusedConnection(error)) ? backoff(attempt) : undefined;

  return {
    send: (request) => slots.run(() => send(request), request.subject),
    async open(path, handler, { silenceMaxMs }) {
      const headers = { accept: 'application/json', ...(await authentication()) };
      watches.dispatch(
        { origin, path: `${prefix}${path}`, method: 'GET', headers, headersTimeout: limits.requestDeadlineMs, bodyTimeout: silenceMaxMs },
        handler,
      );
    },
    forgetCredentials: () => void (credentials = undefined),
    async close() {
      await Promise.all([requests.destroy(), watches.destroy()]);
    },
  };
}

/** HTTP/1.1: many kept connections wrote more than twice as fast as HTTP/2 streams against a local API server. */
function makeDispatcher(connection: KubeConnection, limits: KubeLimits, connections: number | null): Dispatcher {
  const tls = { ...connection.tls, timeout: limits.connectTimeoutMs };
  const options = {
    connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: limits.idleConnectionMs,
    keepAliveMaxTimeout: limits.idleConnectionMs,
    maxResponseSize: connections === null ? -1 : limits.responseBytesMax,
  };
  if (connection.proxyUrl === undefined) return new Agent({ ...options, connect: tls });
  return new ProxyAgent({ ...options, uri: connection.proxyUrl, requestTls: tls });
}

type Outcome = { answer: HttpAnswer } | { error: unknown };

async function attemptOf(once: () => Promise<HttpAnswer>): Promise<Outcome> {
  try {
    return { answer: await once() };
  } catch (error) {
    return { error };
  }
}

/** Text that is not JSON ("404 page not found") is only told by its status. */
function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

interface Slots {
  run<R>(work: () => Promise<R>, subject: Subject): Promise<R>;
}

/** Waiting happens here and not in undici's queue, so that a deadline is about the request and not about the queue. */
function makeSlots(slotsMax: number, queuedMax: number): Slots {
  let free = slotsMax;
  const waiting: (() => void)[] = [];
  let served = 0;
  const release = (): void => {
    const next = waiting[served];
    if (next === undefined) {
      free++;
      return;
    }
    served++;
    // Taking each from the front of the array would move all others each time.
    if (served > 1024) {
      waiting.splice(0, served);
      served = 0;
    }
    next();
  };
  return {
    async run(work, subject) {
      if (free > 0) free--;
      else {
        if (waiting.length - served >= queuedMax) {
          throw new AppError('resource-exhausted', `${describe(subject)}: ${queuedMax} requests to this API server are waiting already`, {
            retry: 'later',
            details: named(subject),
          });
        }
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

const isRefusedConnection = (error: unknown): boolean =>
  ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'].includes(codeOf(error));

const isBrokenConnection = (error: unknown): boolean =>
  isRefusedConnection(error) || ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET'].includes(codeOf(error));

/** A request that got no answer. */
export function transportError(error: unknown, request: { subject: Subject }, server: string, limits: { requestDeadlineMs: number }): AppError {
  if (AppError.is(error)) return error;
  const what = describe(request.subject);
  const details = { ...named(request.subject), server };
  const name = error instanceof Error ? error.name : '';
  if (name === 'TimeoutError' || name === 'AbortError' || codeOf(error) === 'UND_ERR_HEADERS_TIMEOUT') {
    return new AppError('deadline-exceeded', `${what}: the API server ${server} did not answer within ${limits.requestDeadlineMs} ms`, {
      retry: 'later',
      details,
      cause: error,
    });
  }
  if (codeOf(error) === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return new AppError('too-large', `${what}: the API server's answer is too large`, { details, cause: error });
  const why = error instanceof Error ? error.message || codeOf(error) : String(error);
  return new AppError('cluster-unreachable', `${what}: the API server ${server} can't be reached: ${why}`, { retry: 'later', details, cause: error });
}
