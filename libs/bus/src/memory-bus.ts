import { AppError, silentLogger } from '@plumbline/contracts';
import type { Logger, RequestContract } from '@plumbline/contracts';
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer, decodeReply, encodeRequest, verbOf } from './exchange.ts';
import type { Bus, RequestContext } from './port.ts';

type Responder = (bytes: Uint8Array, context: RequestContext) => Promise<Uint8Array>;

/** What the buses of one process share. */
export interface MemoryNetwork {
  readonly responders: Map<string, Responder[]>;
  readonly messages: EventEmitter;
}

export function makeMemoryNetwork(): MemoryNetwork {
  return { responders: new Map(), messages: new EventEmitter().setMaxListeners(0) };
}

/** The bus inside one process, with the same encoding, limits and errors as on NATS. Each call makes one participant. */
export function makeMemoryBus(network: MemoryNetwork = makeMemoryNetwork(), log: Logger = silentLogger): Bus {
  const undo = new Set<() => void>();
  const inFlight = new Set<Promise<unknown>>();
  let isOpen = true;
  let turn = 0;

  return {
    async call(contract, request, options = {}) {
      const bytes = encodeRequest(contract, request);
      const responders = network.responders.get(verbOf(contract)) ?? [];
      const responder = responders[turn++ % Math.max(1, responders.length)];
      if (!isOpen || responder === undefined)
        throw new AppError('unavailable', `nobody answers ${verbOf(contract)}: ${contract.service} is not running`, { retry: 'later' });
      return decodeReply(
        contract,
        await within(options.deadlineMs ?? contract.deadlineMs, contract, responder(bytes, options.token === undefined ? {} : { token: options.token })),
      );
    },
    serve(contract, handle) {
      const verb = verbOf(contract);
      const responder: Responder = (bytes, context) => {
        const answering = answer(contract, handle, { bytes, context, log });
        inFlight.add(answering);
        void answering.finally(() => inFlight.delete(answering));
        return answering;
      };
      network.responders.set(verb, [...(network.responders.get(verb) ?? []), responder]);
      undo.add(() =>
        network.responders.set(
          verb,
          (network.responders.get(verb) ?? []).filter((other) => other !== responder),
        ),
      );
    },
    subscribe(subject, listener) {
      const receive = (text: string): void => {
        try {
          listener(JSON.parse(text));
        } catch (error) {
          log.warn('message was not understood', { subject, error });
        }
      };
      network.messages.on(subject, receive);
      const off = (): void => {
        network.messages.off(subject, receive);
        undo.delete(off);
      };
      undo.add(off);
      return off;
    },
    publish(subject, body) {
      if (!isOpen) return;
      const text = JSON.stringify(body);
      // Never within the caller's stack, as on a wire.
      setImmediate(() => network.messages.emit(subject, text));
    },
    isConnected: () => isOpen,
    async close() {
      isOpen = false;
      for (const one of [...undo]) one();
      await Promise.allSettled(inFlight);
    },
  };
}

async function within<T>(deadlineMs: number, contract: RequestContract, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = sleep(deadlineMs, undefined, { signal: done.signal }).then(() => {
    throw new AppError('deadline-exceeded', `${verbOf(contract)} did not answer within ${deadlineMs} ms`, { retry: 'later', details: { deadlineMs } });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
    late.catch(() => undefined);
  }
}
