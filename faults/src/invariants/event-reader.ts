import type { RecordedEvent } from '@plumbline/contracts';
import type { EventLog } from '@plumbline/event-log';
import { limits } from '../limits.ts';

/** The feed from after a position (default: all of it), as PostgreSQL has it; what was read once is kept. */
export class EventReader {
  readonly #log: Pick<EventLog, 'readFeed'>;
  readonly #after: number;
  readonly #events: RecordedEvent[] = [];

  constructor(log: Pick<EventLog, 'readFeed'>, after = 0) {
    this.#log = log;
    this.#after = after;
  }

  async all(): Promise<readonly RecordedEvent[]> {
    for (;;) {
      const { events } = await this.#log.readFeed({ after: this.#events.at(-1)?.position ?? this.#after, limit: limits.feedPageEvents });
      this.#events.push(...events);
      if (events.length < limits.feedPageEvents) return this.#events;
    }
  }
}
