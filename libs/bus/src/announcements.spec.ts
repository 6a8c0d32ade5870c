import type { Announcement } from '@plumbline/contracts';
import { expect, it } from 'vitest';
import { isAnnouncement, makeAnnouncements } from './announcements.ts';

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

it('passes on announcements and nothing else', () => {
  let say: (body: unknown) => void = () => undefined;
  const got: Announcement[] = [];
  makeAnnouncements({
    subscribe: (subject, listener) => {
      expect(subject).toBe('feed');
      say = listener;
      return () => undefined;
    },
  }).subscribe((announcement) => got.push(announcement));
  say({ generation: 'g', from: 1, to: 2 });
  say({ generation: 'g', from: 'x' });
  expect(got).toEqual([{ generation: 'g', from: 1, to: 2 }]);
});
