import { randomUUID } from 'node:crypto';
import type { EventMetadata, NewEvent, RecordedEvent } from '@plumbline/contracts';
import type { EventLog } from '../port.ts';

export const metadata: EventMetadata = { actor: 'system:test', service: 'test', schemaVersion: 1 };

export const newEvent = (type = 'Happened', data: unknown = {}, id: string = randomUUID()): NewEvent => ({ id, type, data, metadata });

/** One event on each of these streams, in this order. */
export const appendOneBy = async <Tx>(log: Pick<EventLog<Tx>, 'append'>, streams: readonly string[]): Promise<RecordedEvent[]> => {
  const recorded: RecordedEvent[] = [];
  for (const stream of streams) recorded.push(...(await log.append([{ stream, events: [newEvent()] }])));
  return recorded;
};
