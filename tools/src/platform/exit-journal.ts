import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { currentSchemaVersion } from '@plumbline/contracts';
import type { NewEvent, ServiceEvent } from '@plumbline/contracts';
import type { EventLog } from '@plumbline/event-log';

import { limits } from './limits.ts';
import type { ServiceExit } from './service-process.ts';

type ServiceExited = Extract<ServiceEvent, { type: 'ServiceExited' }>;

/**
 * Writes into the log that a service died. PostgreSQL may be what it died of, so an event waits until it can be
 * appended, in order, while the supervisor lives; there is a bound, and then the oldest are given up.
 */
export class ExitJournal {
  readonly #log: EventLog;
  readonly #stopped: AbortSignal;
  readonly #complain: (line: string) => void;
  readonly #pending: { stream: string; event: NewEvent }[] = [];
  #writing = false;

  constructor(options: { log: EventLog; stopped: AbortSignal; complain: (line: string) => void }) {
    this.#log = options.log;
    this.#stopped = options.stopped;
    this.#complain = options.complain;
  }

  record(exit: ServiceExit): void {
    this.#pending.push({ stream: `service-${exit.name}/${exit.instance}`, event: exitedEvent(exit) });
    if (this.#pending.length > limits.pendingEventsMax) this.#pending.shift();
    if (!this.#writing) void this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    let complained = false;
    for (let next = this.#pending[0]; next && !this.#stopped.aborted; next = this.#pending[0]) {
      const { stream, event } = next;
      try {
        await this.#log.append([{ stream, events: [event] }]);
        if (this.#pending[0] === next) this.#pending.shift();
      } catch (error) {
        if (!complained) this.#complain(`The log cannot be written to (${(error as Error).message}); what happened to the services follows later.`);
        complained = true;
        await sleep(limits.journalRetryMs, undefined, { signal: this.#stopped }).catch(() => undefined);
      }
    }
    this.#writing = false;
  }
}

/** Pure. Its id derives from the process that ended: one process ends once. */
export function exitedEvent({ name, instance, process, code, signal, restartInMs }: ServiceExit): NewEvent<'ServiceExited', ServiceExited['data']> {
  return {
    id: uuidOf(`ServiceExited/${instance}/${process.pid}/${process.started}`),
    type: 'ServiceExited',
    data: { service: name, instance, pid: process.pid, code, signal, restartInMs },
    metadata: { actor: 'system:supervisor', service: 'supervisor', schemaVersion: currentSchemaVersion('ServiceExited') },
  };
}

/** UUID of version 8 (RFC 9562: content of our own) from SHA-256. */
function uuidOf(cause: string): string {
  const bytes = createHash('sha256').update(cause).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
