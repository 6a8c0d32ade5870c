import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { evolveApplicationStatus, initialApplicationStatus, parseApplicationStream, type ApplicationStatus, type RecordedEvent } from '@plumbline/contracts';
import type { Pool } from 'pg';
import type { EventReader } from './event-reader.ts';

type Folds = Map<string, { position: number; status: ApplicationStatus | null } | 'set aside'>;

interface Row {
  stream: string;
  position: string;
  status: ApplicationStatus | null;
}

/** I6: the rows of api's projection are what folding the feed gives. Waits a little for a consumer that is still behind. */
export async function checkProjection(database: Pool, reader: EventReader, timeoutMs: number): Promise<string[]> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const { rows } = await database.query<Row>('select stream, position, status from api.application_status');
    const problems = compare(rows, fold(await reader.all()));
    if (problems.length === 0 || Date.now() > deadline) return problems;
    await sleep(100);
  }
}

/** A stream with an event that cannot be folded is set aside by the consumer too: what its row says is not compared. */
function fold(events: readonly RecordedEvent[]): Folds {
  const folded: Folds = new Map();
  for (const event of events) {
    if (parseApplicationStream(event.stream) === undefined) continue;
    const before = folded.get(event.stream);
    if (before === 'set aside') continue;
    try {
      const status =
        event.type === 'ApplicationDeleted' || before?.status === null ? null : evolveApplicationStatus(before?.status ?? initialApplicationStatus, event);
      folded.set(event.stream, { position: event.position, status });
    } catch {
      folded.set(event.stream, 'set aside');
    }
  }
  return folded;
}

function compare(rows: readonly Row[], folded: Folds): string[] {
  const problems: string[] = [];
  const stored = new Map(rows.map((row) => [row.stream, row]));
  for (const [stream, fold] of folded) {
    if (fold === 'set aside') continue;
    const { position, status } = fold;
    const row = stored.get(stream);
    if (row === undefined) problems.push(`I6: ${stream} is in the log, not in the projection`);
    else if (Number(row.position) !== position) problems.push(`I6: ${stream} is projected to ${row.position}, its last event is ${position}`);
    else if (!isDeepStrictEqual(row.status, plain(status))) problems.push(`I6: the projected status of ${stream} is not the fold of its events`);
  }
  for (const stream of stored.keys()) if (!folded.has(stream)) problems.push(`I6: ${stream} is in the projection, not in the log`);
  return problems;
}

/** As JSON keeps it: without what is undefined. */
const plain = (status: ApplicationStatus | null): unknown => JSON.parse(JSON.stringify(status));
