import { randomUUID } from 'node:crypto';
import type { EventMetadata, NewEvent, RecordedEvent, Upcast } from '@plumbline/contracts';
import type { EventLog } from '../port.ts';

export const metadata: EventMetadata = { actor: 'system:test', service: 'test', schemaVersion: 1 };

export const newEvent = (type = 'Happened', data: unknown = {}, id: string = randomUUID()): NewEvent => ({ id, type, data, metadata });

/** What a log under test is made with: the type `Old` is at version 2, which has `lifted`. */
export const sampleUpcast: Upcast = (recorded) =>
  recorded.type === 'Old' && recorded.metadata.schemaVersion === 1
    ? { ...recorded, data: { ...(recorded.data as object), lifted: true }, metadata: { ...recorded.metadata, schemaVersion: 2 } }
    : recorded;

/** One event on each of these streams, in this order. */
export const appendOneBy = async <Tx>(log: Pick<EventLog<Tx>, 'append'>, streams: readonly string[]): Promise<RecordedEvent[]> => {
  const recorded: RecordedEvent[] = [];
  for (const stream of streams) recorded.push(...(await log.append([{ stream, events: [newEvent()] }])));
  return recorded;
};
