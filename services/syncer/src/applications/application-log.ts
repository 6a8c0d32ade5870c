import type { ApplicationEvent, ApplicationId, ApplicationStatus, NewEvent, RecordedEvent } from '@plumbline/contracts';
import { AppError, applicationStream, assertUnderstood, evolveApplicationStatus, initialApplicationStatus } from '@plumbline/contracts';
import type { EventLog } from '@plumbline/event-log';
import type { ApplicationCommand } from '../domain/commands.ts';
import { decide } from '../domain/decide.ts';
import type { ApplicationState } from '../domain/state.ts';
import { evolve, initialState } from '../domain/state.ts';

/** An application's stream, folded. */
export interface Folded {
  version: number;
  state: ApplicationState;
  status: ApplicationStatus;
}

export const unseen: Folded = { version: 0, state: initialState, status: initialApplicationStatus };

export function fold(folded: Folded, recorded: RecordedEvent): Folded {
  if (recorded.version <= folded.version) return folded;
  return { version: recorded.version, state: evolve(folded.state, recorded), status: evolveApplicationStatus(folded.status, recorded) };
}

export interface ApplicationLogOptions {
  log: Pick<EventLog, 'append' | 'readStream'>;
  event(type: string, data: unknown, why: { cause: string; actor?: string; correlation?: string }): NewEvent;
  now(): number;
}

/** The stream of one application: decides commands against the state that this process knows, and appends. */
export class ApplicationLog {
  readonly id: ApplicationId;
  readonly stream: string;
  folded: Folded;
  readonly #options: ApplicationLogOptions;

  constructor(id: ApplicationId, folded: Folded, options: ApplicationLogOptions) {
    this.id = id;
    this.stream = applicationStream(id);
    this.folded = folded;
    this.#options = options;
  }

  get state(): ApplicationState {
    return this.folded.state;
  }

  /**
   * Decides the commands one after the other, each on what the former made happen, and appends all their events at
   * once. Answers them, none when nothing changed. On a `conflict` (somebody else wrote the stream) the state is read
   * again and the error thrown: the caller decides anew.
   */
  async execute(commands: readonly ApplicationCommand[], why: { actor?: string; correlation?: string } = {}): Promise<RecordedEvent[]> {
    const { events } = this.preview(commands);
    if (events.length === 0) return [];
    const { log, event } = this.#options;
    const { version } = this.folded;
    const batch = events.map((decided, index) => event(decided.type, decided.data, { cause: `${this.stream} ${version + index + 1}`, ...why }));
    let recorded: RecordedEvent[];
    try {
      recorded = await log.append([{ stream: this.stream, expectedVersion: version, events: batch }]);
    } catch (error) {
      if (AppError.is(error) && error.code === 'conflict') await this.catchUp();
      throw error;
    }
    for (const one of recorded) this.folded = fold(this.folded, one);
    return recorded;
  }

  /** What `execute` would append, and the state that it would lead to. */
  preview(commands: readonly ApplicationCommand[]): { events: ApplicationEvent[]; state: ApplicationState } {
    const events: ApplicationEvent[] = [];
    let { state } = this.folded;
    const at = new Date(this.#options.now()).toISOString();
    for (const command of commands) {
      for (const event of decide(command, state)) {
        events.push(event);
        state = evolve(state, provisional(event, at));
      }
    }
    return { events, state };
  }

  async catchUp(): Promise<void> {
    for (;;) {
      const events = await this.#options.log.readStream(this.stream, { afterVersion: this.folded.version, limit: 500 });
      for (const recorded of events) {
        // What a newer release wrote is not misread: the application waits until this one is upgraded.
        assertUnderstood(recorded);
        this.folded = fold(this.folded, recorded);
      }
      if (events.length < 500) return;
    }
  }
}

/** `evolve` reads type, data and time only; the rest is known after the append. */
function provisional(event: ApplicationEvent, at: string): RecordedEvent {
  const metadata = { actor: '', service: 'syncer', schemaVersion: 1 };
  return { position: 0, id: '', stream: '', version: 0, at, metadata, ...event };
}
