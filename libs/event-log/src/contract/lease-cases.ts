import { describe, expect, it } from 'vitest';
import type { Subject } from './describe-event-log.ts';
import { newEvent } from './sample-events.ts';

const lease = 'syncer/one';
const aDay = { lifeMs: 86_400_000 };
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function leaseCases<Tx>(subject: Subject<Tx>): void {
  describe('leases', () => {
    it('have one owner at a time; renewing keeps the epoch', async () => {
      const { leases } = subject();
      expect(await leases.claim(lease, 'a', aDay)).toEqual({ epoch: 1 });
      expect(await leases.claim(lease, 'a', { ...aDay, epoch: 1 })).toEqual({ epoch: 1 });
      expect(await leases.claim(lease, 'b', aDay)).toBeUndefined();
      expect(await leases.claim('syncer/two', 'b', aDay)).toEqual({ epoch: 1 });
    });

    it('go to the next owner when they have run out or were released, with a new epoch', async () => {
      const { leases } = subject();
      await leases.claim(lease, 'a', { lifeMs: 0 });
      await wait(5);
      expect(await leases.claim(lease, 'b', aDay)).toEqual({ epoch: 2 });
      expect(await leases.claim(lease, 'a', { ...aDay, epoch: 1 })).toBeUndefined();
      // Also when nobody has it any more: what was decided meanwhile is unknown to who held it.
      expect(await leases.claim('never', 'a', { ...aDay, epoch: 1 })).toBeUndefined();
      await leases.release(lease, 1);
      expect(await leases.claim(lease, 'c', aDay)).toBeUndefined();
      await leases.release(lease, 2);
      await wait(5);
      expect(await leases.claim(lease, 'c', aDay)).toEqual({ epoch: 3 });
    });

    it('are taken over at once by their owner after a restart, with a new epoch', async () => {
      const { leases } = subject();
      await leases.claim(lease, 'a', aDay);
      expect(await leases.claim(lease, 'a', aDay)).toEqual({ epoch: 2 });
      expect(await leases.claim(lease, 'a', { ...aDay, epoch: 1 })).toBeUndefined();
    });
  });

  it('leases end when the log was recovered from an older copy, which may not know the last epochs', async () => {
    const { leases, log, recoverTo } = subject();
    await log.append([{ stream: 'a-1', events: [newEvent(), newEvent()] }]);
    await leases.claim(lease, 'a', aDay);
    await recoverTo(1);
    await expect(log.append([{ stream: 'a-1', events: [newEvent()] }], { fence: { lease, epoch: 1 } })).rejects.toMatchObject({ code: 'owned-by-another' });
    await wait(5);
    expect((await leases.claim(lease, 'b', aDay))?.epoch).toBeGreaterThan(1_000_000);
  });

  describe('a fence', () => {
    const append = (stream: string, epoch: number): Promise<unknown> => subject().log.append([{ stream, events: [newEvent()] }], { fence: { lease, epoch } });

    it('lets the owner append', async () => {
      const { leases, log } = subject();
      await leases.claim(lease, 'a', aDay);
      await append('a-1', 1);
      expect((await log.head()).position).toBe(1);
    });

    it('refuses a former epoch, a coming one, and a lease that nobody ever had', async () => {
      const { leases, log } = subject();
      const refused = (epoch: number, current: number | null): unknown => ({ code: 'owned-by-another', details: { lease, epoch, current } });
      await expect(append('a-1', 1)).rejects.toMatchObject(refused(1, null) as object);
      await leases.claim(lease, 'a', aDay);
      await leases.claim(lease, 'a', aDay);
      await expect(append('a-1', 1)).rejects.toMatchObject(refused(1, 2) as object);
      await expect(append('a-1', 3)).rejects.toMatchObject(refused(3, 2) as object);
      expect((await log.head()).position).toBe(0);
    });

    it('counts for its own request only, of those that go together', async () => {
      const { leases, log } = subject();
      await leases.claim(lease, 'a', aDay);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? log.append([{ stream: `free-${i}`, events: [newEvent()] }]) : append(`fenced-${i}`, i % 3))),
      );
      expect(outcomes.map((outcome) => outcome.status)).toEqual(outcomes.map((_, i) => (i % 3 === 2 ? 'rejected' : 'fulfilled')));
      expect((await log.head()).position).toBe(20);
    });

    it('counts in a transaction too, which can go on', async () => {
      const { log } = subject();
      await log.transaction(async (tx) => {
        const fenced = log.append([{ stream: 'a-1', events: [newEvent()] }], { tx, fence: { lease, epoch: 7 } });
        await expect(fenced).rejects.toMatchObject({ code: 'owned-by-another' });
        await log.append([{ stream: 'a-1', events: [newEvent()] }], { tx });
      });
      expect((await log.head()).position).toBe(1);
    });

    // The write that is under way when somebody else takes over either commits before the claim answers, or never.
    it('lets no append by a former owner commit after the next epoch was claimed', async () => {
      const { leases, log } = subject();
      let epoch = (await leases.claim(lease, 'owner-0', { lifeMs: 0 }))?.epoch ?? 0;
      const claims: { epoch: number; head: number }[] = [];
      const over = new AbortController();
      const refusals: number[] = [];
      const write = async (writer: number): Promise<void> => {
        while (!over.signal.aborted) {
          const mine = epoch;
          await log
            .transaction(async (tx) => {
              await log.append([{ stream: `w-${writer}`, events: [newEvent('Written', { epoch: mine })] }], { tx, fence: { lease, epoch: mine } });
              await wait(Math.random() * 3);
            })
            .catch((error: { code?: string }) => {
              if (error.code !== 'owned-by-another') throw error;
              refusals.push(mine);
            });
          await wait(0);
        }
      };
      const writers = Array.from({ length: 8 }, (_, writer) => write(writer));
      for (let owner = 1; owner <= 12; owner++) {
        await wait(10);
        const claimed = await leases.claim(lease, `owner-${owner}`, { lifeMs: 0 });
        if (claimed === undefined) continue;
        // What was committed by now is all that former epochs will ever have.
        claims.push({ epoch: claimed.epoch, head: (await log.head()).position });
        await wait(5);
        epoch = claimed.epoch;
      }
      over.abort();
      await Promise.all(writers);
      const written: { position: number; epoch: number }[] = [];
      for (let after = 0; ; after = written.at(-1)?.position ?? after) {
        const { events } = await log.readFeed({ after, limit: 1000 });
        written.push(...events.map((event) => ({ position: event.position, epoch: (event.data as { epoch: number }).epoch })));
        if (events.length === 0) break;
      }
      expect(claims.length).toBeGreaterThan(5);
      expect(refusals.length).toBeGreaterThan(0);
      const late = claims.flatMap((claim) => written.filter((one) => one.epoch < claim.epoch && one.position > claim.head));
      expect(late).toEqual([]);
      expect(new Set(written.map((one) => one.epoch)).size).toBeGreaterThan(3);
    });
  });
}
