import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Provider } from './push.ts';

/** Keys of argocd-secret. */
export const secretKeys: Readonly<Record<Provider, string>> = { github: 'webhook.github.secret', gitlab: 'webhook.gitlab.secret' };

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Is the request from who knows the secret? GitHub signs the bytes of the body, GitLab sends the secret itself. Takes the same time whatever is sent. */
export function isAuthentic(provider: Provider, headers: Headers, rawBody: Uint8Array, secret: string): boolean {
  if (provider === 'gitlab') return isSame(headerOf(headers, 'x-gitlab-token'), secret);
  const expected = `sha256=${createHmac('sha256', secret).update(rawBody).digest('hex')}`;
  return isSame(headerOf(headers, 'x-hub-signature-256').toLowerCase(), expected);
}

/** A header that came twice is no signature. */
function headerOf(headers: Headers, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

/** Digests have one length, so nothing is told by comparing what has another. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
