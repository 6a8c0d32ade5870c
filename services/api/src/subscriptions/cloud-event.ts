import { createHmac } from 'node:crypto';
import type { RecordedEvent } from '@plumbline/contracts';
import { shown } from '../events/shown-event.ts';

/** The event as CloudEvents 1.0 in structured JSON. Extension names are lower case, as the specification wants them. */
export function cloudEventOf(recorded: RecordedEvent, prefix: string): Record<string, unknown> {
  const { id, type, stream, time, position, version, actor, correlation, schemaVersion, data } = shown(recorded);
  return {
    specversion: '1.0',
    id,
    source: `/plumbline/${prefix}`,
    type: `dev.plumbline.${type}`,
    subject: stream,
    time,
    datacontenttype: 'application/json',
    position,
    stream,
    streamversion: version,
    actor,
    ...(correlation === undefined ? {} : { correlation }),
    schemaversion: schemaVersion,
    data,
  };
}

/**
 * The headers of Standard Webhooks. Each key gives a signature, so that a receiver may know either while one is replaced.
 * Keys are the text as it was shown; a `whsec_` in front is base64, as the specification says.
 */
export function signatureHeaders(message: { id: string; body: string; seconds: number }, keys: readonly string[]): Record<string, string> {
  const signed = `${message.id}.${message.seconds}.${message.body}`;
  const signatures = keys.map((key) => `v1,${createHmac('sha256', keyBytes(key)).update(signed).digest('base64')}`);
  return { 'webhook-id': message.id, 'webhook-timestamp': String(message.seconds), 'webhook-signature': signatures.join(' ') };
}

const keyBytes = (key: string): Buffer => (key.startsWith('whsec_') ? Buffer.from(key.slice(6), 'base64') : Buffer.from(key, 'utf8'));
