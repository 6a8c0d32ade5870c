import type { Clock } from '@plumbline/contracts';
import type { Fence, Leases } from '../port.ts';
import { fencedError } from '../prepare.ts';

interface Held {
  owner: string;
  epoch: number;
  expiresAt: number;
}

/** The twin of log.claim_lease and its table. `alone` runs work while nobody else appends. */
export function makeMemoryLeases(clock: Clock, alone: <R>(work: () => R) => Promise<R>): { leases: Leases; checkFence(fence: Fence): void; endAll(): void } {
  const held = new Map<string, Held>();
  const leases: Leases = {
    async claim(lease, owner, { lifeMs, epoch }) {
      if (epoch !== undefined) {
        if (held.get(lease)?.epoch !== epoch) return undefined;
        held.set(lease, { owner, epoch, expiresAt: clock() + lifeMs });
        return { epoch };
      }
      return alone(() => {
        const last = held.get(lease);
        const isFree = last === undefined || last.expiresAt < clock() || last.owner === owner;
        if (!isFree) return undefined;
        const next = (last?.epoch ?? 0) + 1;
        held.set(lease, { owner, epoch: next, expiresAt: clock() + lifeMs });
        return { epoch: next };
      });
    },
    async release(lease, epoch) {
      const current = held.get(lease);
      if (current?.epoch === epoch) held.set(lease, { ...current, expiresAt: -Infinity });
    },
  };
  return {
    leases,
    endAll() {
      for (const [lease, { owner, epoch }] of held) held.set(lease, { owner, epoch: epoch + 1_000_000, expiresAt: -Infinity });
    },
    checkFence({ lease, epoch }) {
      const current = held.get(lease)?.epoch ?? null;
      if (current !== epoch) throw fencedError({ lease, epoch, current });
    },
  };
}
