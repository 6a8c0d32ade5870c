import type { RecordedEvent } from '@plumbline/contracts';
import { shown } from '../events/shown-event.ts';

/** Of the log that events come from. */
export interface Origin {
  source: string;
  /** Changes when the log was recovered from an older copy: positions have another meaning then. */
  generation: string;
}

export const sourceOf = (prefix: string): string => `/plumbline/${prefix}`;

/**
 * The event as CloudEvents 1.0 in structured JSON. Names of extensions are lower case letters and digits, as the
 * specification wants them; positions are text, because its integers end at 2³¹.
 */
export function cloudEventOf(recorded: RecordedEvent, { source, generation }: Origin): Record<string, unknown> {
  const { id, type, stream, time, position, version, actor, correlation, causation, schemaVersion, data } = shown(recorded);
  return {
    specversion: '1.0',
    id,
    source,
    type: `dev.plumbline.${type}`,
    subject: stream,
    time,
    datacontenttype: 'application/json',
    position: String(position),
    generation,
    streamversion: version,
    actor,
    ...(correlation === undefined ? {} : { correlation }),
    ...(causation === undefined ? {} : { causation }),
    schemaversion: schemaVersion,
    data,
  };
}

/** What `POST …/test` sends: no event of the log, so without a position. */
export const testEventOf = (name: string, { id, source, time }: { id: string; source: string; time: string }): Record<string, unknown> => ({
  specversion: '1.0',
  id,
  source,
  type: 'dev.plumbline.SubscriptionTest',
  subject: `subscription-${name}`,
  time,
  datacontenttype: 'application/json',
  data: { message: `a test of subscription ${name}` },
});
