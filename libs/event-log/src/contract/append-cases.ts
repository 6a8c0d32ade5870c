import { describe, expect, it } from 'vitest';
import { eventDataBytesMax } from '../limits.ts';
import type { Subject } from './describe-event-log.ts';
import { metadata, newEvent } from './sample-events.ts';

export function appendCases<Tx>(subject: Subject<Tx>): void {
  describe('append', () => {
    it('numbers events densely over streams, and from 1 within each', async () => {
      const { log } = subject();
      const first = await log.append([{ stream: 'a-1', events: [newEvent(), newEvent()] }]);
      const second = await log.append([
        { stream: 'b-1', events: [newEvent()] },
        { stream: 'a-1', events: [newEvent()] },
      ]);
      expect(first.map((e) => [e.stream, e.position, e.version])).toEqual([
        ['a-1', 1, 1],
        ['a-1', 2, 2],
      ]);
      expect(second.map((e) => [e.stream, e.position, e.version])).toEqual([
        ['b-1', 3, 1],
        ['a-1', 4, 3],
      ]);
      expect((await log.head()).position).toBe(4);
    });

    it('answers what the feed and the stream then have', async () => {
      const { log } = subject();
      const answered = await log.append([{ stream: 'a-1', events: [newEvent('Named', { b: 1, a: undefined, when: new Date(0) })] }]);
      expect(answered[0]).toMatchObject({ type: 'Named', data: { b: 1, when: '1970-01-01T00:00:00.000Z' }, metadata });
      expect(answered[0]?.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      expect((await log.readFeed({ after: 0, limit: 10 })).events).toEqual(answered);
      expect(await log.readStream('a-1')).toEqual(answered);
    });

    it('refuses an expected version that is not the actual one, and appends nothing of the batch', async () => {
      const { log } = subject();
      await log.append([{ stream: 'a-1', expectedVersion: 0, events: [newEvent()] }]);
      const refused = log.append([
        { stream: 'b-1', events: [newEvent()] },
        { stream: 'a-1', expectedVersion: 0, events: [newEvent()] },
      ]);
      await expect(refused).rejects.toMatchObject({ code: 'conflict', details: { stream: 'a-1', expected: 0, actual: 1 } });
      await expect(log.append([{ stream: 'c-1', expectedVersion: 3, events: [newEvent()] }])).rejects.toMatchObject({
        details: { stream: 'c-1', expected: 3, actual: 0 },
      });
      expect((await log.head()).position).toBe(1);
      expect(await log.readStream('b-1')).toEqual([]);
      const [next] = await log.append([{ stream: 'a-1', expectedVersion: 1, events: [newEvent()] }]);
      expect(next).toMatchObject({ position: 2, version: 2 });
    });

    it('answers a retry with what is recorded, whatever version it expects', async () => {
      const { log } = subject();
      const batch = [{ stream: 'a-1', expectedVersion: 0, events: [newEvent('First', { n: 1 }), newEvent('Second', { n: 2 })] }];
      const recorded = await log.append(batch);
      await log.append([{ stream: 'a-1', events: [newEvent()] }]);
      expect(await log.append(batch)).toEqual(recorded);
      expect((await log.head()).position).toBe(3);
    });

    it('answers the recorded event also when the retry says something else under the same id', async () => {
      const { log } = subject();
      const event = newEvent('Said', { n: 1 });
      const recorded = await log.append([{ stream: 'a-1', events: [event] }]);
      expect(await log.append([{ stream: 'a-1', events: [{ ...event, id: event.id.toUpperCase(), data: { n: 2 } }] }])).toEqual(recorded);
    });

    it('appends what is new in a retry, if the version still fits', async () => {
      const { log } = subject();
      const old = newEvent();
      const [recorded] = await log.append([{ stream: 'a-1', events: [old] }]);
      const fresh = newEvent();
      await expect(log.append([{ stream: 'a-1', expectedVersion: 0, events: [old, fresh] }])).rejects.toMatchObject({ code: 'conflict' });
      const answered = await log.append([{ stream: 'a-1', expectedVersion: 1, events: [fresh, old] }]);
      expect(answered[1]).toEqual(recorded);
      expect(answered[0]).toMatchObject({ id: fresh.id, position: 2, version: 2 });
    });

    it('knows ids by stream: the same id in another stream is another event', async () => {
      const { log } = subject();
      const event = newEvent();
      await log.append([{ stream: 'a-1', events: [event] }]);
      const [other] = await log.append([{ stream: 'b-1', events: [event] }]);
      expect(other).toMatchObject({ stream: 'b-1', position: 2 });
    });

    it('appends nothing for nothing', async () => {
      const { log } = subject();
      expect(await log.append([])).toEqual([]);
      expect(await log.append([{ stream: 'a-1', expectedVersion: 7, events: [] }])).toEqual([]);
      expect((await log.head()).position).toBe(0);
    });

    it('keeps each outcome apart when many append at once', async () => {
      const { log } = subject();
      await log.append([{ stream: 'taken-1', events: [newEvent()] }]);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 60 }, (_, i) =>
          log.append([{ stream: i % 3 === 0 ? 'taken-1' : `own-${i}`, expectedVersion: i % 3 === 0 ? 0 : undefined, events: [newEvent('Tried', { i })] }]),
        ),
      );
      outcomes.forEach((outcome, i) => {
        if (i % 3 === 0) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'conflict', details: { stream: 'taken-1', actual: 1 } } });
        else expect(outcome).toMatchObject({ status: 'fulfilled', value: [{ stream: `own-${i}`, version: 1, data: { i } }] });
      });
      expect((await log.head()).position).toBe(41);
    });

    it('keeps the order of one writer in one stream without waiting in between', async () => {
      const { log } = subject();
      await Promise.all(Array.from({ length: 50 }, (_, i) => log.append([{ stream: 'a-1', expectedVersion: i, events: [newEvent('Counted', { i })] }])));
      expect((await log.readStream('a-1')).map((e) => e.data)).toEqual(Array.from({ length: 50 }, (_, i) => ({ i })));
    });
  });

  describe('what an event may hold', () => {
    it('is any text: NUL, lone surrogates, quotes, emoji, keys of the prototype', async () => {
      const { log } = subject();
      const data = JSON.parse(
        '{"__proto__": {"x": 1}, "constructor": "c", "nul": "a\\u0000b", "lone": "\\ud800", "emoji": "🚀 né", "quotes": "\\"\\\\{}\\n,NULL", "": null}',
      ) as unknown;
      const recorded = await log.append([{ stream: 'weird-"{}\\🚀 NULL', events: [newEvent('Null', data), newEvent('NULL', 'NULL')] }]);
      const { events } = await log.readFeed({ after: 0, limit: 10 });
      expect(events).toEqual(recorded);
      expect(events[0]?.stream).toBe('weird-"{}\\🚀 NULL');
      expect(JSON.stringify(events[0]?.data)).toBe(
        JSON.stringify({
          '': null,
          ...JSON.parse('{"__proto__": {"x": 1}}'),
          constructor: 'c',
          emoji: '🚀 né',
          lone: '\ud800',
          nul: 'a\0b',
          quotes: '"\\{}\n,NULL',
        }),
      );
      expect(events[1]?.data).toBe('NULL');
    });

    it('is at most 256 KiB of data, in UTF-8; the refusal names stream and type', async () => {
      const { log } = subject();
      const most = '💾'.repeat((eventDataBytesMax - 4) / 4);
      await log.append([{ stream: 'a-1', events: [newEvent('Fits', `${most}..`)] }]);
      await expect(log.append([{ stream: 'a-1', events: [newEvent('TooBig', `${most}...`)] }])).rejects.toMatchObject({
        code: 'too-large',
        details: { stream: 'a-1', type: 'TooBig' },
      });
      expect((await log.readStream('a-1')).length).toBe(1);
    });

    it('has a UUID, a name without line breaks, and is there once', async () => {
      const { log } = subject();
      const refused = { code: 'invalid-argument' };
      await expect(log.append([{ stream: 'a-1', events: [newEvent('A', {}, 'one')] }])).rejects.toMatchObject(refused);
      await expect(log.append([{ stream: 'a\n1', events: [newEvent()] }])).rejects.toMatchObject(refused);
      await expect(log.append([{ stream: '', events: [newEvent()] }])).rejects.toMatchObject(refused);
      await expect(log.append([{ stream: 'a-1', events: [newEvent('A\0')] }])).rejects.toMatchObject(refused);
      await expect(log.append([{ stream: 'a-1', events: [newEvent('A', undefined)] }])).resolves.toHaveLength(1);
      await expect(log.append([{ stream: 'a-1', events: [{ ...newEvent(), data: undefined }] }])).rejects.toMatchObject(refused);
      const twice = newEvent();
      await expect(log.append([{ stream: 'a-1', events: [twice, twice] }])).rejects.toMatchObject(refused);
      await expect(
        log.append([
          { stream: 'a-1', events: [newEvent()] },
          { stream: 'a-1', events: [newEvent()] },
        ]),
      ).rejects.toMatchObject(refused);
      expect((await log.head()).position).toBe(1);
    });
  });
}
