import type { RecordedEvent } from '@plumbline/contracts';

/** An event as the API shows it. */
export interface ShownEvent {
  position: number;
  id: string;
  stream: string;
  version: number;
  type: string;
  time: string;
  actor: string;
  schemaVersion: number;
  /** One id for everything that follows from one push, command or observation. */
  correlation?: string;
  /** Id of the event or command that made this one happen. */
  causation?: string;
  data: unknown;
}

export function shown({ position, id, stream, version, type, at, metadata, data }: RecordedEvent): ShownEvent {
  const { actor, schemaVersion, correlation, causation } = metadata;
  return {
    position,
    id,
    stream,
    version,
    type,
    time: at,
    actor,
    schemaVersion,
    ...(correlation === undefined ? {} : { correlation }),
    ...(causation === undefined ? {} : { causation }),
    data,
  };
}
