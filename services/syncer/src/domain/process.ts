import { nextHealAt } from './backoff.ts';
import type { ApplicationState } from './state.ts';

/** A timer: look at the application again at this time. */
export interface WakeCommand {
  type: 'Wake';
  /** What it waits for; one timer of each kind. */
  key: 'retry-sync' | 'self-heal' | 'await-health' | 'retry-deletion';
  /** Milliseconds since the epoch. */
  wakeAt: number;
}

/**
 * What the process of one application has ordered for later. The commands derive from the state alone, not from the
 * event that led to it: whoever asks again, after a crash or with an emptied queue, orders the same.
 */
export function react(state: ApplicationState): WakeCommand[] {
  if (state.status !== 'declared') return [];
  const { operation, heals, comparison, failure, deletion } = state;
  if (deletion !== undefined) return deletion.retry === undefined ? [] : [{ type: 'Wake', key: 'retry-deletion', wakeAt: Date.parse(deletion.retry.at) }];
  if (operation?.phase === 'Running') {
    const { retryAt, healthUntil } = operation;
    if (retryAt !== undefined) return [{ type: 'Wake', key: 'retry-sync', wakeAt: Date.parse(retryAt) }];
    return healthUntil === undefined ? [] : [{ type: 'Wake', key: 'await-health', wakeAt: Date.parse(healthUntil) }];
  }
  const mayHeal = heals.length > 0 && (comparison?.status === 'OutOfSync' || failure !== undefined);
  const wakeAt = mayHeal ? nextHealAt(heals) : 0;
  return wakeAt === 0 ? [] : [{ type: 'Wake', key: 'self-heal', wakeAt }];
}
