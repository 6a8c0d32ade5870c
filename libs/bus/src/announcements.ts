import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { feedSubject } from '@plumbline/contracts';
import type { Announcement, Metrics } from '@plumbline/contracts';
import type { Bus } from './port.ts';

/** Has the shape of the event log's AnnouncementSource; adapters don't import each other. */
export interface Announcements {
  subscribe(listener: (announcement: Announcement) => void): () => void;
}

export interface AnnouncementOptions {
  /** Shared by all services of an installation and by nobody else. */
  key: Uint8Array;
  metrics: Metrics;
}

/** From the key of the installation (PLUMBLINE_KEY): who speaks on the bus isn't thereby one of ours. */
export const announcementKey = (installationKey: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', installationKey, '', 'plumbline announcement 1', 32));

/** Says what was committed, so that who has the key can tell that one of ours said it. */
export function announceOn(bus: Pick<Bus, 'publish'>, { key }: Pick<AnnouncementOptions, 'key'>): (announcement: Announcement) => void {
  return (announcement) => bus.publish(feedSubject, { ...announcement, mac: macOf(announcement, key).toString('base64') });
}

/**
 * What writers say after their commits. Consumers apply the events that it carries: what was not said by one of ours, or
 * does not look like an announcement, is dropped and counted, and the feed has the facts.
 */
export function makeAnnouncements(bus: Pick<Bus, 'subscribe'>, { key, metrics }: AnnouncementOptions): Announcements {
  return {
    subscribe: (listener) =>
      bus.subscribe(feedSubject, (body) => {
        const announcement = authentic(body, key);
        if (announcement !== undefined && isAnnouncement(announcement)) listener(announcement);
        else metrics.count('announcements_refused_total');
      }),
  };
}

/** Over the JSON text without the code: parsed and written again, it is the same text. */
function macOf(announcement: object, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update(JSON.stringify(announcement)).digest();
}

function authentic(body: unknown, key: Uint8Array): object | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { mac, ...announcement } = body as { mac?: unknown };
  if (typeof mac !== 'string') return undefined;
  const given = Buffer.from(mac, 'base64');
  const wanted = macOf(announcement, key);
  return given.length === wanted.length && timingSafeEqual(given, wanted) ? announcement : undefined;
}

/** Cheap on purpose: it runs for every event in every process. */
export function isAnnouncement(body: unknown): body is Announcement {
  if (typeof body !== 'object' || body === null) return false;
  const { generation, from, to, events } = body as Partial<Announcement>;
  if (typeof generation !== 'string' || !isPosition(from) || !isPosition(to) || to < from) return false;
  return events === undefined || (Array.isArray(events) && events.length === to - from + 1 && events.every((event, index) => event?.position === from + index));
}

const isPosition = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;
