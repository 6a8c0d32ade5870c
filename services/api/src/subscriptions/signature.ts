import { createHmac } from 'node:crypto';

export interface Signed {
  /** Id of the event: the same at every try, so that the receiver can tell a repetition. */
  id: string;
  /** Unix time in seconds, of the try. */
  timestamp: number;
  body: string;
}

/**
 * Headers by the Standard Webhooks scheme. While a key is being changed there are two, and a signature by each.
 * @param keys the current one first; `whsec_` and base64 is taken as bytes, anything else as it is written
 */
export function signatureHeaders({ id, timestamp, body }: Signed, keys: readonly string[]): Record<string, string> {
  const signatures = keys.map((key) => `v1,${createHmac('sha256', keyBytes(key)).update(`${id}.${timestamp}.${body}`).digest('base64')}`);
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') };
}

const keyPrefix = 'whsec_';

const keyBytes = (key: string): Buffer => (key.startsWith(keyPrefix) ? Buffer.from(key.slice(keyPrefix.length), 'base64') : Buffer.from(key));
