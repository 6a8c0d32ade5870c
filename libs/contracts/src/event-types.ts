import type { z } from 'zod';
import type { ApplicationEvent } from './events/application.ts';
import type { AccessEvent, CommandEvent, LogEvent, ManifestsEvent, RepositoryEvent, ServiceEvent, SubscriptionEvent } from './events/platform.ts';
import { applicationEventSchemas } from './schemas/application-event-schemas.ts';
import { platformEventSchemas } from './schemas/platform-event-schemas.ts';

/** Every event that any service says. A union of events that is missing here is found by `event-types.spec.ts`. */
export type KnownEvent = ApplicationEvent | RepositoryEvent | ManifestsEvent | AccessEvent | CommandEvent | ServiceEvent | LogEvent | SubscriptionEvent;
export type EventType = KnownEvent['type'];
type DataOf<T extends EventType> = Extract<KnownEvent, { type: T }>['data'];

/** A version that was recorded once: what its data looked like, and how it is lifted to the next version. Pure; never throws for what fits the schema. */
export interface OlderVersion {
  schema: z.ZodType;
  lift(data: unknown): unknown;
}

/** The versions of one event type. The current one's number is `older.length + 1`. */
export interface EventVersions {
  /** Of the current version's data. */
  schema: z.ZodType;
  /** From version 1 on. */
  older: readonly OlderVersion[];
}

const schemas = { ...applicationEventSchemas, ...platformEventSchemas } satisfies { [T in EventType]: z.ZodType<DataOf<T>> };

/** Event types whose shape changed, with the versions before. The way to change one: docs/internals/event-schemas.md. */
const olderVersions: Partial<Record<EventType, readonly OlderVersion[]>> = {};

/** The one list of all event types. */
export const eventTypes: ReadonlyMap<string, EventVersions> = new Map(
  Object.entries(schemas).map(([type, schema]) => [type, { schema, older: olderVersions[type as EventType] ?? [] }]),
);

/** The version that is written now; 1 for a type that is not ours. */
export const currentSchemaVersion = (type: string): number => (eventTypes.get(type)?.older.length ?? 0) + 1;

/** Optional fields count: TypeScript lets one be missing on either side. */
type Deep<T> = T extends readonly (infer E)[] ? Deep<E>[] : T extends object ? { [K in keyof T]-?: Deep<T[K]> } : T;
type IsSame<A, B> = [Deep<A>, Deep<B>] extends [Deep<B>, Deep<A>] ? ([A, B] extends [B, A] ? true : false) : false;
type Unlike = { [T in EventType]: IsSame<DataOf<T>, z.output<(typeof schemas)[T]>> extends true ? never : T }[EventType];
type Unlisted = Exclude<keyof typeof schemas, EventType>;

/** Does not compile when a type and its schema differ, or a schema has no type: the message names them. */
const proof: [Unlike, Unlisted] extends [never, never] ? true : [Unlike, Unlisted] = true;
void proof;
