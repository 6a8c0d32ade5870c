import type { Clock, Logger, NewEvent } from '@plumbline/contracts';
import { signLog, type ChainedLog, type EventLog, type LogSigner, type SignedHead } from '@plumbline/event-log';

export interface LogHeadsParts<Tx> {
  eventLog: Pick<EventLog<Tx>, 'append'> & ChainedLog;
  signer: LogSigner;
  /** See `ServiceContext.event`: the id derives from the cause. */
  event(type: 'LogHeadSigned', data: SignedHead, why: { cause: string }): NewEvent<'LogHeadSigned', SignedHead>;
  clock: Clock;
  log: Logger;
}

/**
 * Signs where the log ends, once in each hour in which something was appended. The event's id derives from the hour, so
 * of many replicas that say it one is heard; who holds the public key can tell that the log was not rewritten since.
 */
export async function signHead<Tx>({ eventLog, signer, event, clock }: Omit<LogHeadsParts<Tx>, 'log'>): Promise<SignedHead | undefined> {
  const hour = new Date(clock()).toISOString().slice(0, 13);
  return signLog(eventLog, signer, (data) => event('LogHeadSigned', data, { cause: `log head of ${hour}` }));
}

/** Looks every so often whether this hour's head is signed; one that fails is for the next look. */
export function signHeads<Tx>(parts: LogHeadsParts<Tx>, everyMs: number): { stop(): Promise<void> } {
  let isStopped = false;
  let running: Promise<unknown> = Promise.resolve();
  const look = (): void => {
    running = signHead(parts).catch((error: unknown) => parts.log.warn('could not sign the head of the log; tried again later', { error }));
  };
  look();
  const timer = setInterval(() => {
    if (!isStopped) look();
  }, everyMs);
  timer.unref();
  return {
    async stop() {
      isStopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
