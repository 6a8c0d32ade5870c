import { isIP } from 'node:net';
import { AppError } from '@plumbline/contracts';
import { addressClassOf } from './address.ts';

/** Where events may be sent; the installation's settings, not the subscriber's. */
export interface DestinationPolicy {
  /** `hooks.example.com`, `*.example.com` (every name below it) or `*`. Absent: every host with a public address. */
  allowedHosts?: readonly string[];
  /** Addresses that only this network knows. Metadata services stay refused. */
  allowPrivateNetworks: boolean;
  allowLoopback: boolean;
  /** Without TLS, everybody on the way reads the events. */
  allowHttp: boolean;
}

/**
 * What can be told without asking the network. The address is checked when a connection is made, each time anew.
 * @throws AppError `invalid-argument` for what is no such URL, `permission-denied` for what the policy refuses
 */
export function parseDestination(text: string, policy: DestinationPolicy): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The text is not repeated: it may hold a password or a token.
  if (url === undefined) throw new AppError('invalid-argument', "The subscription's url is not a URL; give one like https://hooks.example.com/plumbline");
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new AppError('invalid-argument', `The subscription's url starts with ${url.protocol}; only https: is delivered to`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('invalid-argument', "The subscription's url holds a user or a password; the signature says who sends, leave them out");
  }
  if (url.hash !== '') throw new AppError('invalid-argument', "The subscription's url holds a fragment (#…), which is never sent; leave it out");
  if (url.port === '0') throw new AppError('invalid-argument', "The subscription's url names port 0; give a port from 1 to 65535");
  if (url.protocol === 'http:' && !policy.allowHttp) {
    throw new AppError('permission-denied', "The subscription's url is without TLS, which this installation does not allow; use https:");
  }
  const host = hostOf(url);
  if (policy.allowedHosts !== undefined && !policy.allowedHosts.some((pattern) => matches(pattern.toLowerCase(), host))) {
    throw new AppError('permission-denied', `Events may not be sent to ${host}: the host is not among those that this installation allows`);
  }
  if (isIP(host) !== 0) requireAllowed(host, host, policy);
  return url;
}

/** Lower case, no brackets, no dot at the end: one name has one form. Other forms of IPv4 (octal, hex, one number) are resolved by URL itself. */
export const hostOf = (url: URL): string =>
  url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();

/** @throws AppError `permission-denied` */
export function requireAllowed(address: string, host: string, policy: DestinationPolicy): void {
  const kind = addressClassOf(address);
  if (kind === 'public' || (kind === 'private' && policy.allowPrivateNetworks) || (kind === 'loopback' && policy.allowLoopback)) return;
  const where = address === host ? host : `${host}, which is at ${address}`;
  throw new AppError('permission-denied', `Events may not be sent to ${where}: that is a ${kind} address`, { details: { host, address, kind } });
}

function matches(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1 : host === pattern;
}
