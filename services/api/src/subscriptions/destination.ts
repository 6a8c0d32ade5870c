import { BlockList, isIP, isIPv4 } from 'node:net';
import { AppError } from '@plumbline/contracts';
import { addressClassOf } from './address.ts';

/** Where subscriptions may point, from the ConfigMap argocd-cm: the installation's settings, not the subscriber's. */
export interface DestinationPolicy {
  /** Undefined: every public host. */
  allowedHosts: readonly string[] | undefined;
  /** `address/prefix`, or one address: what is private or loopback and may be called nevertheless. */
  allowedNetworks: readonly string[];
  /** Without TLS, everybody on the way reads the events. */
  allowHttp: boolean;
}

export const destinationSettings = {
  hosts: 'plumbline.subscriptions.allowedHosts',
  networks: 'plumbline.subscriptions.allowedNetworks',
  http: 'plumbline.subscriptions.allowHttp',
} as const;

export function readDestinationPolicy(settings: Readonly<Record<string, string | undefined>>): DestinationPolicy {
  const listOf = (text: string): string[] => text.split(/[\s,]+/).filter((each) => each !== '');
  const hosts = settings[destinationSettings.hosts];
  return {
    allowedHosts: hosts === undefined ? undefined : listOf(hosts),
    allowedNetworks: listOf(settings[destinationSettings.networks] ?? ''),
    allowHttp: settings[destinationSettings.http] === 'true',
  };
}

/**
 * The address of a receiver, if it may be one by its text alone; what its host resolves to is checked at each connection.
 *
 * @throws AppError `invalid-argument` that says which rule it breaks. The text itself is not repeated: it may hold a token.
 */
export function checkUrl(text: string, policy: DestinationPolicy): URL {
  if (!URL.canParse(text)) throw refused('it is not a URL; give one like https://hooks.example.com/plumbline');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused('it must begin with https://');
  if (url.protocol === 'http:' && !policy.allowHttp) throw refused(`it must begin with https:// (http:// only where ${destinationSettings.http} is true)`);
  if (url.username !== '' || url.password !== '') throw refused('it must not hold a user name or password; receivers check the signature');
  if (url.hash !== '') throw refused('it must not have a fragment (#…), which is never sent');
  if (url.port === '0') throw refused('port 0 is none; give one from 1 to 65535');
  const host = hostOf(url);
  if (policy.allowedHosts !== undefined && !policy.allowedHosts.some((pattern) => hostMatches(pattern, host)))
    throw refused(`host ${host} is not one of ${destinationSettings.hosts}`);
  if (isIP(host) !== 0) checkAddress(host, policy);
  return url;
}

/** Without brackets and trailing dot; IPv4 in any other notation (octal, hexadecimal, one number) is already four decimals (WHATWG URL). */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');

/** @throws AppError `invalid-argument` for an address that is neither public nor in one of the allowed networks. */
export function checkAddress(address: string, { allowedNetworks }: DestinationPolicy): void {
  const kind = addressClassOf(address);
  if (kind === 'public') return;
  if (kind === 'forbidden') throw refused(`address ${address} is link-local, reserved, a metadata service or an IPv4 address in disguise, and never called`);
  if (!allowedNetworks.some((network) => contains(network, address)))
    throw refused(`address ${address} is ${kind} and in none of ${destinationSettings.networks}`);
}

/** What is no network contains nothing. */
function contains(network: string, address: string): boolean {
  const [base = '', prefix, ...more] = network.split('/');
  const family = isIPv4(base) ? 'ipv4' : 'ipv6';
  const bits = prefix === undefined ? (family === 'ipv4' ? 32 : 128) : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
  if (more.length > 0 || isIP(base) === 0 || isIP(base) !== isIP(address) || !(bits <= (family === 'ipv4' ? 32 : 128))) return false;
  const list = new BlockList();
  list.addSubnet(base, bits, family);
  return list.check(address, family);
}

/** `*.example.com` is every name below it, `*` every name. */
function hostMatches(pattern: string, host: string): boolean {
  const wanted = pattern.toLowerCase().replace(/\.$/, '');
  if (wanted === '*') return true;
  return wanted.startsWith('*.') ? host.endsWith(wanted.slice(1)) && host.length > wanted.length - 1 : host === wanted;
}

const refused = (why: string): AppError => new AppError('invalid-argument', `events may not be sent to this url: ${why}`);
