import type { Announcement } from '@plumbline/contracts';
import { expect, it } from 'vitest';
import type { Announcements } from './announcements.ts';
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

const platformKey = Buffer.alloc(32, 7);

/** A bus on which `say` is what somebody publishes. */
function busOf(): { announcements: Announcements; said: unknown[]; got: Announcement[]; say: (body: unknown) => void } {
  const said: unknown[] = [];
  const got: Announcement[] = [];
  let listener: (body: unknown) => void = () => undefined;
  const announcements = makeAnnouncements(
    {
      publish: (subject, body) => void said.push([subject, JSON.parse(JSON.stringify(body))]),
      subscribe: (subject, hear) => {
        expect(subject).toBe('feed');
        listener = hear;
        return () => undefined;
      },
    },
    platformKey,
  );
  announcements.subscribe((announcement) => got.push(announcement));
  return { announcements, said, got, say: (body) => listener(body) };
}

const announced = { generation: 'g', from: 1, to: 2, events: [event(1), event(2)] } as unknown as Announcement;

it('passes on what was announced with the key', () => {
  const { announcements, said, got, say } = busOf();
  announcements.announce(announced);
  announcements.announce({ generation: 'g', from: 3, to: 90 });
  for (const [, body] of said as [string, unknown][]) say(body);
  expect(got).toEqual([announced, { generation: 'g', from: 3, to: 90 }]);
});

it('drops what was made up, changed or announced with another key', () => {
  const { announcements, said, got, say } = busOf();
  announcements.announce(announced);
  const [, signed] = said[0] as [string, Record<string, unknown>];
  say(announced);
  say({ generation: 'g', from: 9_000_000, to: 9_000_000 });
  say({ ...signed, to: 3, events: [event(1), event(2), event(3)] });
  say({ ...signed, events: [{ ...event(1), type: 'Other' }, event(2)] });
  say({ ...signed, generation: 'h' });
  say({ ...signed, mac: 'AAAA' });
  say({ generation: 'g', from: 'x' });
  const others: unknown[] = [];
  makeAnnouncements({ publish: (_, body) => void others.push(body), subscribe: () => () => undefined }, Buffer.alloc(32, 8)).announce(announced);
  say(others[0]);
  expect(got).toEqual([]);
});
