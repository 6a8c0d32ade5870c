import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { feedSubject } from '@plumbline/contracts';
import type { Announcement } from '@plumbline/contracts';
import type { Bus } from './port.ts';

/** Has the shape of the event log's AnnouncementSource; adapters don't import each other. */
export interface Announcements {
  subscribe(listener: (announcement: Announcement) => void): () => void;
  /** Says what was committed, in a way that only a holder of the key can. */
  announce(announcement: Announcement): void;
}

/** As it goes over the bus. */
type Signed = Announcement & { mac?: unknown };

/**
 * What writers say after their commits. Consumers apply the events of an announcement without reading them again, so an
 * announcement counts only with a MAC by the platform's key: whoever reaches NATS without it says nothing to us. What
 * isn't one is dropped: the feed has the facts.
 */
export function makeAnnouncements(bus: Pick<Bus, 'subscribe' | 'publish'>, platformKey: Uint8Array): Announcements {
  const key = Buffer.from(hkdfSync('sha256', platformKey, '', 'plumbline announcement 1', 32));
  return {
    announce: (announcement) => bus.publish(feedSubject, { ...announcement, mac: macOf(announcement, key).toString('base64url') }),
    subscribe: (listener) =>
      bus.subscribe(feedSubject, (body) => {
        if (!isAnnouncement(body)) return;
        const { mac, ...announcement } = body as Signed;
        if (isOurs(announcement, mac, key)) listener(announcement);
      }),
  };
}

/** Cheap on purpose: it runs for every event in every process. */
export function isAnnouncement(body: unknown): body is Announcement {
  if (typeof body !== 'object' || body === null) return false;
  const { generation, from, to, events } = body as Partial<Announcement>;
  if (typeof generation !== 'string' || !isPosition(from) || !isPosition(to) || to < from) return false;
  return events === undefined || (Array.isArray(events) && events.length === to - from + 1 && events.every((event, index) => event?.position === from + index));
}

const isPosition = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;

/** Over the text that both sides make of it: JSON keeps the order of the fields. */
const macOf = ({ generation, from, to, events }: Announcement, key: Buffer): Buffer =>
  createHmac('sha256', key)
    .update(JSON.stringify([generation, from, to, events ?? null]))
    .digest();

function isOurs(announcement: Announcement, mac: unknown, key: Buffer): boolean {
  if (typeof mac !== 'string') return false;
  const given = Buffer.from(mac, 'base64url');
  const expected = macOf(announcement, key);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
