import type { RecordedEvent } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { verifyChain } from '../chain.ts';
import type { Subject } from './describe-event-log.ts';
import { newEvent } from './sample-events.ts';

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function concurrencyCases<Tx>(subject: Subject<Tx>): void {
  describe('transactions', () => {
    it('leave no gap when they roll back', async () => {
      const { log } = subject();
      await log.append([{ stream: 'a-1', events: [newEvent()] }]);
      const rolledBack = log.transaction(async (tx) => {
        const [event] = await log.append([{ stream: 'a-1', events: [newEvent()] }], { tx });
        expect(event).toMatchObject({ position: 2, version: 2 });
        throw new Error('roll back');
      });
      await expect(rolledBack).rejects.toThrow('roll back');
      const [next] = await log.append([{ stream: 'a-1', expectedVersion: 1, events: [newEvent()] }]);
      expect(next).toMatchObject({ position: 2, version: 2 });
      expect(await verifyChain(log)).toMatchObject({ isIntact: true, position: 2 });
    });

    it('show nothing before their commit', async () => {
      const { log } = subject();
      await log.transaction(async (tx) => {
        await log.append([{ stream: 'a-1', events: [newEvent()] }], { tx });
        expect(await log.readFeed({ after: 0, limit: 10 })).toMatchObject({ events: [], head: 0 });
      });
      expect((await log.head()).position).toBe(1);
    });

    it('can go on after a conflict', async () => {
      const { log } = subject();
      await log.transaction(async (tx) => {
        await expect(log.append([{ stream: 'a-1', expectedVersion: 5, events: [newEvent()] }], { tx })).rejects.toMatchObject({ code: 'conflict' });
        await log.append([{ stream: 'a-1', expectedVersion: 0, events: [newEvent()] }], { tx });
      });
      expect((await log.head()).position).toBe(1);
    });
  });

  // The classic gap: a reader of `position > last` over a sequence skips what commits late.
  it('64 concurrent writers with delays, rollbacks and crashes: a reader sees exactly what was committed, dense, in commit order', async () => {
    const { log, crash } = subject();
    const committed = new Set<string>();
    const read: RecordedEvent[] = [];
    let isWriting = true;

    async function write(writer: number): Promise<void> {
      for (let round = 0; round < 6; round++) {
        const events = Array.from({ length: 1 + Math.floor(Math.random() * 3) }, () => newEvent('Written', { writer, round }));
        const parts = [
          { stream: `writer-${writer}`, events },
          { stream: `common-${writer % 5}`, events: [newEvent('Written', { writer, round })] },
        ];
        const chance = Math.random();
        const end = chance < 0.25 ? 'rollback' : chance < 0.35 && crash !== undefined ? 'crash' : 'commit';
        const done = log.transaction(async (tx) => {
          await wait(Math.random() * 4);
          await log.append(parts, { tx });
          await wait(Math.random() * 2);
          if (end === 'rollback') throw new Error('rolled back on purpose');
          if (end === 'crash') await crash?.(tx);
        });
        if (end === 'rollback') {
          await expect(done).rejects.toThrow('on purpose');
        } else if (end === 'crash') {
          await expect(done).rejects.toMatchObject({ code: 'unavailable' });
        } else {
          await done;
          for (const part of parts) for (const event of part.events) committed.add(event.id);
        }
        const [alone] = await log.append([{ stream: `alone-${writer}`, events: [newEvent()] }]);
        if (alone !== undefined) committed.add(alone.id);
      }
    }
    async function follow(): Promise<void> {
      for (let isLast = false; !isLast;) {
        await wait(0); // what is read from memory comes without a turn of the event loop
        isLast = !isWriting;
        const { events } = await log.readFeed({ after: read.at(-1)?.position ?? 0, limit: 7 });
        read.push(...events);
        if (events.length > 0) isLast = false;
      }
    }

    const following = follow();
    await Promise.all(Array.from({ length: 64 }, (_, writer) => write(writer)));
    isWriting = false;
    await following;

    expect(read.map((e) => e.position)).toEqual(Array.from({ length: committed.size }, (_, i) => i + 1));
    expect(new Set(read.map((e) => e.id))).toEqual(committed);
    const versions = new Map<string, number>();
    for (const event of read) {
      expect(event.version).toBe((versions.get(event.stream) ?? 0) + 1);
      versions.set(event.stream, event.version);
    }
    expect(read.map((e) => e.at)).toEqual(read.map((e) => e.at).toSorted());
    expect(await verifyChain(log)).toMatchObject({ isIntact: true, position: committed.size });
  });
}
