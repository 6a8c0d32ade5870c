import { assertUnderstood } from '@plumbline/contracts';
import type { Consumer } from '@plumbline/event-log';

/**
 * The consumer, protected from events of a newer release: a known type with a schema version beyond the known one fails,
 * so that its stream is parked instead of misread, and goes on after the upgrade when it is retried. Other streams go on.
 */
export function understanding<Tx>(consumer: Consumer<Tx>): Consumer<Tx> {
  const { apply } = consumer;
  return {
    ...consumer,
    apply: async (events, tx) => {
      for (const event of events) assertUnderstood(event);
      await apply.call(consumer, events, tx);
    },
  };
}
