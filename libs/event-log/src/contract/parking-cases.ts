import { silentLogger, type RecordedEvent } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { triesMax } from '../limits.ts';
import type { RunningConsumer } from '../port.ts';
import { idsOf, patienceMs, recorder, run } from './consumer-cases.ts';
import type { Subject } from './describe-event-log.ts';
import { newEvent } from './sample-events.ts';

export function parkingCases<Tx>(subject: Subject<Tx>): void {
  const applied = async (): Promise<string[]> => (await subject().projection.ids()).toSorted();

  /** A consumer that fails at events of type Bad until it is cured, and 40 streams, one of which has such an event. */
  async function withBadStream(): Promise<{
    consumer: RunningConsumer;
    cure(): void;
    good: RecordedEvent[];
    bad: RecordedEvent[];
    logged: Readonly<Record<string, unknown>>[];
  }> {
    const { log, projection } = subject();
    const logged: Readonly<Record<string, unknown>>[] = [];
    let isCured = false;
    const failing = recorder(subject, {
      async apply(events, tx) {
        for (const event of events) {
          if (event.type === 'Bad' && !isCured) throw new Error(`no way to apply ${event.id}`);
          await projection.add(tx, event);
        }
      },
    });
    const consumer = await run(subject, failing, { logger: { ...silentLogger, error: (_message, fields = {}) => void logged.push(fields) } });
    const bad = await log.append([{ stream: 'bad-1', events: [newEvent(), newEvent('Bad'), newEvent(), newEvent('Bad'), newEvent()] }]);
    const good = await log.append(Array.from({ length: 40 }, (_, i) => ({ stream: `good-${i}`, events: [newEvent(), newEvent()] })));
    await consumer.waitFor(85, patienceMs);
    return { consumer, cure: () => (isCured = true), good, bad, logged };
  }

  describe('an event that cannot be applied', () => {
    it('is tried a few times, then its stream is parked; all other streams go on', async () => {
      const { consumer, good, bad, logged } = await withBadStream();
      expect(await applied()).toEqual(idsOf([...good, ...bad.slice(0, 1)]));
      expect(await consumer.parked()).toEqual([
        expect.objectContaining({
          consumer: 'test.recorder',
          stream: 'bad-1',
          position: 2,
          version: 2,
          eventId: bad[1]?.id,
          type: 'Bad',
          error: `no way to apply ${bad[1]?.id}`,
          stack: expect.stringContaining('no way to apply'),
          attempts: triesMax,
        }),
      ]);
      const tries = logged.filter((fields) => fields['event'] === bad[1]?.id && fields['attempt'] !== undefined);
      expect(tries.map((fields) => fields['attempt'])).toEqual(Array.from({ length: triesMax }, (_, i) => i + 1));
      expect(tries[0]).toMatchObject({ type: 'Bad', stream: 'bad-1', position: 2 });
    });

    it('keeps its stream parked over a restart', async () => {
      const { consumer, good, bad } = await withBadStream();
      await consumer.stop();
      const again = await run(subject, recorder(subject));
      const [later] = await subject().log.append([{ stream: 'bad-1', events: [newEvent()] }]);
      await again.waitFor(later?.position ?? 0, patienceMs);
      expect(await applied()).toEqual(idsOf([...good, ...bad.slice(0, 1)]));
      await again.retryParked('bad-1');
      await again.waitFor(86, patienceMs);
      expect(await applied()).toEqual(idsOf([...good, ...bad, ...(later === undefined ? [] : [later])]));
      expect(await again.parked()).toEqual([]);
    });

    it('retried after a cure, is applied with all that waited behind it, in order', async () => {
      const { consumer, cure, good, bad } = await withBadStream();
      cure();
      await consumer.retryParked('bad-1');
      expect(await consumer.parked()).toEqual([]);
      const [later] = await subject().log.append([{ stream: 'bad-1', events: [newEvent()] }]);
      await consumer.waitFor(86, patienceMs);
      const ids = await subject().projection.ids();
      const ofBad = [...bad, ...(later === undefined ? [] : [later])].map((e) => e.id);
      expect(ids.filter((id) => ofBad.includes(id))).toEqual(ofBad);
      expect(ids).toHaveLength(good.length + ofBad.length);
    });

    it('retried in vain, stays parked and says why', async () => {
      const { consumer, bad } = await withBadStream();
      await expect(consumer.retryParked('bad-1')).rejects.toThrow(`no way to apply ${bad[1]?.id}`);
      expect(await consumer.parked()).toMatchObject([{ position: 2, attempts: triesMax + 1 }]);
    });

    it('skipped, leaves the stream to go on up to the next that fails', async () => {
      const { consumer, good, bad } = await withBadStream();
      await expect(consumer.skipParked('bad-1', ' ')).rejects.toMatchObject({ code: 'invalid-argument' });
      await expect(consumer.skipParked('bad-1', 'known to be harmless')).rejects.toThrow(`no way to apply ${bad[3]?.id}`);
      expect(await consumer.parked()).toMatchObject([{ position: 4, version: 4 }]);
      await consumer.skipParked('bad-1', 'this one too');
      expect(await consumer.parked()).toEqual([]);
      expect(await applied()).toEqual(idsOf([...good, ...bad.filter((e) => e.type !== 'Bad')]));
    });

    it('is not found where nothing is parked', async () => {
      const consumer = await run(subject, recorder(subject));
      await expect(consumer.retryParked('good-1')).rejects.toMatchObject({ code: 'not-found' });
    });

    it('is tried again by a rebuild', async () => {
      const { consumer, cure, good, bad } = await withBadStream();
      cure();
      await consumer.rebuild();
      expect(await consumer.parked()).toEqual([]);
      expect(await applied()).toEqual(idsOf([...good, ...bad]));
    });

    it('unparked by one replica, is known to the other', async () => {
      const { consumer, cure, good, bad } = await withBadStream();
      cure();
      const other = await run(subject, recorder(subject));
      await other.retryParked('bad-1');
      const [later] = await subject().log.append([{ stream: 'bad-1', events: [newEvent()] }]);
      await consumer.waitFor(86, patienceMs);
      await other.waitFor(86, patienceMs);
      expect(await applied()).toEqual(idsOf([...good, ...bad, ...(later === undefined ? [] : [later])]));
    });
  });
}
