import type { Clock } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';

/** Since when a list fails, and what the API server first answered. */
export interface ListFailure {
  /** ISO 8601. */
  since: string;
  reason: string;
}

/** Of one watch: what fails for a moment is waited for, what goes on failing is told. */
export interface LastingFailure {
  failed(error: Error): void;
  ended(): void;
  /** Undefined until it has lasted. */
  told(): ListFailure | undefined;
}

/** Outages of the whole API server, and what has states of its own (forbidden, not served), are not the kind's failures. */
const others: readonly string[] = ['cluster-unreachable', 'unauthenticated', 'permission-denied', 'unknown-kind', 'not-found'];

/** `changed` is called when the failure has lasted for `afterMs`, and when one that was told is over. */
export function makeLastingFailure({ clock, afterMs, changed }: { clock: Clock; afterMs: number; changed(): void }): LastingFailure {
  let timer: NodeJS.Timeout | undefined;
  let told: ListFailure | undefined;

  const ended = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const wasTold = told !== undefined;
    told = undefined;
    if (wasTold) changed();
  };
  return {
    failed(error) {
      if (others.includes(AppError.from(error).code)) return ended();
      // The first words stay: a condition whose text changes at each try would be an event at each try.
      if (timer !== undefined) return;
      const failure = { since: new Date(clock()).toISOString(), reason: error.message };
      timer = setTimeout(() => {
        told = failure;
        changed();
      }, afterMs).unref();
    },
    ended,
    told: () => told,
  };
}
