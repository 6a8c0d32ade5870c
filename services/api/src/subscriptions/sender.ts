import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { Agent, buildConnector } from 'undici';
import type { Dispatcher } from 'undici';
import { AppError } from '@plumbline/contracts';
import type { Clock } from '@plumbline/contracts';
import type { Attempt } from '../domain/delivery.ts';
import { hostOf, parseDestination, requireAllowed } from './destination.ts';
import type { DestinationPolicy } from './destination.ts';

export interface ResolvedAddress {
  address: string;
  family: number;
}

export interface SenderParts {
  /** As it is now: asked before every request and every connection. */
  policy: () => DestinationPolicy;
  /** All addresses of a name. */
  resolve: (host: string) => Promise<readonly ResolvedAddress[]>;
  clock: Clock;
  limits: SenderLimits;
}

export interface SenderLimits {
  connectTimeoutMs: number;
  /** The whole of a request. */
  requestTimeoutMs: number;
  /** Of the answer; the rest is not read. */
  answerBytesMax: number;
  connectionsPerHostMax: number;
}

/** Posts to addresses that somebody else has chosen. */
export interface Sender {
  /** Never throws: what came of it is the attempt. Redirects are answers like any other and not followed. */
  post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<Attempt>;
  close(): Promise<void>;
}

export function makeSender({ policy, resolve, clock, limits }: SenderParts): Sender {
  const agent = new Agent({
    connect: checkedConnector(policy, resolve, limits.connectTimeoutMs),
    connections: limits.connectionsPerHostMax,
    pipelining: 1,
    allowH2: false,
    headersTimeout: limits.requestTimeoutMs,
    bodyTimeout: limits.requestTimeoutMs,
  });
  return {
    async post(url, headers, body) {
      try {
        const { origin, pathname, search } = parseDestination(url, policy());
        const signal = AbortSignal.timeout(limits.requestTimeoutMs);
        const answer = await agent.request({ origin, path: `${pathname}${search}`, method: 'POST', headers: { ...headers }, body, signal });
        await skim(answer.body, limits.answerBytesMax);
        const retryAfterMs = retryAfterOf(answer.headers['retry-after'], clock());
        return { kind: 'answered', status: answer.statusCode, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      } catch (error) {
        return AppError.is(error) ? { kind: 'refused', reason: error.message } : { kind: 'unreachable', reason: reasonOf(error, limits) };
      }
    },
    close: () => agent.destroy(),
  };
}

/**
 * The address that was checked is the one that is connected to: a name that answers otherwise the next time (DNS
 * rebinding) gains nothing. Node asks no lookup for an address in place of a name, so that is checked before.
 */
function checkedConnector(policy: SenderParts['policy'], resolve: SenderParts['resolve'], timeout: number): buildConnector.connector {
  const checked = async (host: string): Promise<ResolvedAddress[]> => {
    const addresses = await resolve(host);
    // One refused address refuses the name: which of them is tried is not ours to say.
    for (const { address } of addresses) requireAllowed(address, host, policy());
    if (addresses.length === 0) throw new Error(`${host} has no address`);
    return [...addresses];
  };
  const askChecked = callbackify(checked);
  const lookup: LookupFunction = (host, { all }, callback) => {
    askChecked(host, (error, addresses) => {
      const [first] = error === null ? addresses : [];
      if (first === undefined) callback(error, '', 0);
      else if (all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
  const connect = buildConnector({ lookup, timeout, allowH2: false });
  return (options, callback) => {
    const host = hostOf(new URL(`${options.protocol}//${options.host ?? options.hostname}`));
    try {
      if (isIP(host) !== 0) requireAllowed(host, host, policy());
    } catch (error) {
      callback(AppError.from(error), null);
      return;
    }
    connect(options, callback);
  };
}

/** Reads so that the connection can be used again, but no more than that is worth; the status has been said already. */
async function skim(body: Dispatcher.ResponseData['body'], bytesMax: number): Promise<void> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    // Leaving the loop closes the connection.
    if (bytes > bytesMax) return;
  }
}

/** RFC 9110, section 10.2.3: seconds or a date. */
function retryAfterOf(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

/** A foreign message may repeat the URL and what is secret in it; a code does not. */
function reasonOf(error: unknown, limits: SenderLimits): string {
  const { name, code } = error as { name?: string; code?: unknown };
  if (name === 'TimeoutError' || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return `no answer within ${limits.requestTimeoutMs} ms`;
  }
  return typeof code === 'string' ? `can't be reached (${code})` : "can't be reached";
}
