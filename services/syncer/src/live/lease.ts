import type { Clock, Logger } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { SqlExecutor } from '@plumbline/event-log';
import { limits } from '../limits.ts';

export const leaseTable = `create table lease (
  cluster text primary key,
  owner text not null,
  epoch bigint not null,
  expires_at timestamptz not null
)`;

/**
 * One replica writes to a cluster at a time: whoever holds its row. Another instance takes it over when it has run out;
 * the same instance (a restart) takes it over at once, with a new epoch. Before a batch of writes more than half of its
 * life must be left, by our own clock from before the renewal was asked for.
 */
export interface Lease {
  /** Waits until the lease is ours. */
  acquire(): Promise<void>;
  isHeld(): boolean;
  /** Throws `failed-precondition` when another instance may own the cluster. */
  assert(): void;
  stop(): Promise<void>;
}

export interface LeaseDeps {
  clock: Clock;
  log: Logger;
  /** Another instance owns the cluster: what this process knows is of no use any more. */
  onLost(): void;
}

export function makeLease(cluster: string, owner: string, database: SqlExecutor, deps: LeaseDeps): Lease {
  let heldUntil = 0;
  let epoch: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  const claim = async (): Promise<boolean> => {
    const asked = deps.clock();
    const rows = await database.query<{ epoch: string }>(
      `insert into lease as held (cluster, owner, epoch, expires_at) values ($1, $2, 1, now() + $3 * interval '1 millisecond')
       on conflict (cluster) do update set owner = excluded.owner, expires_at = excluded.expires_at,
         epoch = case when held.epoch = $4::bigint then held.epoch else held.epoch + 1 end
       where held.epoch = $4::bigint or (held.owner = excluded.owner and $4::bigint is null) or held.expires_at < now()
       returning epoch`,
      [cluster, owner, limits.leaseMs, epoch ?? null],
    );
    const claimed = rows[0]?.epoch;
    if (claimed === undefined) return false;
    if (epoch !== claimed) deps.log.info('owns the cluster', { cluster, epoch: claimed });
    epoch = claimed;
    heldUntil = asked + limits.leaseMs;
    return true;
  };

  const renew = async (): Promise<void> => {
    try {
      if (!(await claim())) {
        heldUntil = 0;
        deps.log.error('another instance owns the cluster now; this one ends', { cluster, owner });
        deps.onLost();
      }
    } catch (error) {
      deps.log.warn('could not renew the lease of the cluster', { cluster, reason: String(error) });
    }
    if (!isStopped) timer = setTimeout(() => void renew(), limits.leaseMs / 3);
  };

  const isHeld = (): boolean => heldUntil - deps.clock() > limits.leaseMs / 2;

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
      if (!isHeld()) throw new AppError('failed-precondition', `the lease of cluster ${cluster} is not held; nothing is written`, { retry: 'later' });
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      // Another instance need not wait until it has run out.
      if (epoch !== undefined) await database.query('update lease set expires_at = now() where cluster = $1 and epoch = $2', [cluster, epoch]);
    },
  };
}
