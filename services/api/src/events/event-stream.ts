import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../access/authentication.ts';
import { limits } from '../limits.ts';
import { readEventPage } from './event-page.ts';
import type { EventPageParts } from './event-page.ts';
import type { HeadWatch } from './head-watch.ts';

export interface EventStreamParts extends EventPageParts {
  headWatch: HeadWatch;
  /** The caller as they now are; throws once their token no longer counts. */
  renew: () => Promise<Caller>;
  signal: AbortSignal;
}

/**
 * The log as server-sent events, from after a position, until the client goes or its token no longer counts. Every
 * message carries the position to resume from as its id; `head` tells, each 15 seconds, how far the log is. A client that
 * takes nothing for 30 seconds is cut, and resumes.
 */
export async function streamEvents(response: ServerResponse, after: number, parts: EventStreamParts): Promise<void> {
  const { headWatch, renew, signal } = parts;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  let position = after;
  let saidAt = 0;
  while (!signal.aborted) {
    const page = await readEventPage(parts, await renew(), position, limits.eventsPageDefault);
    for (const event of page.events) {
      if (!(await send(response, `id: ${event.position}\ndata: ${JSON.stringify(event)}\n\n`, signal))) return;
    }
    const moved = page.next > position;
    position = page.next;
    if (performance.now() - saidAt >= limits.heartbeatMs || saidAt === 0) {
      saidAt = performance.now();
      if (
        !(await send(
          response,
          `: heartbeat\nevent: head\nid: ${position}\ndata: ${JSON.stringify({ head: page.head, generation: page.generation })}\n\n`,
          signal,
        ))
      )
        return;
    }
    if (position < page.head) {
      // More is there; if it may not be shown before it is projected, that takes a moment.
      if (!moved) await pause(limits.projectionPauseMs, signal);
    } else await headWatch.waitFor(position, limits.streamCheckMs, signal);
  }
}

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** False: the client is gone, or took nothing for too long. */
async function send(response: ServerResponse, text: string, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted || response.destroyed) return false;
  if (response.write(text)) return true;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(limits.streamDrainMs)]);
  try {
    await once(response, 'drain', { signal: patience });
    return true;
  } catch {
    return false;
  }
}
