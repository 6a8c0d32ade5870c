import { AppError } from './app-error.ts';
import type { RecordedEvent } from './event.ts';
import { eventTypes } from './event-types.ts';
import type { EventVersions } from './event-types.ts';

/** Lifts a recorded event to the version that this process knows; hooked in where rows and announcements become events. */
export type Upcast = (recorded: RecordedEvent) => RecordedEvent;

/**
 * Over a list of event types. What it doesn't know stays as it was recorded: an unknown type, and a version that is
 * newer than the newest known. Fields that a schema doesn't name are kept.
 */
export function makeUpcast(types: ReadonlyMap<string, EventVersions>): Upcast {
  return (recorded) => {
    const versions = types.get(recorded.type);
    const from = recorded.metadata.schemaVersion;
    if (versions === undefined || from > versions.older.length) return recorded;
    let { data } = recorded;
    for (const older of versions.older.slice(Math.max(from, 1) - 1)) data = older.lift(data);
    return { ...recorded, data, metadata: { ...recorded.metadata, schemaVersion: versions.older.length + 1 } };
  };
}

export const upcast: Upcast = makeUpcast(eventTypes);

/**
 * Refuses an event of a known type whose version is newer than this process knows: it was written by a newer release, and
 * reading it with today's eyes could mean the wrong thing. A consumer that throws this parks the stream; after the
 * upgrade it is retried. An unknown type is no problem: who doesn't know it doesn't act on it.
 *
 * @throws AppError `unsupported`
 */
export function assertUnderstood({ type, position, stream, metadata }: RecordedEvent, types: ReadonlyMap<string, EventVersions> = eventTypes): void {
  const versions = types.get(type);
  const known = (versions?.older.length ?? 0) + 1;
  if (versions === undefined || metadata.schemaVersion <= known) return;
  throw new AppError(
    'unsupported',
    `${type} at position ${position} of stream ${stream} has schema version ${metadata.schemaVersion}, this release knows ${known}: upgrade this service, then retry the stream`,
    { details: { type, position, stream, schemaVersion: metadata.schemaVersion, known } },
  );
}
