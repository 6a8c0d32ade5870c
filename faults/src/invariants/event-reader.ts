import type { RecordedEvent } from '@plumbline/contracts';
import type { EventLog } from '@plumbline/event-log';
import { limits } from '../limits.ts';

/** The whole feed, as PostgreSQL has it; what was read once is kept. */
export class EventReader {
  readonly #log: Pick<EventLog, 'readFeed'>;
  readonly #events: RecordedEvent[] = [];

  constructor(log: Pick<EventLog, 'readFeed'>) {
    this.#log = log;
  }

  async all(): Promise<readonly RecordedEvent[]> {
    for (;;) {
      const { events } = await this.#log.readFeed({ after: this.#events.at(-1)?.position ?? 0, limit: limits.feedPageEvents });
      this.#events.push(...events);
      if (events.length < limits.feedPageEvents) return this.#events;
    }
  }
}
