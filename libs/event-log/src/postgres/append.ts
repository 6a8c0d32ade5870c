import { AppError, type EventMetadata, type RecordedEvent, type Upcast } from '@plumbline/contracts';
import type { Appended } from '../announce.ts';
import type { Outcome } from '../group-commit.ts';
import type { SqlExecutor } from '../port.ts';
import { conflictError, fencedError, type PreparedAppend } from '../prepare.ts';
import { prepared } from './sql-executor.ts';

export interface EventRow {
  position: string | number;
  id: string;
  stream: string;
  version: number;
  type: string;
  at: string;
  metadata: string;
  data: string;
}

/** An event as one column, its fields as the lines that are hashed: a third of the time that eight columns take to read. */
export const eventLines = `concat_ws(E'\\n', position, id, stream, version, type, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), metadata, data)`;

export function eventRowOf(lines: string): EventRow {
  const field: string[] = [];
  let start = 0;
  // Only data, the last, may hold a line break.
  while (field.length < 7) {
    const end = lines.indexOf('\n', start);
    field.push(lines.slice(start, end));
    start = end + 1;
  }
  const [position, id, stream, version, type, at, metadata] = field as [string, string, string, string, string, string, string];
  return { position, id, stream, version: Number(version), type, at, metadata, data: lines.slice(start) };
}

export const recordedEventOf = (row: { event: string }, upcast: Upcast): RecordedEvent => recordedEvent(eventRowOf(row.event), upcast);

export function recordedEvent(row: EventRow, upcast: Upcast): RecordedEvent {
  return upcast({
    position: Number(row.position),
    id: row.id,
    stream: row.stream,
    version: row.version,
    type: row.type,
    data: JSON.parse(row.data) as unknown,
    metadata: JSON.parse(row.metadata) as EventMetadata,
    at: row.at,
  });
}

interface AppendRow {
  generation: string;
  at: string;
  positions: (number | null)[];
  versions: (number | null)[];
  conflicts: { request: number; stream: string; expected: number; actual: number }[] | null;
  fenced: { request: number; lease: string; epoch: number; current: number | null }[] | null;
}

// Texts go as lines: no name and no JSON text holds a line break, and an array literal would escape every quote.
const appendSql = prepared(
  'append',
  `select generation, at, to_json(positions) as positions, to_json(versions) as versions, conflicts, fenced
  from log.append($1::int[], string_to_array($2, E'\\n'), $3::int[], $4::int[], $5::uuid[], string_to_array($6, E'\\n'),
    string_to_array($7, E'\\n'), string_to_array($8, E'\\n'), $9::int[], $10::text[], $11::bigint[])`,
);

/**
 * Appends requests that share no stream, in one call of log.append. Answers an outcome per request and what was
 * appended anew, in position order, for the announcement.
 */
export async function appendRequests(
  executor: SqlExecutor,
  requests: readonly PreparedAppend[],
  upcast: Upcast,
): Promise<{ outcomes: Outcome<RecordedEvent[]>[]; appended: Appended }> {
  const [row] = await executor.query<AppendRow>(appendSql, appendParameters(requests));
  if (row === undefined) throw new AppError('internal', 'log.append answered nothing');
  const recorded = await recordedBefore(executor, row, upcast);
  const appended: Appended = { generation: row.generation, events: [], sizeBytes: 0 };
  const conflicts = new Map((row.conflicts ?? []).toReversed().map((conflict) => [conflict.request, conflict]));
  let index = 0;
  const outcomes = requests.map((request, number): Outcome<RecordedEvent[]> => {
    const conflict = conflicts.get(number);
    const fenced = row.fenced?.find((each) => each.request === number);
    if (conflict !== undefined || fenced !== undefined) {
      index += request.eventCount;
      return { error: fenced === undefined ? conflictError(conflict!) : fencedError(fenced) };
    }
    const answer: RecordedEvent[] = [];
    for (const { stream, events } of request.parts) {
      for (const { id, type, metadata, data } of events) {
        const position = row.positions[index];
        const version = row.versions[index];
        index++;
        let event = version === null ? recorded.get(Number(position)) : undefined;
        if (event === undefined) {
          if (typeof position !== 'number' || typeof version !== 'number') throw new AppError('internal', `log.append gave event ${id} no place`);
          event = recordedEvent({ position, id, stream, version, type, at: row.at, metadata, data }, upcast);
          appended.events.push(event);
          appended.sizeBytes += Buffer.byteLength(data) + Buffer.byteLength(metadata);
        }
        answer.push(event);
      }
    }
    return { answer };
  });
  return { outcomes, appended };
}

function appendParameters(requests: readonly PreparedAppend[]): unknown[] {
  const part = { request: [] as number[], stream: [] as string[], expected: [] as (number | 'null')[] };
  const event = { part: [] as number[], id: [] as string[], type: [] as string[], metadata: [] as string[], data: [] as string[] };
  const fence = { request: [] as number[], lease: [] as string[], epoch: [] as number[] };
  requests.forEach((request, number) => {
    for (const { stream, expectedVersion, events } of request.parts) {
      part.request.push(number);
      part.stream.push(stream);
      part.expected.push(expectedVersion ?? 'null');
      for (const { id, type, metadata, data } of events) {
        event.part.push(part.stream.length);
        event.id.push(id);
        event.type.push(type);
        event.metadata.push(metadata);
        event.data.push(data);
      }
    }
    if (request.fence === undefined) return;
    fence.request.push(number);
    fence.lease.push(request.fence.lease);
    fence.epoch.push(request.fence.epoch);
  });
  return [
    literal(part.request),
    lines(part.stream),
    literal(part.expected),
    literal(event.part),
    literal(event.id),
    lines(event.type),
    lines(event.metadata),
    lines(event.data),
    literal(fence.request),
    fence.lease,
    literal(fence.epoch),
  ];
}

/** An array of what needs no quotes. */
const literal = (values: readonly (number | string)[]): string => `{${values.join(',')}}`;
const lines = (texts: readonly string[]): string => texts.join('\n');

/** Events whose id was there already come back as they were recorded, which need not be what was sent now. */
async function recordedBefore(executor: SqlExecutor, { positions, versions }: AppendRow, upcast: Upcast): Promise<Map<number, RecordedEvent>> {
  const wanted = positions.filter((position, index) => position !== null && versions[index] === null);
  if (wanted.length === 0) return new Map();
  const rows = await executor.query<{ event: string }>(`select ${eventLines} as event from log.event where position = any ($1::bigint[])`, [wanted]);
  return new Map(rows.map((row) => recordedEventOf(row, upcast)).map((event) => [event.position, event]));
}
