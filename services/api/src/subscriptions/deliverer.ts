import { randomUUID } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import type { Clock, Logger, Metrics, RecordedEvent } from '@plumbline/contracts';
import type { EventLog, SqlExecutor } from '@plumbline/event-log';
import type { ServiceContext } from '@plumbline/platform';
import type { View } from '../events/visibility.ts';
import { limits } from '../limits.ts';
import { judge } from './attempts.ts';
import type { Outcome } from './attempts.ts';
import { cloudEventOf, sourceOf } from './cloud-event.ts';
import type { Subscription } from './declaration.ts';
import { claimStreams, nextDueMs, settle } from './delivery-table.ts';
import type { Claimed, Settlement } from './delivery-table.ts';
import { makeRoom } from './room.ts';
import type { Sender } from './sender.ts';
import { signatureHeaders } from './signature.ts';

/** A subscription that may deliver now, with what its subject may see now. */
export interface Active {
  subscription: Subscription;
  view: View;
}

export interface DelivererParts {
  prefix: string;
  eventLog: EventLog;
  database: SqlExecutor;
  transaction: ServiceContext['transaction'];
  sender: Sender;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  random: () => number;
  /** Undefined: nothing is delivered, because it is gone, disabled or its subject is. */
  active: (name: string) => Active | undefined;
  /** The receiver wants nothing more. */
  disable: (name: string, reason: string, eventId: string) => Promise<void>;
  buried: (claimed: Claimed, reason: string) => Promise<void>;
  /** Asks for `kick` then, in whichever replica. */
  later: (name: string, delayMs: number) => void;
}

/** Delivers what is put aside: of each stream one event after the other, of a subscription several streams at once. */
export interface Deliverer {
  /** Something of this subscription may be due. */
  kick(name: string): void;
  /** Cuts what is under way, gives its claims back, and ends. */
  stop(): Promise<void>;
}

/** Of one subscription in this replica. */
interface Lane {
  isLooking: boolean;
  isKicked: boolean;
}

export function makeDeliverer(parts: DelivererParts): Deliverer {
  const lanes = new Map<string, Lane>();
  const running = new Set<Promise<void>>();
  /** Subscriptions that found no room in this replica. */
  const waiting = new Set<string>();
  const stopping = new AbortController();
  const room = makeRoom({ perSubscription: limits.deliveriesPerSubscription, perDestination: limits.deliveriesPerDestination, max: limits.deliveriesMax });

  const track = (work: Promise<void>): void => {
    const settled = work.finally(() => running.delete(settled));
    running.add(settled);
  };
  const kick = (name: string): void => {
    if (stopping.signal.aborted) return;
    const lane = lanes.get(name) ?? { isLooking: false, isKicked: false };
    lanes.set(name, lane);
    lane.isKicked = true;
    if (!lane.isLooking) track(look(name, lane));
  };
  const leave = (name: string, destination: string, count: number): void => {
    room.give(name, destination, count);
    const others = [...waiting];
    waiting.clear();
    others.forEach(kick);
  };
  const look = async (name: string, lane: Lane): Promise<void> => {
    lane.isLooking = true;
    try {
      while (lane.isKicked && !stopping.signal.aborted) {
        lane.isKicked = false;
        await takeDue(name);
      }
    } catch (error) {
      parts.log.warn('could not look for deliveries; the sweep tries again', { subscription: name, error: AppError.from(error).message });
    }
    lane.isLooking = false;
    if (!lane.isKicked) lanes.delete(name);
  };
  const takeDue = async (name: string): Promise<void> => {
    const active = parts.active(name);
    if (active === undefined) return;
    const destination = destinationOf(active.subscription.url);
    const count = room.left(name, destination);
    if (count === 0) return void waiting.add(name);
    // Before it is known how many are due: other subscriptions look for room meanwhile.
    room.take(name, destination, count);
    const claims = await claimStreams(parts.database, name, count, randomUUID()).catch((error: unknown) => {
      leave(name, destination, count);
      throw error;
    });
    for (const claimed of claims) track(finish(deliver(parts, claimed, stopping.signal), name, destination));
    if (claims.length === count) return;
    leave(name, destination, count - claims.length);
    const dueMs = await nextDueMs(parts.database, name);
    if (dueMs !== undefined) parts.later(name, dueMs);
  };
  const finish = async (delivery: Promise<void>, name: string, destination: string): Promise<void> => {
    try {
      await delivery;
    } catch (error) {
      parts.log.warn('a delivery could not be noted; it is made again when its claim runs out', { subscription: name, error: AppError.from(error).message });
    }
    leave(name, destination, 1);
    kick(name);
  };
  return {
    kick,
    stop: async () => {
      stopping.abort();
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}

const destinationOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : '');

async function deliver(parts: DelivererParts, claimed: Claimed, signal: AbortSignal): Promise<void> {
  const { subscription: name } = claimed;
  const settlement = await attempt(parts, claimed, signal);
  const isOurs = await parts.transaction((tx) => settle(tx, claimed, settlement));
  if (!isOurs) return;
  parts.metrics.count('deliveries_total', { outcome: outcomeOf(settlement) });
  if (settlement.kind !== 'dead-letter') return;
  parts.log.warn('an event could not be delivered and is a dead letter', { subscription: name, position: claimed.position, reason: settlement.reason });
  await parts.buried(claimed, settlement.reason);
}

const outcomeOf = (settlement: Settlement): string =>
  settlement.kind === 'done'
    ? settlement.isDelivered
      ? 'delivered'
      : 'not-wanted'
    : { 'dead-letter': 'dead-letter', again: 'failed', release: 'put-back' }[settlement.kind];

/** One try; what to do then. */
async function attempt(parts: DelivererParts, claimed: Claimed, signal: AbortSignal): Promise<Settlement> {
  const { subscription: name, position, eventId } = claimed;
  const active = parts.active(name);
  if (active === undefined || signal.aborted) return { kind: 'release', delayMs: 0 };
  const { subscription, view } = active;
  const found = await eventAt(parts.eventLog, position);
  if (found === 'gone') return { kind: 'dead-letter', reason: 'the event was exported and dropped from the log' };
  const { event, generation } = found;
  // After the log was recovered from an older copy a position may hold something else, which is put aside by itself.
  if (event?.id !== eventId) return { kind: 'done', isDelivered: false };
  if (view.horizon() < position) return { kind: 'release', delayMs: limits.deliveryHorizonMs };
  if (!view.includes(event)) return { kind: 'done', isDelivered: false };
  const outcome = await post(parts, subscription, cloudEventOf(event, { source: sourceOf(parts.prefix), generation }), signal);
  if (signal.aborted && outcome.kind === 'failed') return { kind: 'release', delayMs: 0 };
  const verdict = judge(outcome, claimed, parts.random());
  switch (verdict.kind) {
    case 'delivered':
      return { kind: 'done', isDelivered: true };
    case 'disable':
      await parts.disable(name, verdict.reason, eventId);
      return { kind: 'again', delayMs: 0, reason: verdict.reason };
    case 'again':
    case 'dead-letter':
      return verdict;
  }
}

/** One event, signed now. */
export function post(
  { sender, clock }: Pick<DelivererParts, 'sender' | 'clock'>,
  { url, keys }: Pick<Subscription, 'url' | 'keys'>,
  cloudEvent: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Outcome> {
  const id = String(cloudEvent['id']);
  const body = JSON.stringify(cloudEvent);
  return sender.send({ url, body, headers: signatureHeaders({ id, body, seconds: Math.floor(clock() / 1000) }, keys), signal });
}

async function eventAt(eventLog: EventLog, position: number): Promise<{ event: RecordedEvent | undefined; generation: string } | 'gone'> {
  if (position <= 0) return { event: undefined, generation: '' };
  try {
    const { events, generation } = await eventLog.readFeed({ after: position - 1, limit: 1 });
    return { event: events[0], generation };
  } catch (error) {
    if (AppError.is(error) && error.code === 'gone') return 'gone';
    throw error;
  }
}
