import type { ServerResponse } from 'node:http';
import { AppError } from '@plumbline/contracts';
import type { RecordedEvent } from '@plumbline/contracts';
import type { ChainedLog, ChainLink, EventLog } from '@plumbline/event-log';
import type { Caller } from '../access/authentication.ts';
import { permissionDenied } from '../access/callers.ts';
import type { StatusProjection } from '../applications/status-projection.ts';
import { limits } from '../limits.ts';
import { asksForOwner, eventFilterParameters, parseEventFilter } from './event-filter.ts';
import type { EventFilter } from './event-filter.ts';
import { refuseUnknown, wholeNumber } from './event-page.ts';
import { end, send } from './event-stream.ts';
import { sightOf } from './sight.ts';
import type { Sight } from './sight.ts';

export interface ExportParts {
  eventLog: ChainedLog & Pick<EventLog, 'head' | 'readFeed'>;
  statuses: Pick<StatusProjection, 'find'>;
  projectedTo: () => number;
}

export interface ExportQuery {
  /** Exclusive, both. */
  after: number;
  before: number;
  filter: EventFilter;
}

/** @throws AppError `invalid-argument` with what is allowed. */
export function parseExportQuery(query: Readonly<Record<string, unknown>>, namespace: string): ExportQuery {
  refuseUnknown(query, ['after', 'before', ...eventFilterParameters]);
  const [after, before] = [wholeNumber('after', query['after']), wholeNumber('before', query['before'])];
  if (before <= after) throw new AppError('invalid-argument', `before must be greater than after (${after})`);
  return { after, before, filter: parseEventFilter(query, namespace) };
}

/** The whole log is for who may get all applications; others name the applications or projects they want. */
export function demandExport(caller: Caller, filter: EventFilter): void {
  if (!caller.rights.mayWithAll('applications', 'get') && !asksForOwner(filter)) throw permissionDenied();
}

/**
 * The events between two positions as lines of JSON, each with its hash; metadata and data stand as they were hashed
 * (canonical JSON), so that the chain can be checked without us. It ends where the log ended when it began. The last line
 * is `{"end":true,…}`: without it, something is missing.
 *
 * @throws AppError `gone` before the first byte, when the beginning was dropped
 */
export async function exportEvents(response: ServerResponse, query: ExportQuery, parts: ExportParts & { caller: Caller; signal: AbortSignal }): Promise<void> {
  const { eventLog, statuses, projectedTo, caller, signal } = parts;
  const sight = sightOf(caller, query.filter, statuses);
  // Also says whether the beginning is still here.
  const { head, generation } = await eventLog.readFeed({ after: query.after, limit: 1 });
  const last = Math.min(query.before - 1, sight.needsOwner ? Math.min(head, projectedTo()) : head);
  response.writeHead(200, {
    'content-type': 'application/x-ndjson; charset=utf-8',
    'content-disposition': `attachment; filename="events-${query.after + 1}-${Math.max(last, query.after)}.jsonl"`,
    'cache-control': 'no-store',
  });
  let next = query.after;
  let count = 0;
  while (next < last) {
    const links = await eventLog.readChain({ after: next, limit: Math.min(limits.exportPageEventsMax, last - next) });
    // A log that lost events while it was read: no last line, and that is how it shows.
    if (links[0]?.position !== next + 1) return;
    const lines = links.filter((link) => isSeen(sight, link)).map(lineOf);
    count += lines.length;
    next = links.at(-1)?.position ?? last;
    if (lines.length > 0 && !(await send(response, lines.join(''), signal))) return;
  }
  if (!signal.aborted) await end(response, `${JSON.stringify({ end: true, count, next, head, generation })}\n`);
}

const isSeen = (sight: Sight, { position, id, stream, version, type, at }: ChainLink): boolean =>
  sight.sees({ position, id, stream, version, type, at } as RecordedEvent);

const lineOf = ({ position, id, stream, version, type, at, metadata, data, hash }: ChainLink): string =>
  `${JSON.stringify({ position, id, stream, version, type, at, hash: hash.toString('hex') }).slice(0, -1)},"metadata":${metadata},"data":${data}}\n`;
