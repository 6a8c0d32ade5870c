import { feedSubject } from '@plumbline/contracts';
import type { Announcement } from '@plumbline/contracts';
import type { Bus } from './port.ts';

/** Has the shape of the event log's AnnouncementSource; adapters don't import each other. */
export interface Announcements {
  subscribe(listener: (announcement: Announcement) => void): () => void;
}

/** What writers say after their commits. What does not look like an announcement is dropped: the feed has the facts. */
export function makeAnnouncements(bus: Pick<Bus, 'subscribe'>): Announcements {
  return {
    subscribe: (listener) =>
      bus.subscribe(feedSubject, (body) => {
        if (isAnnouncement(body)) listener(body);
      }),
  };
}

/** Cheap on purpose: it runs for every event in every process. A writer is one of ours; NATS' subject rights see to that. */
export function isAnnouncement(body: unknown): body is Announcement {
  if (typeof body !== 'object' || body === null) return false;
  const { generation, from, to, events } = body as Partial<Announcement>;
  if (typeof generation !== 'string' || !isPosition(from) || !isPosition(to) || to < from) return false;
  return events === undefined || (Array.isArray(events) && events.length === to - from + 1 && events.every((event, index) => event?.position === from + index));
}

const isPosition = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;
