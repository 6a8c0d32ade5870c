import type { Announcement } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { verifyChain } from '../chain.ts';
import type { Subject } from './describe-event-log.ts';
import { appendOneBy, newEvent } from './sample-events.ts';
import { upcastAnnouncements } from '../announce.ts';

export function feedCases<Tx>(subject: Subject<Tx>): void {
  describe('feed', () => {
    it('is read by pages after a position; empty at the head and beyond', async () => {
      const { log } = subject();
      await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'c-1', 'a-1']);
      const page = await log.readFeed({ after: 1, limit: 2 });
      expect(page.events.map((e) => e.position)).toEqual([2, 3]);
      expect(page.head).toBe(5);
      expect(await log.readFeed({ after: 5, limit: 10 })).toEqual({ events: [], head: 5, generation: page.generation });
      expect((await log.readFeed({ after: 99, limit: 10 })).events).toEqual([]);
    });

    it('of an empty log is empty, with a head', async () => {
      const { log } = subject();
      const page = await log.readFeed({ after: 0, limit: 1 });
      expect(page).toMatchObject({ events: [], head: 0 });
      expect(await log.head()).toEqual({ position: 0, generation: page.generation });
    });

    it('refuses a page that makes no sense', async () => {
      const { log } = subject();
      for (const query of [
        { after: -1, limit: 1 },
        { after: 0.5, limit: 1 },
        { after: Number.NaN, limit: 1 },
        { after: 0, limit: 0 },
        { after: 0, limit: 1001 },
      ]) {
        await expect((async () => log.readFeed(query))()).rejects.toMatchObject({ code: 'invalid-argument' });
      }
    });

    it('is read by stream, after a version', async () => {
      const { log } = subject();
      await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'a-1']);
      expect((await log.readStream('a-1')).map((e) => e.version)).toEqual([1, 2, 3]);
      expect((await log.readStream('a-1', { afterVersion: 1, limit: 1 })).map((e) => e.version)).toEqual([2]);
      expect(await log.readStream('none-1')).toEqual([]);
    });
  });

  describe('a moment', () => {
    it('is the last position at or before it', async () => {
      const { log } = subject();
      const events = await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'c-1', 'a-1', 'd-1', 'e-1']);
      for (const { at } of events) expect(await log.positionAt(at)).toBe(events.findLast((event) => event.at === at)?.position);
      expect(await log.positionAt('2001-01-01T00:00:00Z')).toBe(0);
      expect(await log.positionAt('2999-12-31T23:59:59.999+02:00')).toBe(7);
    });

    it('in an empty log is before everything', async () => {
      expect(await subject().log.positionAt('2999-12-31T23:59:59Z')).toBe(0);
    });

    it('that is none is refused', async () => {
      const { log } = subject();
      for (const time of ['', '7', 'yesterday', '2026-01-31', '2026-13-31T00:00:00Z', "2026-01-31T00:00:00Z'"])
        await expect((async () => log.positionAt(time))(), time).rejects.toMatchObject({ code: 'invalid-argument' });
    });
  });

  describe('an event of an older version', () => {
    it('is read, answered and announced as the current one, and stays in the chain as it was recorded', async () => {
      const { log, announcements } = subject();
      const heard: Announcement[] = [];
      upcastAnnouncements(announcements, (event) => ({ ...event, stream: 'lifted' })).subscribe((announcement) => heard.push(announcement));
      const old = newEvent('Old', { a: 1 });
      const lifted = { type: 'Old', data: { a: 1, lifted: true }, metadata: { schemaVersion: 2 } };
      expect(await log.append([{ stream: 'a-1', events: [old] }])).toMatchObject([lifted]);
      expect(await log.append([{ stream: 'a-1', events: [old] }])).toMatchObject([lifted]);
      expect((await log.readFeed({ after: 0, limit: 10 })).events).toMatchObject([lifted]);
      expect(await log.readStream('a-1')).toMatchObject([lifted]);
      await expect.poll(() => heard).toMatchObject([{ events: [{ ...lifted, stream: 'lifted' }] }]);
      expect((await log.readChain({ after: 0, limit: 1 }))[0]?.data).toBe('{"a":1}');
      expect(await verifyChain(log)).toMatchObject({ isIntact: true });
    });
  });

  describe('announcements', () => {
    const listen = (): Announcement[] => {
      const heard: Announcement[] = [];
      subject().announcements.subscribe((announcement) => heard.push(announcement));
      return heard;
    };

    it('come after each append, with the events', async () => {
      const { log } = subject();
      const heard = listen();
      const recorded = await log.append([{ stream: 'a-1', events: [newEvent(), newEvent()] }]);
      await expect.poll(() => heard).toEqual([{ generation: (await log.head()).generation, from: 1, to: 2, events: recorded }]);
    });

    it('leave big events out', async () => {
      const { log } = subject();
      const heard = listen();
      const big = (): ReturnType<typeof newEvent> => newEvent('Big', 'x'.repeat(200_000));
      await log.append([{ stream: 'a-1', events: [big(), big(), big()] }]);
      await expect.poll(() => heard).toEqual([{ generation: (await log.head()).generation, from: 1, to: 3 }]);
    });

    it('come once per transaction and only after its commit; none for a retry or a rollback', async () => {
      const { log } = subject();
      const heard = listen();
      const event = newEvent();
      await log.transaction(async (tx) => {
        await log.append([{ stream: 'a-1', events: [event] }], { tx });
        await log.append([{ stream: 'b-1', events: [newEvent()] }], { tx });
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(heard).toEqual([]);
      });
      await log.append([{ stream: 'a-1', events: [event] }]);
      await expect(
        log.transaction(async (tx) => {
          await log.append([{ stream: 'a-1', events: [newEvent()] }], { tx });
          throw new Error('changed my mind');
        }),
      ).rejects.toThrow('changed my mind');
      await log.append([{ stream: 'c-1', events: [newEvent()] }]);
      await expect
        .poll(() => heard.map(({ from, to }) => [from, to]))
        .toEqual([
          [1, 2],
          [3, 3],
        ]);
    });
  });

  describe('what was recorded', () => {
    it('is chained by hashes, over appends and transactions', async () => {
      const { log } = subject();
      await log.append([{ stream: 'a-1', events: [newEvent('A', 'né\u{1f680}'), newEvent()] }]);
      await log.transaction(async (tx) => {
        await log.append([{ stream: 'b-1', events: [newEvent()] }], { tx });
        await log.append([{ stream: 'b-1', events: [newEvent()] }], { tx });
      });
      expect(await verifyChain(log)).toMatchObject({ isIntact: true, position: 4 });
    });

    it('shows where it was changed', async () => {
      const { log, tamper } = subject();
      await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'c-1']);
      await tamper(3);
      expect(await verifyChain(log)).toMatchObject({ isIntact: false, position: 3 });
    });

    it('can be neither updated nor deleted', async (context) => {
      const { log, forbidden } = subject();
      if (forbidden === undefined) return context.skip('there is no SQL to refuse');
      await appendOneBy(log, ['a-1']);
      expect(forbidden.length).toBeGreaterThan(0);
      for (const { what, run } of forbidden) await expect(run(), what).rejects.toThrow(/refused/);
      expect(await verifyChain(log)).toMatchObject({ isIntact: true, position: 1 });
    });
  });
}
