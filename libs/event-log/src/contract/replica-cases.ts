import { describe, expect, it } from 'vitest';
import type { Consumer } from '../port.ts';
import { idsOf, patienceMs, quickTimer, recorder, run } from './consumer-cases.ts';
import type { Subject } from './describe-event-log.ts';
import { appendOneBy, newEvent } from './sample-events.ts';

const streams = (count: number): string[] => Array.from({ length: count }, (_, i) => `stream-${i % 23}`);

/** A projection with a copy in memory, as a replica keeps it. */
function remembering<Tx>(subject: Subject<Tx>, extra: Partial<Consumer<Tx>> = {}): { consumer: Consumer<Tx>; memory: string[]; loads(): number } {
  const { projection } = subject();
  const memory: string[] = [];
  let loads = 0;
  const consumer = recorder(subject, {
    committed: (events) => void memory.push(...events.map((event) => event.id)),
    async load(tx) {
      const stored = await projection.read(tx);
      loads++;
      memory.splice(0, memory.length, ...stored);
    },
    ...extra,
  });
  return { consumer, memory, loads: () => loads };
}

export function replicaCases<Tx>(subject: Subject<Tx>): void {
  describe('a copy in memory', () => {
    it('is loaded at the start, and told of the rest', async () => {
      const { log } = subject();
      const first = await run(subject, recorder(subject));
      const recorded = await appendOneBy(log, streams(20));
      await first.waitFor(20, patienceMs);
      await first.stop();
      const { consumer, memory } = remembering(subject);
      const second = await run(subject, consumer);
      expect(memory.toSorted()).toEqual(idsOf(recorded));
      recorded.push(...(await appendOneBy(log, streams(20))));
      await second.waitFor(40, patienceMs);
      expect(memory.toSorted()).toEqual(idsOf(recorded));
    });

    it('is whole in every replica, whoever of them applied the events, each stream in order', async () => {
      const { log } = subject();
      const [one, two] = [remembering(subject), remembering(subject)];
      const running = [await run(subject, one.consumer), await run(subject, two.consumer)];
      const recorded = await appendOneBy(log, streams(120));
      await Promise.all(running.map((each) => each.waitFor(120, patienceMs)));
      for (const { memory, loads } of [one, two]) {
        expect(memory.toSorted()).toEqual(idsOf(recorded));
        for (const stream of streams(23)) {
          const ids = recorded.filter((event) => event.stream === stream).map((event) => event.id);
          expect(memory.filter((id) => ids.includes(id))).toEqual(ids);
        }
        expect(loads()).toBe(1);
      }
    });

    it('is loaded again after a rebuild, by the replica that made it and by the others, also when nothing happens', async () => {
      const { log, checkpoints, projection } = subject();
      const [one, two] = [remembering(subject), remembering(subject)];
      const rebuilding = await run(subject, one.consumer);
      const idle = await run(subject, two.consumer);
      const recorded = await appendOneBy(log, streams(20));
      await Promise.all([rebuilding, idle].map((each) => each.waitFor(20, patienceMs)));
      // Something in the table that no event put there, and both know it.
      const stray = { ...recorded[0]!, id: crypto.randomUUID() };
      await checkpoints.transaction((tx) => projection.add(tx, stray));
      one.memory.push(stray.id);
      two.memory.push(stray.id);
      await rebuilding.rebuild();
      expect(one.memory.toSorted()).toEqual(idsOf(recorded));
      await expect.poll(() => two.memory.toSorted()).toEqual(idsOf(recorded));
    });

    it('has what another replica applied by retrying a parked stream', async () => {
      const { log, projection } = subject();
      let isBroken = true;
      const fragile: Partial<Consumer<Tx>> = {
        async apply(events, tx) {
          for (const event of events) {
            if (isBroken && event.type === 'Bad') throw new Error('no way');
            await projection.add(tx, event);
          }
        },
      };
      const [one, two] = [remembering(subject, fragile), remembering(subject, fragile)];
      const retrying = await run(subject, one.consumer);
      const other = await run(subject, two.consumer);
      const recorded = await log.append([{ stream: 'bad-1', events: [newEvent(), newEvent('Bad'), newEvent()] }]);
      await Promise.all([retrying, other].map((each) => each.waitFor(3, patienceMs)));
      expect(two.memory).toEqual(idsOf(recorded.slice(0, 1)));
      isBroken = false;
      await retrying.retryParked('bad-1');
      recorded.push(...(await log.append([{ stream: 'bad-1', events: [newEvent()] }])));
      await Promise.all([retrying, other].map((each) => each.waitFor(4, patienceMs)));
      for (const { memory } of [one, two]) await expect.poll(() => memory).toEqual(recorded.map((event) => event.id));
    });
  });

  describe('a parked stream', () => {
    it('is tried once by the next version of the software, and not again by the same', async () => {
      const { log, projection } = subject();
      let tries = 0;
      let isBroken = true;
      const fragile = recorder(subject, {
        async apply(events, tx) {
          for (const event of events) {
            if (event.type === 'Bad') tries++;
            if (isBroken && event.type === 'Bad') throw new Error('no way');
            await projection.add(tx, event);
          }
        },
      });
      const start = (version: string) => run(subject, fragile, { version });
      const first = await start('1');
      const bad = await log.append([{ stream: 'bad-1', events: [newEvent('Bad'), newEvent()] }]);
      await first.waitFor(2, patienceMs);
      await first.stop();
      tries = 0;
      await (await start('1')).stop();
      expect(tries).toBe(0);
      const second = await start('2');
      await expect.poll(async () => (await second.parked())[0]?.triedBy).toBe('2');
      await second.stop();
      expect(tries).toBe(1);
      await (await start('2')).stop();
      expect(tries).toBe(1);
      isBroken = false;
      const third = await start('3');
      await expect.poll(() => third.parked()).toEqual([]);
      expect(await projection.ids()).toEqual(bad.map((event) => event.id));
    });

    it('was tried a bounded number of times, later each time, and is left alone then', async () => {
      const { log } = subject();
      const delays: number[] = [];
      let tries = 0;
      const consumer = await run(
        subject,
        recorder(subject, {
          apply: async () => {
            tries++;
            throw new Error('always');
          },
        }),
        {
          timer: (delayMs, then) => {
            if (delayMs < 1_000_000 && delayMs !== 1_000) delays.push(delayMs);
            return quickTimer(delayMs, then);
          },
        },
      );
      await log.append([{ stream: 'bad-1', events: [newEvent()] }]);
      await consumer.waitFor(1, patienceMs);
      expect(tries).toBe(6);
      expect(delays.filter((delayMs) => delayMs < 100_000)).toEqual([100, 200, 400, 800, 1_600]);
      // A minute of polls passes, and nobody tries again.
      await new Promise((resolve) => quickTimer(60_000, () => resolve(undefined)));
      expect(tries).toBe(6);
    });
  });
}
