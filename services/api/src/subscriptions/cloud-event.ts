import { categoryOf } from '@plumbline/contracts';
import type { RecordedEvent } from '@plumbline/contracts';

export interface Origin {
  /** Path of the installation: `/plumbline/argocd`. */
  source: string;
  /** Generation of the log: positions of another one mean something else. */
  generation: string;
}

/** CloudEvents 1.0, structured mode. Names of extension attributes may hold lower case letters and digits only. */
export interface CloudEvent {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  datacontenttype: 'application/json';
  position: string;
  generation: string;
  stream: string;
  streamversion: string;
  actor: string;
  schemaversion: string;
  correlation?: string;
  data: unknown;
}

/** Numbers are written as text: the Integer of CloudEvents has 32 bits, and a log grows past them. */
export function cloudEventOf(event: RecordedEvent, { source, generation }: Origin): CloudEvent {
  const { correlation } = event.metadata;
  return {
    specversion: '1.0',
    id: event.id,
    source,
    type: `dev.plumbline.${categoryOf(event.stream)}.${event.type}`,
    subject: event.stream,
    time: event.at,
    datacontenttype: 'application/json',
    position: String(event.position),
    generation,
    stream: event.stream,
    streamversion: String(event.version),
    actor: event.metadata.actor,
    schemaversion: String(event.metadata.schemaVersion),
    ...(correlation === undefined ? {} : { correlation }),
    data: event.data,
  };
}
