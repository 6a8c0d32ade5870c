import { AppError, type Clock, type RecordedEvent } from '@plumbline/contracts';
import { stackLengthMax } from '../limits.ts';
import type { ParkedStream } from '../port.ts';

export const traceOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, stackLengthMax);

export interface ParkingContext {
  consumer: { name: string };
  clock: Clock;
  /** Of the software that tries. */
  version: string;
}

/** A stream that is set aside at this event. */
export function parkedAt({ consumer, clock, version: triedBy }: ParkingContext, event: RecordedEvent, error: unknown, attempts: number): ParkedStream {
  const { position, version, id: eventId, stream, type } = event;
  const at = new Date(clock()).toISOString();
  return {
    consumer: consumer.name,
    stream,
    position,
    version,
    eventId,
    type,
    error: AppError.from(error).message,
    stack: traceOf(error),
    attempts,
    at,
    triedBy,
  };
}
