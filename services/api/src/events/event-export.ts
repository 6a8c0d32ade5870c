import type { ServerResponse } from 'node:http';
import { AppError } from '@plumbline/contracts';
import type { ChainedLog, ChainLink, EventLog } from '@plumbline/event-log';
import type { Caller } from '../access/authentication.ts';
import { limits } from '../limits.ts';
import { filterParameters, parseEventFilter } from './event-filter.ts';
import type { EventFilter } from './event-filter.ts';
import { refuseUnknown, wholeNumber } from './event-page.ts';
import { patientWrite } from './patient-write.ts';
import { pause } from './subscription.ts';
import { viewOf } from './visibility.ts';
import type { View, VisibilityParts } from './visibility.ts';

export interface ExportQuery {
  after: number;
  /** Position of the last event that is wanted. */
  to: number | undefined;
  filter: EventFilter;
}

/** @throws AppError `invalid-argument` */
export function parseExportQuery(query: Readonly<Record<string, unknown>>, controlNamespace: string): ExportQuery {
  refuseUnknown(query, ['after', 'to', ...filterParameters]);
  const after = wholeNumber(query, 'after');
  const to = query['to'] === undefined ? undefined : wholeNumber({ after: query['to'] }, 'after');
  if (to !== undefined && to < after) throw new AppError('invalid-argument', `to is ${to}: give a position from after (${after}) on`);
  return { after, to, filter: parseEventFilter(query, controlNamespace) };
}

export interface ExportParts extends VisibilityParts {
  eventLog: Pick<EventLog, 'head'> & Pick<ChainedLog, 'readChain' | 'chainHead'>;
  signal: AbortSignal;
}

/**
 * The log as JSON lines, as it is stored and with the hash of each event, so that whoever has the whole of it can follow
 * the chain. Ends at what is the end of the log now. The last line is `{"end":true, …}`: a file without it was cut off.
 *
 * @throws AppError `gone` before anything is written, when the log begins after `after`.
 */
export async function exportEvents(response: ServerResponse, caller: Caller, query: ExportQuery, parts: ExportParts): Promise<void> {
  const { eventLog, signal } = parts;
  const { position: head, generation, oldest } = await eventLog.chainHead();
  if (query.after < oldest - 1)
    throw new AppError('gone', `the log begins at position ${oldest}: export from ${oldest - 1}, and take what was before from the archived files`, {
      details: { oldest },
    });
  const last = Math.min(query.to ?? head, head);
  const view = viewOf(caller, query.filter, parts);
  response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store' });
  let position = query.after;
  let events = 0;
  while (position < last && !signal.aborted) {
    if (view.horizon() <= position) {
      await pause(limits.projectionPauseMs, signal);
      continue;
    }
    const upTo = Math.min(last, view.horizon());
    const links = (await eventLog.readChain({ after: position, limit: limits.eventsPageMax })).filter((link) => link.position <= upTo);
    const lines = links.filter((link) => isWanted(link, view)).map(lineOf);
    events += lines.length;
    if (lines.length > 0 && !(await patientWrite(response, lines.join(''), signal, limits.streamDrainMs))) return;
    position = links.at(-1)?.position ?? last;
  }
  const end = { end: true, events, next: Math.max(position, query.after), head, generation };
  await patientWrite(response, `${JSON.stringify(end)}\n`, signal, limits.streamDrainMs);
}

const isWanted = (link: ChainLink, view: View): boolean => view.includes({ ...link, data: undefined, metadata: { actor: '', service: '', schemaVersion: 1 } });

/** Metadata and data as they are stored: canonical JSON, which is what was hashed. */
function lineOf({ position, id, stream, version, type, at, metadata, data, hash }: ChainLink): string {
  const rest = JSON.stringify({ position, id, stream, version, type, at, hash: hash.toString('hex') });
  return `${rest.slice(0, -1)},"metadata":${metadata},"data":${data}}\n`;
}
