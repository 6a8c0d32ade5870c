import { AppError, type RecordedEvent } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { compareEveryMs, compareJitterMs } from '../limits.ts';
import type { Consumer, EventLog, RunningConsumer } from '../port.ts';
import { idsOf, patienceMs, recorder, run } from './consumer-cases.ts';
import type { Subject } from './describe-event-log.ts';
import { appendOneBy, newEvent } from './sample-events.ts';

const streams = (count: number): string[] => Array.from({ length: count }, (_, i) => `stream-${i % 23}`);
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => AppError.from(error).code,
  );

/** Holds back whoever reads the feed from its beginning: a rebuild, of a consumer that is ahead of it. */
function gated<Tx>(log: EventLog<Tx>): { log: EventLog<Tx>; open(): void; reached: Promise<void> } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const readFeed: EventLog<Tx>['readFeed'] = async (query) => {
    if (query.after === 0) {
      reached.resolve();
      await gate.promise;
    }
    return log.readFeed(query);
  };
  return { log: { ...log, readFeed }, open: () => gate.resolve(), reached: reached.promise };
}

export function rebuildCases<Tx>(subject: Subject<Tx>): void {
  const applied = async (): Promise<string[]> => (await subject().projection.ids()).toSorted();

  /** Applied by a consumer that is stopped again, so that the next one is ahead of a rebuild from the start. */
  async function filled(count: number): Promise<RecordedEvent[]> {
    const consumer = await run(subject, recorder(subject));
    const recorded = await appendOneBy(subject().log, streams(count));
    await consumer.waitFor(count, patienceMs);
    await consumer.stop();
    return recorded;
  }

  describe('a rebuild', () => {
    it('makes the same as live, while events go on coming', async () => {
      const { log } = subject();
      const consumer = await run(subject, recorder(subject));
      const recorded = await appendOneBy(log, streams(40));
      await consumer.waitFor(40, patienceMs);
      const [, more] = await Promise.all([consumer.rebuild(), appendOneBy(log, streams(40))]);
      await consumer.waitFor(80, patienceMs);
      expect(await applied()).toEqual(idsOf([...recorded, ...more]));
      expect((await consumer.status()).run).toMatchObject({ kind: 'rebuild', state: 'done', position: expect.any(Number), parked: 0 });
      expect(await consumer.compare()).toMatchObject({ rows: 80, differences: 0, sample: [] });
    });

    it('leaves the live tables to their readers until it is done, and the live consumer goes on', async () => {
      const recorded = await filled(30);
      const { log, open, reached } = gated(subject().log);
      const consumer = await run(subject, recorder(subject), { log });
      const rebuilding = consumer.rebuild();
      await reached;
      const later = await appendOneBy(subject().log, ['later-1', 'later-2']);
      await consumer.waitFor(32, patienceMs);
      expect(await applied()).toEqual(idsOf([...recorded, ...later]));
      expect((await consumer.status()).run).toMatchObject({ kind: 'rebuild', state: 'running' });
      open();
      await rebuilding;
      expect(consumer.position()).toBe(32);
      expect(await applied()).toEqual(idsOf([...recorded, ...later]));
    });

    it('is refused for what is no projection', async () => {
      const consumer = await run(subject, recorder(subject, { tables: undefined }));
      await expect(consumer.rebuild()).rejects.toMatchObject({ code: 'failed-precondition' });
    });

    it('is refused while another one runs, and the first is not disturbed', async () => {
      const recorded = await filled(10);
      const { log, open, reached } = gated(subject().log);
      const one = await run(subject, recorder(subject), { log, owner: 'one' });
      const two = await run(subject, recorder(subject), { owner: 'two' });
      const rebuilding = one.rebuild();
      await reached;
      expect(await codeOf(two.rebuild())).toBe('conflict');
      expect(await codeOf(two.compare())).toBe('conflict');
      open();
      await rebuilding;
      expect(await codeOf(two.rebuild())).toBe('ok');
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('killed in the middle, left nothing that the next start minds', async () => {
      const recorded = await filled(20);
      const { checkpoints, projection } = subject();
      // What a process leaves that is killed: a claim, and a shadow with something in it.
      const { projections } = checkpoints;
      expect(await projections.claim({ consumer: 'test.recorder', kind: 'rebuild', owner: 'one', token: 'killed', nowMs: Date.now() })).toBe(true);
      const shadow = await projections.openShadow('test.recorder', 'killed', projection.tables);
      await shadow!.transaction((tx) => recorder(subject).apply(recorded.slice(0, 5), tx));
      const other = await run(subject, recorder(subject), { owner: 'two' });
      expect(await codeOf(other.rebuild())).toBe('conflict');
      const consumer = await run(subject, recorder(subject), { owner: 'one' });
      expect((await consumer.status()).run).toMatchObject({ state: 'failed', message: expect.stringContaining('process ended') });
      expect(await applied()).toEqual(idsOf(recorded));
      await consumer.rebuild();
      expect(await applied()).toEqual(idsOf(recorded));
      expect(await projections.report('killed', { ...(await consumer.status()).run! })).toBe(false);
      expect(await projections.openShadow('test.recorder', 'killed', projection.tables)).toBeUndefined();
    });

    it('that is stopped says so and swaps nothing', async () => {
      const recorded = await filled(10);
      const { log, open, reached } = gated(subject().log);
      const consumer = await run(subject, recorder(subject), { log });
      const rebuilding = codeOf(consumer.rebuild());
      await reached;
      const stopping = consumer.stop();
      open();
      await stopping;
      expect(await rebuilding).toBe('unavailable');
      expect(await applied()).toEqual(idsOf(recorded));
    });

    it('with an event that fails is refused, unless its stream may be parked', async () => {
      const { log, projection } = subject();
      let isBroken = false;
      const fragile: Partial<Consumer<Tx>> = {
        async apply(events, tx) {
          for (const event of events) {
            if (isBroken && event.type === 'Bad') throw new Error('no way');
            await projection.add(tx, event);
          }
        },
      };
      const consumer = await run(subject, recorder(subject, fragile));
      const bad = await log.append([{ stream: 'bad-1', events: [newEvent(), newEvent('Bad'), newEvent()] }]);
      const good = await appendOneBy(log, streams(30));
      await consumer.waitFor(33, patienceMs);
      isBroken = true;
      await expect(consumer.rebuild()).rejects.toMatchObject({ code: 'failed-precondition', message: expect.stringContaining('bad-1 at position 2: no way') });
      expect(await applied()).toEqual(idsOf([...good, ...bad]));
      expect(await consumer.status()).toMatchObject({ parked: 0, run: { state: 'refused', parked: 1 } });
      await consumer.rebuild({ acceptParked: true });
      expect(await applied()).toEqual(idsOf([...good, ...bad.slice(0, 1)]));
      expect(await consumer.parked()).toMatchObject([{ stream: 'bad-1', position: 2, version: 2, error: 'no way' }]);
      isBroken = false;
      await consumer.retryParked('bad-1');
      expect(await applied()).toEqual(idsOf([...good, ...bad]));
    });

    it('leaves out what people have skipped', async () => {
      const { log, projection } = subject();
      const fragile = recorder(subject, {
        async apply(events, tx) {
          for (const event of events) {
            if (event.type === 'Bad') throw new Error('no way');
            await projection.add(tx, event);
          }
        },
      });
      const consumer = await run(subject, fragile);
      const bad = await log.append([{ stream: 'bad-1', events: [newEvent(), newEvent('Bad'), newEvent()] }]);
      await consumer.waitFor(3, patienceMs);
      await consumer.skipParked('bad-1', 'known');
      await consumer.rebuild();
      expect(await applied()).toEqual(idsOf(bad.filter((event) => event.type !== 'Bad')));
      expect(await consumer.compare()).toMatchObject({ differences: 0 });
      // Also where it is made anew in place.
      await subject().recoverTo(3);
      const later = await log.append([{ stream: 'bad-1', events: [newEvent()] }]);
      await consumer.waitFor(4, patienceMs);
      await expect.poll(applied).toEqual(idsOf([...bad.filter((event) => event.type !== 'Bad'), ...later]));
    });
  });

  describe('a comparison', () => {
    it('finds what is missing and what is too much, and changes nothing', async () => {
      const { log, checkpoints, projection } = subject();
      const consumer = await run(subject, recorder(subject));
      const recorded = await appendOneBy(log, streams(30));
      await consumer.waitFor(30, patienceMs);
      const stray = { ...recorded[0]!, id: crypto.randomUUID() };
      await checkpoints.transaction((tx) => projection.add(tx, stray));
      expect(await consumer.compare()).toMatchObject({ consumer: 'test.recorder', rows: 31, differences: 1, sample: [expect.stringMatching(/^applied /)] });
      expect(await applied()).toEqual(idsOf([...recorded, stray]));
      expect((await consumer.status()).run).toMatchObject({ kind: 'compare', state: 'done', message: '1 differences' });
      await consumer.rebuild();
      expect(await consumer.compare()).toMatchObject({ rows: 30, differences: 0 });
    });

    it('is at the same position as live, while events go on coming', async () => {
      const { log } = subject();
      const consumer = await run(subject, recorder(subject));
      const over = new AbortController();
      const writing = (async () => {
        // In memory nothing waits for a disk: everybody else gets their turn here.
        while (!over.signal.aborted) await Promise.all([appendOneBy(log, streams(5)), new Promise((resolve) => setTimeout(resolve, 1))]);
      })();
      for (let round = 0; round < 5; round++) expect(await consumer.compare()).toMatchObject({ differences: 0 });
      over.abort();
      await writing;
    });

    it('does not blame a projection for the streams that it has parked', async () => {
      const { log, projection } = subject();
      let isBroken = true;
      const fragile = recorder(subject, {
        async apply(events, tx) {
          for (const event of events) {
            if (isBroken && event.type === 'Bad') throw new Error('no way');
            await projection.add(tx, event);
          }
        },
      });
      const consumer: RunningConsumer = await run(subject, fragile);
      await log.append([{ stream: 'bad-1', events: [newEvent(), newEvent('Bad'), newEvent()] }]);
      await consumer.waitFor(3, patienceMs);
      isBroken = false;
      expect(await consumer.compare()).toMatchObject({ rows: 1, differences: 0 });
    });

    it('is made once a day, by one of the replicas', async () => {
      let now = Date.now();
      const one = await run(subject, recorder(subject), { clock: () => now, owner: 'one' });
      const two = await run(subject, recorder(subject), { clock: () => now, owner: 'two' });
      const compared = async (): Promise<number> =>
        (await Promise.all([one.compareIfDue(), two.compareIfDue()])).filter((verdict) => verdict !== undefined).length;
      expect(await compared()).toBe(0);
      now += compareEveryMs + compareJitterMs;
      expect(await compared()).toBe(1);
      expect(await compared()).toBe(0);
      now += compareEveryMs + compareJitterMs;
      expect(await compared()).toBe(1);
    });
  });
}
