import { BlockList, isIP, isIPv6 } from 'node:net';
import { AppError } from '@plumbline/contracts';

/** Where subscriptions may point, from the ConfigMap argocd-cm. */
export interface DestinationPolicy {
  /** Undefined: every public host. */
  allowedHosts: readonly string[] | undefined;
  /** Also allows http. */
  allowPrivateNetworks: boolean;
}

export function readDestinationPolicy(settings: Readonly<Record<string, string | undefined>>): DestinationPolicy {
  const hosts = settings['plumbline.subscriptions.allowedHosts'];
  return {
    allowedHosts: hosts?.split(/[\s,]+/).filter((host) => host !== ''),
    allowPrivateNetworks: settings['plumbline.subscriptions.allowPrivateNetworks'] === 'true',
  };
}

/**
 * The address of a receiver, if it may be one by its text alone; what its host resolves to is checked when connecting.
 *
 * @throws AppError `invalid-argument` that says which rule it breaks. The text itself is not repeated: it may hold a token.
 */
export function checkUrl(text: string, policy: DestinationPolicy): URL {
  if (!URL.canParse(text)) throw refused('the address is not a URL');
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && policy.allowPrivateNetworks)) {
    throw refused('the address must begin with https:// (http only where plumbline.subscriptions.allowPrivateNetworks is set)');
  }
  if (url.username !== '' || url.password !== '') throw refused('the address must not hold a user name or password; receivers check the signature');
  if (url.hash !== '') throw refused('the address must not have a fragment');
  const host = hostOf(url);
  if (policy.allowedHosts !== undefined && !policy.allowedHosts.some((pattern) => hostMatches(pattern, host))) {
    throw refused(`host ${host} is not one of plumbline.subscriptions.allowedHosts`);
  }
  if (isIP(host) !== 0) checkAddress(host, policy);
  return url;
}

/** Without brackets and trailing dot; numbers of every notation are already four decimal ones (WHATWG URL). */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');

/** @throws AppError `invalid-argument` for an address that is not one of the public internet, unless those are allowed. */
export function checkAddress(address: string, { allowPrivateNetworks }: DestinationPolicy): void {
  if (isNowhere(address)) throw refused(`address ${address} is no receiver's`);
  if (!allowPrivateNetworks && isPrivate(address)) {
    throw refused(`address ${address} is not on the public internet (plumbline.subscriptions.allowPrivateNetworks is not set)`);
  }
}

/** `*` stands for any text without a limit to one label, as in Argo CD's patterns of hosts. */
function hostMatches(pattern: string, host: string): boolean {
  const parts = pattern.toLowerCase().replace(/\.$/, '').split('*');
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return first === host;
  if (!host.startsWith(first) || !host.endsWith(last) || host.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = host.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= host.length - last.length;
}

function listOf(...subnets: string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', bits = ''] = subnet.split('/');
    list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** Multicast, broadcast and reserved: nothing that answers HTTP, whoever allows it. */
const nowhere = listOf('224.0.0.0/4', '240.0.0.0/4', 'ff00::/8');

/** IANA's special-purpose registries: everything that is not globally reachable, or leads to something that may not be. */
const privateV4 = listOf(
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
);
/** Only 2000::/3 is given out; from it what carries an IPv4 address inside (Teredo, 6to4) and documentation. */
const publicV6 = listOf('2000::/3');
const excludedV6 = listOf('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20');

const isNowhere = (address: string): boolean => nowhere.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

function isPrivate(address: string): boolean {
  if (!isIPv6(address)) return privateV4.check(address, 'ipv4');
  return !publicV6.check(address, 'ipv6') || excludedV6.check(address, 'ipv6');
}

const refused = (why: string): AppError => new AppError('invalid-argument', `the subscription can't be delivered there: ${why}`);
