import type { Announcement, RecordedEvent } from '@plumbline/contracts';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Timer } from '../consumer/bucket.ts';
import { runConsumer, type RunConsumerOptions } from '../consumer/run-consumer.ts';
import type { AnnouncementSource, Consumer, RunningConsumer } from '../port.ts';
import type { Subject } from './describe-event-log.ts';
import { appendOneBy, newEvent } from './sample-events.ts';

/** Polls and back-offs fifty times as fast. */
export const quickTimer: Timer = (delayMs, run) => {
  const timeout = setTimeout(run, delayMs / 50);
  return () => clearTimeout(timeout);
};
const forever: Timer = () => () => undefined;
/** Of `waitFor` under the quick timer: ten seconds. */
export const patienceMs = 500_000;

export const silence: AnnouncementSource = { subscribe: () => () => undefined };

/** A projection that writes down what it is given. */
export function recorder<Tx>(subject: Subject<Tx>, extra: Partial<Consumer<Tx>> = {}): Consumer<Tx> {
  const { projection } = subject();
  return {
    name: 'test.recorder',
    async apply(events, tx) {
      for (const event of events) await projection.add(tx, event);
    },
    tables: projection.tables,
    ...extra,
  };
}

export async function run<Tx>(subject: Subject<Tx>, consumer: Consumer<Tx>, options: Partial<RunConsumerOptions<Tx>> = {}): Promise<RunningConsumer> {
  const { log, announcements, checkpoints } = subject();
  const running = await runConsumer({ log, announcements, checkpoints, consumer, clock: Date.now, timer: quickTimer, ...options });
  onTestFinished(() => running.stop());
  return running;
}

export const idsOf = (events: readonly RecordedEvent[]): string[] => events.map((e) => e.id).toSorted();
const streams = (count: number): string[] => Array.from({ length: count }, (_, i) => `stream-${i % 23}`);

export function consumerCases<Tx>(subject: Subject<Tx>): void {
  const applied = async (): Promise<string[]> => (await subject().projection.ids()).toSorted();

  describe('consumer', () => {
    it('applies what is in the feed and what is appended, each event once, each stream in order', async () => {
      const { log, projection } = subject();
      const before = await appendOneBy(log, streams(60));
      const consumer = await run(subject, recorder(subject));
      const after = await appendOneBy(log, streams(60));
      await consumer.waitFor(120, patienceMs);
      expect(await applied()).toEqual(idsOf([...before, ...after]));
      const order = new Map((await projection.ids()).map((id, index) => [id, index]));
      for (const stream of new Set(streams(60))) {
        const places = (await log.readStream(stream)).map((e) => order.get(e.id) ?? -1);
        expect(places).toEqual(places.toSorted((a, b) => a - b));
      }
    });

    it('applies an announcement without reading the feed, when it follows on', async () => {
      const { log } = subject();
      let reads = 0;
      const counted = { ...log, readFeed: (query: { after: number; limit: number }) => (reads++, log.readFeed(query)) };
      const consumer = await run(subject, recorder(subject), { log: counted, timer: forever });
      await expect.poll(() => reads).toBeGreaterThan(0);
      reads = 0;
      const recorded = await appendOneBy(log, ['a-1', 'b-1', 'a-1']);
      await expect.poll(() => consumer.position()).toBe(3);
      expect(reads).toBe(0);
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('reads the feed over a gap, and passes over what it hears twice', async () => {
      const { log, announcements } = subject();
      let heard = 0;
      const unreliable: AnnouncementSource = {
        subscribe: (listener) =>
          announcements.subscribe((announcement: Announcement) => {
            heard++;
            if (heard % 3 === 0) return;
            listener(announcement);
            if (heard % 2 === 0) setTimeout(() => listener(announcement), 3);
          }),
      };
      const consumer = await run(subject, recorder(subject), { announcements: unreliable });
      const recorded = await appendOneBy(log, streams(50));
      await consumer.waitFor(50, patienceMs);
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('needs no announcement at all', async () => {
      const { log } = subject();
      const consumer = await run(subject, recorder(subject), { announcements: silence });
      const recorded = await appendOneBy(log, streams(30));
      await consumer.waitFor(30, patienceMs);
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('believes no announcement that is not whole', async () => {
      const { log } = subject();
      let say: (announcement: Announcement) => void = () => undefined;
      const consumer = await run(subject, recorder(subject), { announcements: { subscribe: (listener) => ((say = listener), () => undefined) } });
      const [first, second] = await appendOneBy(log, ['a-1', 'b-1']);
      if (first === undefined || second === undefined) throw new Error('nothing recorded');
      const { generation } = await log.head();
      say({ generation, from: 1, to: 2, events: [second] });
      say({ generation: 'another', from: 1, to: 2, events: [first, second] });
      await consumer.waitFor(2, patienceMs);
      expect(await applied()).toEqual(idsOf([first, second]));
    });

    it('takes from an announcement only what it has not', async () => {
      const { log } = subject();
      let say: (announcement: Announcement) => void = () => undefined;
      const consumer = await run(subject, recorder(subject), {
        announcements: { subscribe: (listener) => ((say = listener), () => undefined) },
        timer: forever,
      });
      const recorded = await log.append([{ stream: 'a-1', events: [newEvent(), newEvent()] }]);
      const { generation } = await log.head();
      say({ generation, from: 1, to: 2, events: recorded });
      recorded.push(...(await log.append([{ stream: 'a-1', events: [newEvent()] }])));
      say({ generation, from: 1, to: 3, events: recorded });
      await expect.poll(() => consumer.position()).toBe(3);
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('passes only the types it asked for, and moves on over the others', async () => {
      const { log } = subject();
      const consumer = await run(subject, recorder(subject, { types: ['Wanted'] }));
      await log.append([{ stream: 'a-1', events: [newEvent('Other'), newEvent('Wanted'), newEvent('Other')] }]);
      await consumer.waitFor(3, patienceMs);
      expect(await subject().projection.ids()).toHaveLength(1);
    });

    it('goes on where it was stopped, applying nothing again', async () => {
      const { log } = subject();
      const first = await run(subject, recorder(subject));
      const recorded = await appendOneBy(log, streams(20));
      await first.waitFor(20, patienceMs);
      await first.stop();
      recorded.push(...(await appendOneBy(log, streams(20))));
      const second = await run(subject, recorder(subject));
      await second.waitFor(40, patienceMs);
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('stores how far it is also where no event was for it', async () => {
      const { log, checkpoints } = subject();
      const consumer = await run(subject, recorder(subject, { types: ['Wanted'] }));
      await appendOneBy(log, streams(20));
      await consumer.waitFor(20, patienceMs);
      await consumer.stop();
      const { generation } = await log.head();
      const stored = await checkpoints.load('test.recorder', generation);
      expect(stored.checkpoints.map((c) => c.position)).toEqual(stored.checkpoints.map(() => 20));
    });

    it('run twice at the same time, applies each event once', async () => {
      const { log } = subject();
      const one = await run(subject, recorder(subject));
      const two = await run(subject, recorder(subject));
      const recorded = await appendOneBy(log, streams(80));
      await Promise.all([one.waitFor(80, patienceMs), two.waitFor(80, patienceMs)]);
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('takes more than its buckets hold, while they are slow', async () => {
      const { log } = subject();
      const recorded = await log.append([
        { stream: 'a-1', events: Array.from({ length: 900 }, () => newEvent()) },
        { stream: 'b-1', events: Array.from({ length: 300 }, () => newEvent()) },
      ]);
      const consumer = await run(subject, recorder(subject), { announcements: silence });
      await consumer.waitFor(1200, patienceMs);
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('may append in the transaction of what it applies', async () => {
      const { log } = subject();
      const reaction: Consumer<Tx> = {
        name: 'test.reaction',
        types: ['Asked'],
        async apply(events, tx) {
          for (const event of events) await log.append([{ stream: event.stream, events: [newEvent('Answered', { to: event.id })] }], { tx });
        },
      };
      const consumer = await run(subject, reaction);
      await Promise.all(Array.from({ length: 10 }, (_, i) => log.append([{ stream: `a-${i}`, events: [newEvent('Asked')] }])));
      await consumer.waitFor(20, patienceMs);
      expect((await log.readFeed({ after: 0, limit: 100 })).events.filter((e) => e.type === 'Answered')).toHaveLength(10);
    });

    it('tells of effects after the commit, with what was applied', async () => {
      const { log } = subject();
      const told: string[] = [];
      const consumer = await run(subject, recorder(subject, { committed: (events) => void told.push(...events.map((e) => e.id)) }));
      const recorded = await appendOneBy(log, streams(10));
      await consumer.waitFor(10, patienceMs);
      expect(told.toSorted()).toEqual(idsOf(recorded));
    });

    it('says so when it does not get there in time', async () => {
      const consumer = await run(subject, recorder(subject));
      await expect(consumer.waitFor(1, 50)).rejects.toMatchObject({ code: 'deadline-exceeded' });
    });
  });

  describe('consumer after trouble', () => {
    it('applies exactly once when it failed after its writes and before the commit', async () => {
      const { log, projection } = subject();
      let failures = 0;
      const consumer = await run(
        subject,
        recorder(subject, {
          async apply(events, tx) {
            for (const event of events) await projection.add(tx, event);
            if (failures++ < 4) throw new Error('after the writes');
          },
        }),
      );
      const recorded = await appendOneBy(log, streams(10));
      await consumer.waitFor(10, patienceMs);
      expect(failures).toBeGreaterThan(4);
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('applies exactly once when its transaction was killed', async (context) => {
      const { log, projection, crash } = subject();
      if (crash === undefined) return context.skip('a transaction in memory ends with the process');
      let kills = 0;
      const consumer = await run(
        subject,
        recorder(subject, {
          async apply(events, tx) {
            for (const event of events) await projection.add(tx, event);
            if (kills++ < 3) await crash(tx);
          },
        }),
      );
      const recorded = await appendOneBy(log, streams(10));
      await consumer.waitFor(10, patienceMs);
      expect(kills).toBeGreaterThan(3);
      expect(await applied()).toEqual(idsOf(recorded));
      expect(await consumer.parked()).toEqual([]);
    });

    it('rebuilds a projection when the log was recovered from an older copy', async () => {
      const { log, recoverTo } = subject();
      const consumer = await run(subject, recorder(subject));
      const recorded = await appendOneBy(log, streams(20));
      await consumer.waitFor(20, patienceMs);
      await recoverTo(12);
      const later = await appendOneBy(log, ['later-1']);
      await expect.poll(applied, { timeout: 10_000 }).toEqual(idsOf([...recorded.slice(0, 12), ...later]));
      expect(consumer.position()).toBe(13);
    });

    it('goes on from the recovered head where nothing can be rebuilt', async () => {
      const { log, recoverTo } = subject();
      const first = await run(subject, recorder(subject, { tables: undefined }));
      await appendOneBy(log, streams(20));
      await first.waitFor(20, patienceMs);
      await first.stop();
      await recoverTo(12);
      const second = await run(subject, recorder(subject, { tables: undefined }));
      const later = await appendOneBy(log, ['later-1', 'later-2']);
      await second.waitFor(14, patienceMs);
      expect(await applied()).toEqual(expect.arrayContaining(idsOf(later)));
      expect(await applied()).toHaveLength(22);
    });

    it('skips nothing when the recovered log has grown past where it was (a bug: it went on from the head)', async () => {
      const { log, recoverTo } = subject();
      const first = await run(subject, recorder(subject, { tables: undefined }));
      await appendOneBy(log, streams(20));
      await first.waitFor(20, patienceMs);
      await first.stop();
      await recoverTo(12);
      const later = await appendOneBy(
        log,
        Array.from({ length: 15 }, (_, index) => `later-${index}`),
      );
      const second = await run(subject, recorder(subject, { tables: undefined }));
      await second.waitFor(27, patienceMs);
      expect(await applied()).toEqual(expect.arrayContaining(idsOf(later)));
    });
  });
}
