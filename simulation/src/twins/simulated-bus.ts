import { makeMemoryBus, makeMemoryNetwork, type Bus, type MemoryNetwork } from '@plumbline/bus';
import { AppError, type Logger } from '@plumbline/contracts';
import type { Faults } from '../faults.ts';
import type { Agenda } from '../time/agenda.ts';
import type { Process } from '../time/process.ts';

/** NATS between the services: messages are late, lost or doubled, and all of it may be away. */
export class SimulatedNetwork {
  isAway = false;
  readonly #network: MemoryNetwork = makeMemoryNetwork();
  readonly #faults: Faults;
  readonly #agenda: Agenda;
  readonly #said: (text: string) => void;

  /** `said` sees every message that goes over the wire. */
  constructor(faults: Faults, agenda: Agenda, said: (text: string) => void) {
    this.#faults = faults;
    this.#agenda = agenda;
    this.#said = said;
  }

  busOf(process: Process, log: Logger): Bus {
    const inner = makeMemoryBus(this.#network, log);
    process.whenDead(() => void inner.close());
    const away = (): AppError => new AppError('unavailable', 'NATS is away (simulated)', { retry: 'later' });
    return {
      call: (contract, request, options) =>
        this.#faults.call('bus', `${contract.service}.${contract.verb}`, away, async () => {
          if (this.isAway) throw away();
          this.#said(JSON.stringify(request));
          if (this.#faults.happens('duplicate')) await inner.call(contract, request, options).catch(() => undefined);
          return inner.call(contract, request, options);
        }),
      serve: (contract, handle) =>
        inner.serve(contract, (request, context) => {
          // Nobody answers for the dead: the caller's deadline ends its wait.
          if (!process.isAlive) return new Promise(() => undefined);
          return process.run(() => handle(request, context));
        }),
      subscribe: (subject, listener) =>
        inner.subscribe(subject, (body) => {
          if (process.isAlive) process.run(() => listener(body));
        }),
      publish: (subject, body) => this.#publish(inner, subject, body),
      isConnected: () => !this.isAway,
      close: () => inner.close(),
    };
  }

  #publish(inner: Bus, subject: string, body: unknown): void {
    const text = JSON.stringify(body);
    this.#said(text);
    if (this.isAway || this.#faults.happens('drop')) return;
    const copies = this.#faults.happens('duplicate') ? 2 : 1;
    // Each copy takes its own time: later messages may overtake it.
    for (let i = 0; i < copies; i++) this.#agenda.in(this.#faults.latencyMs(), `message ${subject}`, () => inner.publish(subject, JSON.parse(text)));
  }
}
