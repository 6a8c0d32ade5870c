import { headers, NoRespondersError, PermissionViolationError, RequestError, TimeoutError } from '@nats-io/transport-node';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { AppError } from '@plumbline/contracts';
import type { Logger, Metrics, ReplyOf, RequestContract, RequestOf } from '@plumbline/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer, decodeReply, encodeRequest, verbOf } from './exchange.ts';
import type { Handle } from './exchange.ts';
import { keepAnnouncements } from './feed-stream.ts';
import { limits } from './limits.ts';
import { NatsLink } from './nats-link.ts';
import type { Bus, CallOptions } from './port.ts';

export interface NatsBusOptions {
  /** `nats://[user:password@]host:port`, or `tls://`. */
  url: string;
  /** First token of every subject. */
  prefix: string;
  /** Names the connection in NATS' monitoring. */
  service: string;
  log: Logger;
  metrics: Metrics;
  /** Keep announcements in a JetStream stream for subscribers outside the platform, where the server has JetStream. */
  keepsAnnouncements?: boolean;
}

const tokenHeader = 'Plumbline-Token';

/**
 * The bus on NATS. Returns at once and connects behind; it reconnects for ever, so `isConnected` and the errors of
 * `call` are all that tells of a NATS that is away.
 */
export function makeNatsBus(options: NatsBusOptions): Bus {
  const { prefix, log, metrics } = options;
  const link = new NatsLink({ url: options.url, name: options.service, log });
  const served: { stop(): void; idle(): Promise<void> }[] = [];
  if (options.keepsAnnouncements === true) link.wire((connection) => void keepAnnouncements(connection, prefix, log));

  return {
    async call(contract, request, callOptions) {
      const startedAt = performance.now();
      let outcome = 'ok';
      try {
        return await call(link, prefix, { contract, request, options: callOptions ?? {} });
      } catch (error) {
        outcome = AppError.from(error).code;
        throw error;
      } finally {
        metrics.observeMs('bus_call_ms', performance.now() - startedAt, { verb: verbOf(contract), outcome });
      }
    },
    serve(contract, handle) {
      served.push(serve(link, `${prefix}.${verbOf(contract)}`, { contract, handle, log }));
    },
    subscribe(subject, listener) {
      return subscribe(link, `${prefix}.${subject}`, (message) => {
        try {
          listener(message.json());
        } catch (error) {
          log.warn('message was not understood', { subject, error });
        }
      });
    },
    publish(subject, body) {
      const connection = link.current();
      try {
        if (connection === undefined) throw new Error('NATS is away');
        connection.publish(`${prefix}.${subject}`, JSON.stringify(body));
      } catch (error) {
        // Nothing depends on it: the fact is in the feed, and is found there.
        metrics.count('bus_messages_dropped_total', { subject });
        log.debug('message dropped', { subject, error });
      }
    },
    isConnected: () => link.current() !== undefined,
    async close() {
      for (const one of served) one.stop();
      const idle = Promise.all(served.map((one) => one.idle()));
      const giveUp = new AbortController();
      await Promise.race([idle, sleep(limits.drainMs, undefined, { signal: giveUp.signal }).catch(() => undefined)]);
      giveUp.abort();
      await link.close();
    },
  };
}

interface Call<C extends RequestContract> {
  contract: C;
  request: RequestOf<C>;
  options: CallOptions;
}

async function call<C extends RequestContract>(link: NatsLink, prefix: string, { contract, request, options }: Call<C>): Promise<ReplyOf<C>> {
  const bytes = encodeRequest(contract, request);
  const deadlineMs = options.deadlineMs ?? contract.deadlineMs;
  const deadline = performance.now() + deadlineMs;
  const connection = link.current() ?? (await link.wait(Math.min(deadlineMs, limits.connectionWaitMs)));
  if (connection === undefined) throw new AppError('unavailable', `${verbOf(contract)} can't be asked: NATS is away`, { retry: 'later' });
  const sent = headers();
  if (options.token !== undefined) sent.set(tokenHeader, options.token);
  let reply: Msg;
  try {
    reply = await connection.request(`${prefix}.${verbOf(contract)}`, bytes, { timeout: Math.max(1, deadline - performance.now()), headers: sent });
  } catch (error) {
    throw translate(error, contract, deadlineMs);
  }
  return decodeReply(contract, reply.data);
}

function translate(error: unknown, contract: RequestContract, deadlineMs: number): AppError {
  const verb = verbOf(contract);
  if (error instanceof TimeoutError) {
    return new AppError('deadline-exceeded', `${verb} did not answer within ${deadlineMs} ms`, { retry: 'later', details: { deadlineMs } });
  }
  if (error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders())) {
    return new AppError('unavailable', `nobody answers ${verb}: ${contract.service} is not running`, { retry: 'later' });
  }
  if (error instanceof PermissionViolationError || (error instanceof Error && error.cause instanceof PermissionViolationError)) {
    return new AppError('failed-precondition', `NATS refuses this service the subject of ${verb}: check its subject rights`, { cause: error });
  }
  return new AppError('unavailable', `${verb} could not be asked: the connection to NATS was lost`, { retry: 'later', cause: error });
}

/** One subscription that outlives its connection. */
function subscribe(link: NatsLink, subject: string, onMessage: (message: Msg) => void, queue?: string): () => void {
  let subscription: Subscription | undefined;
  const unwire = link.wire((connection: NatsConnection) => {
    subscription = connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error === null) onMessage(message);
      },
    });
  });
  return () => {
    unwire();
    subscription?.unsubscribe();
  };
}

function serve<C extends RequestContract>(
  link: NatsLink,
  subject: string,
  { contract, handle, log }: { contract: C; handle: Handle<C>; log: Logger },
): { stop(): void; idle(): Promise<void> } {
  const inFlight = new Set<Promise<void>>();
  const refused = new AppError('resource-exhausted', `${verbOf(contract)} has ${limits.requestsInFlightMax} requests to answer already`, { retry: 'later' });
  const stop = subscribe(
    link,
    subject,
    (message) => {
      if (inFlight.size >= limits.requestsInFlightMax) {
        message.respond(JSON.stringify({ error: refused.toJSON() }));
        return;
      }
      const token = message.headers?.get(tokenHeader);
      const context = token === undefined || token === '' ? {} : { token };
      const answering = answer(contract, handle, { bytes: message.data, context, log })
        .then((bytes) => void message.respond(bytes))
        // The connection may have gone meanwhile: the caller's deadline tells it.
        .catch((error: unknown) => log.warn('reply could not be sent', { verb: verbOf(contract), error }))
        .finally(() => inFlight.delete(answering));
      inFlight.add(answering);
    },
    contract.service,
  );
  return { stop, idle: async () => void (await Promise.all(inFlight)) };
}
