import { noMetrics } from '@plumbline/contracts';
import type { Announcement } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { announceOn, isAnnouncement, makeAnnouncements } from './announcements.ts';

const event = (position: number): object => ({ position, id: 'e', stream: 'a-1', version: 1, type: 'T', data: {}, metadata: {}, at: '2026-01-01T00:00:00Z' });

it.each<[string, unknown, boolean]>([
  ['with events', { generation: 'g', from: 3, to: 4, events: [event(3), event(4)] }, true],
  ['without events', { generation: 'g', from: 3, to: 90 }, true],
  ['no generation', { from: 3, to: 4 }, false],
  ['backwards', { generation: 'g', from: 4, to: 3 }, false],
  ['position 0', { generation: 'g', from: 0, to: 3 }, false],
  ['an event missing', { generation: 'g', from: 3, to: 4, events: [event(3)] }, false],
  ['a gap', { generation: 'g', from: 3, to: 4, events: [event(3), event(5)] }, false],
  ['not an object', 'hello', false],
  ['null', null, false],
])('knows an announcement: %s', (_title, body, expected) => {
  expect(isAnnouncement(body)).toBe(expected);
});

describe('what is heard', () => {
  const key = Buffer.alloc(32, 7);
  function setUp() {
    let hear: (body: unknown) => void = () => undefined;
    const got: Announcement[] = [];
    let refused = 0;
    const metrics = { ...noMetrics, count: () => void refused++ };
    const bus = { subscribe: (_: string, listener: (body: unknown) => void) => ((hear = listener), () => undefined) };
    makeAnnouncements(bus, { key, metrics }).subscribe((announcement) => got.push(announcement));
    /** As it goes over the wire. */
    const say = (body: unknown): void => hear(JSON.parse(JSON.stringify(body)));
    return { say, got, refused: () => refused };
  }
  const said = (announcement: unknown, by: Uint8Array = key): Record<string, unknown> => {
    let body: unknown;
    announceOn({ publish: (_, published) => void (body = published) }, { key: by })(announcement as Announcement);
    return body as Record<string, unknown>;
  };

  it('is what one of ours said', () => {
    const { say, got } = setUp();
    const announcement = { generation: 'g', from: 3, to: 3, events: [{ ...event(3), data: { b: 1.5, a: 'ü\u2028', 10: [null, {}] } }] };
    say(said(announcement));
    expect(got).toEqual([announcement]);
  });

  it.each<[string, unknown]>([
    ['nobody signed', { generation: 'g', from: 1, to: 2 }],
    ['somebody else signed', said({ generation: 'g', from: 1, to: 2 }, Buffer.alloc(32, 8))],
    ['was changed afterwards', { ...said({ generation: 'g', from: 1, to: 2 }), to: 3 }],
    ['has a code that is none', { generation: 'g', from: 1, to: 2, mac: 7 }],
    ['is no announcement, though ours', said({ generation: 'g', from: 'x' })],
    ['is not even an object', 'hello'],
  ])('is not what %s', (_, body) => {
    const { say, got, refused } = setUp();
    say(body);
    expect(got).toEqual([]);
    expect(refused()).toBe(1);
  });
});
