import type { Caller } from '../access/authentication.ts';
import type { StatusProjection } from '../applications/status-projection.ts';
import { limits } from '../limits.ts';
import type { EventFilter } from './event-filter.ts';
import type { Batch, EventTail } from './event-tail.ts';
import { sightOf } from './sight.ts';

/** What a subscriber is told, in this order: where it stands, then what happens. */
export type Delivery =
  | { kind: 'events'; batch: Batch }
  /** Everything up to `position` was delivered or is not for this subscriber; the log ends at `head`. */
  | { kind: 'head'; position: number; head: number; generation: string }
  /** The log was recovered from an older copy. The subscription goes on after `resumeFrom`. */
  | { kind: 'generation-changed'; generation: string; resumeFrom: number };

export interface SubscriptionParts {
  tail: EventTail;
  statuses: Pick<StatusProjection, 'find'>;
  projectedTo: () => number;
  /** The caller as they now are; throws once their token no longer counts. */
  renew: () => Promise<Caller>;
  signal: AbortSignal;
}

export interface Wanted {
  /** Exclusive. Beyond the head: waits. */
  after: number;
  filter: EventFilter;
  /** That `after` is of, if the subscriber knows it. */
  generation?: string;
}

/**
 * The log after a position, in order, at least once, until the subscriber goes or its token no longer counts. Nothing is
 * queued for a subscriber: it takes the next batch when it has taken the one before, so a slow one costs its batch.
 *
 * @throws AppError `gone` (details: oldest), what `renew` throws
 */
export async function* subscribe(parts: SubscriptionParts, wanted: Wanted): AsyncGenerator<Delivery, void, undefined> {
  const { tail, statuses, projectedTo, renew, signal } = parts;
  const sight = async () => sightOf(await renew(), wanted.filter, statuses);
  const seat = await tail.join(signal);
  try {
    let position = wanted.after;
    let generation = wanted.generation ?? tail.generation;
    let current = await sight();
    let checkedAt = performance.now();
    let saidAt = -Infinity;
    while (!signal.aborted) {
      if (performance.now() - checkedAt >= limits.streamCheckMs) {
        current = await sight();
        checkedAt = performance.now();
      }
      if (tail.generation !== generation) {
        generation = tail.generation;
        position = Math.min(position, tail.head);
        yield { kind: 'generation-changed', generation, resumeFrom: position };
      }
      const batch = await tail.take(position, current, current.needsOwner ? projectedTo() : Infinity);
      // Where it stands comes first, and only if it can be read from there.
      if (performance.now() - saidAt >= limits.heartbeatMs) {
        saidAt = performance.now();
        yield { kind: 'head', position, head: tail.head, generation };
      }
      if (batch.next === position) {
        if (position < tail.head) tail.wakeSoon();
        await seat.wait();
        continue;
      }
      position = batch.next;
      if (batch.events.length > 0) yield { kind: 'events', batch };
    }
  } finally {
    seat.leave();
  }
}
