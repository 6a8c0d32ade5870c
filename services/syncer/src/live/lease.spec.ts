import { randomUUID } from 'node:crypto';
import { silentLogger } from '@plumbline/contracts';
import { makeMemoryDatabase, makeMemoryEventLog } from '@plumbline/event-log';
import { expect, it, onTestFinished, vi } from 'vitest';
import { limits } from '../limits.ts';
import { fencedLog, makeLease, type Lease } from './lease.ts';

const event = () => ({ id: randomUUID(), type: 'Said', data: {}, metadata: { actor: 'system:syncer', service: 'syncer', schemaVersion: 1 } });

/** Two replicas of one installation, and the time. */
function house() {
  let now = Date.now();
  const clock = (): number => now;
  const log = makeMemoryEventLog({ database: makeMemoryDatabase(), announce: () => undefined, clock, newId: randomUUID });
  const lost: string[] = [];
  const replica = (owner: string): Lease & { append(): Promise<unknown> } => {
    const lease = makeLease('one', owner, log.leases, { clock, log: silentLogger, onLost: () => lost.push(owner) });
    onTestFinished(() => lease.stop());
    const own = fencedLog(log, lease);
    return { ...lease, append: () => own.append([{ stream: `application-${owner}`, events: [event()] }]) };
  };
  return { replica, lost, log, pass: (ms: number) => (now += ms) };
}

it('lets the owner write, until less than half of its life is left', async () => {
  const { replica, pass } = house();
  const a = replica('a');
  expect(() => a.fence()).toThrow(/not held/);
  await a.acquire();
  await a.append();
  a.assert();
  pass(limits.leaseMs / 2);
  expect(() => a.assert()).toThrow(/nothing is written/);
});

it('ends a former owner with the first append that is refused, before it hears of it by a renewal', async () => {
  const { replica, lost, log, pass } = house();
  const [a, b] = [replica('a'), replica('b')];
  await a.acquire();
  await a.append();
  pass(limits.leaseMs + 1);
  await b.acquire();
  await expect(a.append()).rejects.toMatchObject({ code: 'owned-by-another', details: { epoch: 1, current: 2 } });
  expect(lost).toEqual(['a']);
  expect(a.isHeld()).toBe(false);
  await expect(a.append()).rejects.toMatchObject({ code: 'owned-by-another' });
  expect(lost).toEqual(['a']);
  await b.append();
  expect((await log.head()).position).toBe(2);
});

it('is taken over at once by the same replica after a restart, and what the killed one had in hand is refused', async () => {
  const { replica, lost } = house();
  const [before, after] = [replica('a'), replica('a')];
  await before.acquire();
  await after.acquire();
  await expect(before.append()).rejects.toMatchObject({ code: 'owned-by-another' });
  await after.append();
  expect(lost).toEqual(['a']);
});

// A renewal that nobody answered was waited for until the lease had run out.
it('asks again when PostgreSQL does not answer in time', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let asked = 0;
  const leases = {
    claim: () => (++asked === 2 ? new Promise<never>(() => undefined) : Promise.resolve({ epoch: 1 })),
    release: () => Promise.resolve(),
  };
  const lost: string[] = [];
  const lease = makeLease('one', 'a', leases, { clock: Date.now, log: silentLogger, onLost: () => lost.push('a') });
  await lease.acquire();
  await vi.advanceTimersByTimeAsync(limits.leaseMs);
  expect(asked).toBe(3);
  lease.assert();
  expect(lost).toEqual([]);
  await lease.stop();
});
