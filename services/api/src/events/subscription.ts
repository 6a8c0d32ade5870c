import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog } from '@plumbline/event-log';
import type { Caller } from '../access/authentication.ts';
import { limits } from '../limits.ts';
import type { EventFilter } from './event-filter.ts';
import type { EventTail, TailEvent } from './event-tail.ts';
import { viewOf } from './visibility.ts';
import type { View, VisibilityParts } from './visibility.ts';

/** What a subscriber is told, on every transport. */
export type SubscriptionMessage =
  | { kind: 'events'; events: readonly TailEvent[] }
  /** Everything up to `position` was sent, or is not for this caller. */
  | { kind: 'progress'; position: number; head: number; generation: string }
  /** The log was recovered from an older copy: what was read after `resumeAfter` is no longer true; it goes on from there. */
  | { kind: 'generation-changed'; generation: string; resumeAfter: number };

export interface SubscriptionParts extends VisibilityParts {
  eventLog: Pick<EventLog, 'resumeAfter'>;
  tail: EventTail;
  /** The caller as they now are; throws once their token no longer counts. */
  renew: () => Promise<Caller>;
  signal: AbortSignal;
}

export interface SubscriptionQuery {
  after: number;
  filter: EventFilter;
  generation?: string;
}

/**
 * The log from after a position on, in order, at least once, until aborted: what the caller asks for and may see. Pulled:
 * who is slow falls back to reading the log and costs no memory. Progress is told at first and at least each 15 seconds,
 * whatever there was to see. A position beyond the end waits.
 *
 * Throws `gone` when the log begins later, and what `renew` throws.
 */
export async function* subscribe(query: SubscriptionQuery, parts: SubscriptionParts): AsyncGenerator<SubscriptionMessage, void, void> {
  const { eventLog, tail, signal, renew } = parts;
  let { after: position, generation } = query;
  let view: View | undefined;
  let [viewedAt, saidAt] = [0, -Infinity];
  while (!signal.aborted) {
    const now = performance.now();
    if (view === undefined || now - viewedAt >= limits.streamCheckMs) {
      view = viewOf(await renew(), query.filter, parts);
      viewedAt = now;
    }
    const slice = await tail.after(position);
    if (generation !== undefined && generation !== slice.generation) {
      position = Math.min(position, await eventLog.resumeAfter(generation));
      ({ generation } = slice);
      yield { kind: 'generation-changed', generation, resumeAfter: position };
      continue;
    }
    ({ generation } = slice);
    const taken = takeFrom(slice.events, view);
    if (taken.position !== undefined) ({ position } = taken);
    if (taken.events.length > 0) yield { kind: 'events', events: taken.events };
    const leftMs = saidAt + limits.heartbeatMs - performance.now();
    if (leftMs <= 0) {
      saidAt = performance.now();
      yield { kind: 'progress', position, head: slice.head, generation };
    } else if (taken.position === undefined && position < slice.head) {
      // It is there and may not be judged before it is projected, which takes a moment.
      await pause(limits.projectionPauseMs, signal);
    } else if (position >= slice.head) {
      await tail.waitFor(position, Math.min(leftMs, limits.streamCheckMs), signal);
    }
  }
}

/** What of a slice is for this view; and up to where it could be judged, if at all. */
function takeFrom(slice: readonly TailEvent[], view: View): { events: readonly TailEvent[]; position: number | undefined } {
  const horizon = view.horizon();
  const judged = slice.at(-1) === undefined || slice.at(-1)!.event.position <= horizon ? slice : slice.filter(({ event }) => event.position <= horizon);
  const events = judged.every(({ event }) => view.includes(event)) ? judged : judged.filter(({ event }) => view.includes(event));
  return { events, position: judged.at(-1)?.event.position };
}

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
