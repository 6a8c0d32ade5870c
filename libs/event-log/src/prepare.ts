import { AppError, canonicalJson } from '@plumbline/contracts';
import { appendBytesMax, appendEventsMax, eventDataBytesMax, eventMetadataBytesMax, eventTypeLengthMax, streamNameLengthMax } from './limits.ts';
import type { Fence, StreamAppend } from './port.ts';

/** An event as it is stored: canonical JSON texts. */
export interface PreparedEvent {
  id: string;
  type: string;
  metadata: string;
  data: string;
}

export interface PreparedPart {
  stream: string;
  expectedVersion?: number;
  events: PreparedEvent[];
}

/** One append, checked and serialised: what both twins store is made here. */
export interface PreparedAppend {
  parts: PreparedPart[];
  eventCount: number;
  sizeBytes: number;
  /** Refused when this lease is not at this epoch. */
  fence?: Fence;
}

/** Throws `invalid-argument` or `too-large`, naming stream and type. */
export function prepareAppend(batch: readonly StreamAppend[], fence?: Fence): PreparedAppend {
  const prepared: PreparedAppend = { parts: [], eventCount: 0, sizeBytes: 0, fence };
  const streams = new Set<string>();
  for (const { stream, expectedVersion, events } of batch) {
    if (events.length === 0) continue;
    checkName('stream', stream, streamNameLengthMax);
    if (streams.has(stream)) throw new AppError('invalid-argument', `stream ${stream} appears twice in one append: put its events into one part`);
    streams.add(stream);
    if (expectedVersion !== undefined && !(Number.isInteger(expectedVersion) && expectedVersion >= 0)) {
      throw new AppError('invalid-argument', `expected version of stream ${stream} is ${expectedVersion}: give a whole number from 0, or none`);
    }
    const part: PreparedPart = { stream, expectedVersion, events: [] };
    const ids = new Set<string>();
    for (const event of events) {
      checkName('event type', event.type, eventTypeLengthMax);
      const id = checkId(event.id, stream, event.type);
      if (ids.has(id)) throw new AppError('invalid-argument', `event id ${id} appears twice in one append to stream ${stream}`);
      ids.add(id);
      const data = textWithin(event.data, 'data', eventDataBytesMax, stream, event.type);
      const metadata = textWithin(event.metadata, 'metadata', eventMetadataBytesMax, stream, event.type);
      prepared.sizeBytes += Buffer.byteLength(data) + Buffer.byteLength(metadata);
      prepared.eventCount++;
      part.events.push({ id, type: event.type, metadata, data });
    }
    prepared.parts.push(part);
  }
  if (prepared.eventCount > appendEventsMax || prepared.sizeBytes > appendBytesMax) {
    throw new AppError(
      'too-large',
      `an append of ${prepared.eventCount} events and ${prepared.sizeBytes} bytes: at most ${appendEventsMax} events and ${appendBytesMax} bytes go in one`,
    );
  }
  return prepared;
}

function textWithin(value: unknown, what: string, bytesMax: number, stream: string, type: string): string {
  if (value === undefined) throw new AppError('invalid-argument', `${what} of a ${type} for stream ${stream} is undefined: use null for nothing`);
  const text = canonicalJson(value);
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes <= bytesMax) return text;
  throw new AppError(
    'too-large',
    `${what} of a ${type} for stream ${stream} has ${sizeBytes} bytes, above the limit of ${bytesMax}: put it into the blob store and refer to it`,
    { details: { stream, type, sizeBytes, sizeBytesMax: bytesMax } },
  );
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function checkId(id: string, stream: string, type: string): string {
  if (uuid.test(id)) return id.toLowerCase();
  throw new AppError('invalid-argument', `id ${JSON.stringify(id)} of a ${type} for stream ${stream} is not a UUID`);
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f]/;

function checkName(what: string, name: string, lengthMax: number): void {
  if (name.length > 0 && name.length <= lengthMax && name.isWellFormed() && !controlCharacter.test(name)) return;
  throw new AppError(
    'invalid-argument',
    `${what} ${JSON.stringify(name.slice(0, lengthMax))} must be 1 to ${lengthMax} characters of well-formed text without control characters`,
  );
}

/** Checks a page query of the feed, for both twins. */
export function checkFeedQuery(query: { after: number; limit: number }, limitMax: number): void {
  if (!Number.isSafeInteger(query.after) || query.after < 0) {
    throw new AppError('invalid-argument', `after is ${query.after}: give the last position you have, a whole number from 0`);
  }
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > limitMax) {
    throw new AppError('invalid-argument', `limit is ${query.limit}: give a whole number from 1 to ${limitMax}`);
  }
}

/** Reading behind partitions that were dropped must be told, never skipped. */
/** The time itself, when it is one. @throws AppError `invalid-argument` */
export function checkTime(time: string): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i.test(time) && !Number.isNaN(Date.parse(time))) return time;
  throw new AppError('invalid-argument', `"${time.slice(0, 40)}" is not a time: write it like 2026-01-31T23:59:59Z (RFC 3339)`);
}

export function goneBefore(after: number, oldest: number): AppError {
  return new AppError('gone', `the log begins at position ${oldest}: nothing after ${after} can be read before that; start from ${oldest - 1}`, {
    details: { oldest },
  });
}

/** The same within a stream: what was dropped would be missing in its fold. */
export function streamGoneBefore(stream: string, afterVersion: number, oldestVersion: number): AppError {
  return new AppError(
    'gone',
    `stream ${stream} is here from version ${oldestVersion}: what came after ${afterVersion} before that was exported and dropped; take it from the files of plumb log export`,
    { details: { stream, oldestVersion } },
  );
}

export function conflictError(conflict: { stream: string; expected: number; actual: number }): AppError {
  const { stream, expected, actual } = conflict;
  return new AppError('conflict', `stream ${stream} is at version ${actual}, not at ${expected}: read it again and decide again`, {
    details: { stream, expected, actual },
  });
}

/** Not `conflict`, which everybody answers by reading and deciding again: a former owner must stop instead. */
export function fencedError({ lease, epoch, current }: { lease: string; epoch: number; current: number | null }): AppError {
  return new AppError('owned-by-another', `lease ${lease} is at epoch ${current ?? 'none'}, not at ${epoch}: another owner writes now, this one must stop`, {
    details: { lease, epoch, current },
  });
}
