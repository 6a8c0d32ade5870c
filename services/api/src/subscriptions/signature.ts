import { createHmac } from 'node:crypto';

export interface Signed {
  /** Id of the event: the same at every try, so that the receiver can tell a repetition. */
  id: string;
  /** Unix time of the try. */
  seconds: number;
  body: string;
}

/**
 * Two schemes over the same keys: `Plumbline-Signature: t=…,v1=<hex>` is HMAC-SHA256 of `t.body`, as Stripe and GitHub
 * do it; `webhook-signature` is that of Standard Webhooks, over `id.t.body` in base64, for its libraries. While a key is
 * replaced there are two, and a signature by each.
 *
 * @param keys the present one first; `whsec_` and base64 is taken as bytes, anything else as it is written
 */
export function signatureHeaders({ id, seconds, body }: Signed, keys: readonly string[]): Record<string, string> {
  const mac = (key: string, text: string, encoding: 'hex' | 'base64'): string => createHmac('sha256', keyBytes(key)).update(text).digest(encoding);
  return {
    'plumbline-signature': [`t=${seconds}`, ...keys.map((key) => `v1=${mac(key, `${seconds}.${body}`, 'hex')}`)].join(','),
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': keys.map((key) => `v1,${mac(key, `${id}.${seconds}.${body}`, 'base64')}`).join(' '),
  };
}

const keyPrefix = 'whsec_';

const keyBytes = (key: string): Buffer => (key.startsWith(keyPrefix) ? Buffer.from(key.slice(keyPrefix.length), 'base64') : Buffer.from(key, 'utf8'));
