import { lookup } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { AppError } from '@plumbline/contracts';
import type { Clock } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { retryAfterMs } from './attempts.ts';
import type { Outcome } from './attempts.ts';
import { checkAddress, checkUrl } from './destination.ts';
import type { DestinationPolicy } from './destination.ts';

/** All addresses of a host, as `dns.lookup` answers them. */
export type Resolve = (host: string, callback: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void) => void;

export interface SenderParts {
  policy: () => DestinationPolicy;
  clock: Clock;
  /** Default: the system's resolver. */
  resolve?: Resolve;
}

export interface Message {
  url: string;
  body: string;
  headers: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** Posts to receivers. Every failure is an outcome; it throws nothing. */
export interface Sender {
  send(message: Message): Promise<Outcome>;
  close(): void;
}

const systemResolve: Resolve = (host, callback) => lookup(host, { all: true }, callback);

/**
 * The address that was checked is the one that is connected to: the check stands between resolving and connecting, so a
 * name that resolves differently the next time gains nothing. Redirects are an answer like any other.
 */
export function makeSender({ policy, clock, resolve = systemResolve }: SenderParts): Sender {
  const checkedLookup: LookupFunction = (host, options, callback) => {
    resolve(host, (error, addresses) => {
      const refusal = error ?? refusalOf(host, addresses, policy());
      if (refusal !== null) callback(refusal, '');
      else if (options.all === true) callback(null, [...addresses]);
      else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
    });
  };
  const pool = { keepAlive: true, maxFreeSockets: limits.deliveryIdleConnectionsMax, timeout: limits.deliveryMs, lookup: checkedLookup };
  let agents = { http: new HttpAgent(pool), https: new HttpsAgent(pool), policy: '' };
  const agentFor = (protocol: string): HttpAgent => {
    const now = JSON.stringify(policy());
    if (agents.policy !== now) {
      // A connection that is kept was checked by another policy.
      agents.http.destroy();
      agents.https.destroy();
      agents = { http: new HttpAgent(pool), https: new HttpsAgent(pool), policy: now };
    }
    return protocol === 'http:' ? agents.http : agents.https;
  };
  return {
    send: async ({ url: text, body, headers, signal }) => {
      try {
        const url = checkUrl(text, policy());
        const content = Buffer.from(body);
        const options = {
          method: 'POST',
          agent: agentFor(url.protocol),
          signal: AbortSignal.any([signal, AbortSignal.timeout(limits.deliveryMs)]),
          headers: { ...headers, 'content-type': 'application/cloudevents+json', 'content-length': content.length, 'user-agent': 'plumbline' },
        };
        const outgoing = url.protocol === 'http:' ? httpRequest(url, options) : httpsRequest(url, options);
        return await answerOf(outgoing, content, clock);
      } catch (error) {
        return { kind: 'failed', reason: reasonOf(error) };
      }
    },
    close: () => {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

/** All must pass: a name that stands for the inside as well as the outside is not to be trusted. */
function refusalOf(host: string, addresses: readonly LookupAddress[], policy: DestinationPolicy): Error | null {
  if (addresses.length === 0) return new AppError('invalid-argument', `host ${host} has no address`);
  try {
    for (const { address } of addresses) checkAddress(address, policy);
    return null;
  } catch (error) {
    return AppError.from(error);
  }
}

function answerOf(outgoing: ClientRequest, content: Buffer, clock: Clock): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const connecting = setTimeout(
      () => outgoing.destroy(new AppError('deadline-exceeded', `no connection within ${limits.deliveryConnectMs} ms`)),
      limits.deliveryConnectMs,
    );
    const connected = (): void => clearTimeout(connecting);
    outgoing.on('socket', (socket) => {
      if (socket.connecting) socket.once(outgoing.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
      else connected();
    });
    outgoing.on('close', connected);
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const after = retryAfterMs(response.headers['retry-after'], clock());
      const answer: Outcome = { kind: 'answered', status: response.statusCode ?? 0, ...(after === undefined ? {} : { retryAfterMs: after }) };
      drain(response).then(() => resolve(answer), reject);
    });
    outgoing.end(content);
  });
}

/** Reads the body to its end, so that the connection can be used again; too long a one costs the connection, not the answer. */
async function drain(response: IncomingMessage): Promise<void> {
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > limits.deliveryAnswerBytesMax) break;
  }
}

/** Never the address: it may hold a token. */
function reasonOf(error: unknown): string {
  if (AppError.is(error)) return error.message;
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (name === 'AbortError' || name === 'TimeoutError') return `no answer within ${limits.deliveryMs} ms`;
  return `the receiver was not reached: ${typeof code === 'string' ? code : 'connection failed'}`;
}
