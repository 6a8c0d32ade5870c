/** Who and why of an event. `actor` is a subject (`admin`, `system:syncer`, `proj:demo:ci`), never a secret. */
export interface EventMetadata {
  actor: string;
  /** Id of the event or command that made this one happen. */
  causation?: string;
  /** One id for everything that follows from one push, command or observation. */
  correlation?: string;
  service: string;
  /** Version of this event type's data; upcasters lift older ones. */
  schemaVersion: number;
  /** W3C trace context. */
  traceparent?: string;
}

/** A fact to append. `id` derives from its cause (see `eventId`), so that a retry appends nothing twice. */
export interface NewEvent<T extends string = string, D = unknown> {
  id: string;
  type: T;
  data: D;
  metadata: EventMetadata;
}

/** A fact in the log. */
export interface RecordedEvent<T extends string = string, D = unknown> {
  /** Place in the feed: dense, 1, 2, 3 …, in commit order. */
  position: number;
  id: string;
  stream: string;
  /** Place in its stream, from 1. */
  version: number;
  type: T;
  data: D;
  metadata: EventMetadata;
  /** RFC 3339, UTC, set by the database at append. */
  at: string;
}

/** What a writer says after its commit. Only a hint: whoever misses it reads the feed. */
export interface Announcement {
  generation: string;
  from: number;
  to: number;
  /** Left out when the batch is too big for one message. */
  events?: readonly RecordedEvent[];
}

/** A stream is `category-id`; the category is the part before the first dash. */
export function categoryOf(stream: string): string {
  const dash = stream.indexOf('-');
  return dash < 0 ? stream : stream.slice(0, dash);
}
