import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { AppError } from '@plumbline/contracts';
import type { Clock } from '@plumbline/contracts';
import { Agent, buildConnector } from 'undici';
import type { Dispatcher } from 'undici';
import { limits } from '../limits.ts';
import { retryAfterMs } from './attempts.ts';
import type { Outcome } from './attempts.ts';
import { checkAddress, checkUrl, hostOf } from './destination.ts';
import type { DestinationPolicy } from './destination.ts';

export interface ResolvedAddress {
  address: string;
  family: number;
}

export interface SenderParts {
  /** As it is now: asked before every request and every connection. */
  policy: () => DestinationPolicy;
  clock: Clock;
  /** All addresses of a name. Default: the system's resolver. */
  resolve?: (host: string) => Promise<readonly ResolvedAddress[]>;
  /** Of a whole try. Default: the limit. */
  deadlineMs?: number;
}

export interface Message {
  url: string;
  body: string;
  headers: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** Posts to addresses that somebody else has chosen. Every failure is an outcome; it throws nothing. */
export interface Sender {
  /** Redirects are answers like any other and not followed. */
  send(message: Message): Promise<Outcome>;
  close(): Promise<void>;
}

const systemResolve = (host: string): Promise<ResolvedAddress[]> => lookup(host, { all: true });

export function makeSender({ policy, clock, resolve = systemResolve, deadlineMs = limits.deliveryMs }: SenderParts): Sender {
  const newAgent = (): Agent =>
    new Agent({
      connect: checkedConnector(policy, resolve),
      connections: limits.deliveriesPerDestination,
      pipelining: 1,
      allowH2: false,
      headersTimeout: deadlineMs,
      bodyTimeout: deadlineMs,
    });
  let agent = newAgent();
  let checkedBy = '';
  /** A connection that is kept was checked by the policy of its time. */
  const agentNow = (): Agent => {
    const now = JSON.stringify(policy());
    if (now !== checkedBy) {
      void agent.close().catch(() => undefined);
      agent = newAgent();
      checkedBy = now;
    }
    return agent;
  };
  return {
    async send({ url, body, headers, signal }) {
      const deadline = AbortSignal.timeout(deadlineMs);
      try {
        const { origin, pathname, search } = checkUrl(url, policy());
        const answer = await agentNow().request({
          origin,
          path: `${pathname}${search}`,
          method: 'POST',
          headers: { 'content-type': 'application/cloudevents+json', 'user-agent': 'plumbline', ...headers },
          body,
          signal: AbortSignal.any([signal, deadline]),
        });
        await skim(answer.body, limits.deliveryAnswerBytesMax);
        const header = answer.headers['retry-after'];
        const after = retryAfterMs(typeof header === 'string' ? header : undefined, clock());
        return { kind: 'answered', status: answer.statusCode, ...(after === undefined ? {} : { retryAfterMs: after }) };
      } catch (error) {
        return { kind: 'failed', reason: deadline.aborted ? `no answer within ${deadlineMs} ms` : reasonOf(error) };
      }
    },
    close: () => agent.destroy(),
  };
}

/**
 * The address that was checked is the one that is connected to: a name that answers otherwise the next time (DNS
 * rebinding) gains nothing. Node asks no lookup for an address in place of a name, so that is checked before.
 */
function checkedConnector(policy: SenderParts['policy'], resolve: NonNullable<SenderParts['resolve']>): buildConnector.connector {
  const checked = async (host: string): Promise<ResolvedAddress[]> => {
    const addresses = await resolve(host);
    if (addresses.length === 0) throw new AppError('unavailable', `host ${host} has no address`);
    // One refused address refuses the name: which of them is tried is not ours to say.
    for (const { address } of addresses) checkAddress(address, policy());
    return [...addresses];
  };
  const askChecked = callbackify(checked);
  const lookupChecked: LookupFunction = (host, { all }, callback) => {
    askChecked(host, (error, addresses) => {
      const [first] = error === null ? addresses : [];
      if (first === undefined) callback(error, '', 0);
      else if (all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
  const connect = buildConnector({ lookup: lookupChecked, timeout: limits.deliveryConnectMs, allowH2: false });
  return (options, callback) => {
    const host = hostOf(new URL(`${options.protocol}//${options.host ?? options.hostname}`));
    try {
      if (isIP(host) !== 0) checkAddress(host, policy());
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

/** A foreign message may repeat the URL and what is secret in it; a code does not. */
function reasonOf(error: unknown): string {
  if (AppError.is(error)) return error.message;
  const { code } = error as { code?: unknown };
  return `the receiver was not reached: ${typeof code === 'string' ? code : 'connection failed'}`;
}
