import type { Announcement, RecordedEvent, Upcast } from '@plumbline/contracts';
import { announcedEventOverheadBytes, announcementBytesMax } from './limits.ts';
import type { AnnouncementSource } from './port.ts';

/** Hands an announcement on: to NATS in production. Must not throw; whoever misses it reads the feed. */
export type Announce = (announcement: Announcement) => void;

/** What one transaction has appended: consecutive positions, since nobody else can append before it ends. */
export interface Appended {
  generation: string;
  events: RecordedEvent[];
  /** Bytes of their data and metadata. */
  sizeBytes: number;
}

/** Undefined when there is nothing to say. */
export function announcementOf({ generation, events, sizeBytes }: Appended): Announcement | undefined {
  const first = events[0];
  const last = events.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const range = { generation, from: first.position, to: last.position };
  let messageBytes = sizeBytes;
  for (const event of events) messageBytes += announcedEventOverheadBytes + 3 * (event.stream.length + event.type.length);
  return messageBytes <= announcementBytesMax ? { ...range, events } : range;
}

/** Announced events as this process knows them: a writer of an older release says them in older versions. */
export function upcastAnnouncements(source: AnnouncementSource, upcast: Upcast): AnnouncementSource {
  return {
    subscribe: (listener) =>
      source.subscribe((announcement) =>
        listener(announcement.events === undefined ? announcement : { ...announcement, events: announcement.events.map(upcast) }),
      ),
  };
}

/** Announcements within one process: what is announced reaches every subscriber, in its own turn of the event loop. */
export function makeLocalAnnouncements(): AnnouncementSource & { announce: Announce } {
  const listeners = new Set<(announcement: Announcement) => void>();
  return {
    announce(announcement) {
      for (const listener of listeners) queueMicrotask(() => listener(announcement));
    },
    subscribe(listener) {
      const own = (announcement: Announcement): void => listener(announcement);
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}
