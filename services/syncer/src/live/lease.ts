import type { Clock, Logger } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { EventLog, Fence, Leases } from '@plumbline/event-log';
import { limits } from '../limits.ts';

/**
 * One replica writes to a cluster at a time: whoever holds its lease. Another instance takes it over when it has run out;
 * the same instance (a restart) takes it over at once, with a new epoch. Before a batch of writes more than half of its
 * life must be left, by our own clock from before the renewal was asked for; the log itself refuses what a former owner
 * appends (`fencedLog`).
 */
export interface Lease {
  /** Waits until the lease is ours. */
  acquire(): Promise<void>;
  isHeld(): boolean;
  /** Throws `failed-precondition` when another instance may own the cluster. */
  assert(): void;
  /** For what is appended as the owner. Throws `failed-precondition` before the lease was ours. */
  fence(): Fence;
  /** Somebody has noticed that another instance owns the cluster: nothing is written any more, and the process ends. */
  lost(): void;
  stop(): Promise<void>;
}

export interface LeaseDeps {
  clock: Clock;
  log: Logger;
  /** Another instance owns the cluster: what this process knows is of no use any more. */
  onLost(): void;
}

export function makeLease(cluster: string, owner: string, leases: Leases, deps: LeaseDeps): Lease {
  const lease = `syncer/${cluster}`;
  let heldUntil = 0;
  let epoch: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let isLost = false;

  const claim = async (): Promise<boolean> => {
    const asked = deps.clock();
    const claimed = await inTime(leases.claim(lease, owner, { lifeMs: limits.leaseMs, ...(epoch === undefined ? {} : { epoch }) }));
    if (claimed === undefined || isLost) return false;
    if (epoch === undefined) deps.log.info('owns the cluster', { cluster, epoch: claimed.epoch });
    epoch = claimed.epoch;
    heldUntil = asked + limits.leaseMs;
    return true;
  };

  const lost = (): void => {
    heldUntil = 0;
    if (isLost) return;
    isLost = true;
    deps.log.error('another instance owns the cluster now; this one ends', { cluster, owner });
    deps.onLost();
  };

  const renew = async (): Promise<void> => {
    try {
      if (!(await claim())) lost();
    } catch (error) {
      deps.log.warn('could not renew the lease of the cluster', { cluster, reason: String(error) });
    }
    if (!isStopped && !isLost) timer = setTimeout(() => void renew(), limits.leaseMs / 3);
  };

  const isHeld = (): boolean => heldUntil - deps.clock() > limits.leaseMs / 2;
  const notHeld = (): AppError => new AppError('failed-precondition', `the lease of cluster ${cluster} is not held; nothing is written`, { retry: 'later' });

  return {
    async acquire() {
      while (!(await claim())) {
        deps.log.info('waits for the lease of the cluster', { cluster, owner });
        await new Promise((resolve) => setTimeout(resolve, limits.leaseMs / 10));
      }
      timer = setTimeout(() => void renew(), limits.leaseMs / 3);
    },
    isHeld,
    assert() {
      if (!isHeld()) throw notHeld();
    },
    fence() {
      if (epoch === undefined) throw notHeld();
      return { lease, epoch };
    },
    lost,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      // Another instance need not wait until it has run out.
      if (epoch !== undefined) await leases.release(lease, epoch);
    },
  };
}

/** A question about the lease that is not answered is asked again while there is still some of its life left. */
async function inTime<R>(answer: Promise<R>): Promise<R> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new AppError('deadline-exceeded', 'PostgreSQL did not answer in time', { retry: 'later' })), limits.leaseMs / 3);
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The log as the owner writes it: every append carries the fence, and a refused one is the end of the ownership. */
export function fencedLog<Tx>(
  log: Pick<EventLog<Tx>, 'append' | 'readStream'>,
  lease: Pick<Lease, 'fence' | 'lost'>,
): Pick<EventLog<Tx>, 'append' | 'readStream'> {
  return {
    async append(batch, options) {
      try {
        return await log.append(batch, { ...options, fence: lease.fence() });
      } catch (error) {
        if (AppError.is(error) && error.code === 'owned-by-another') lease.lost();
        throw error;
      }
    },
    readStream: (stream, query) => log.readStream(stream, query),
  };
}
