import { BlockList, isIP, isIPv4 } from 'node:net';

/**
 * What an address may be used for. `forbidden` is never connected to, whatever is allowed: metadata services,
 * link-local, multicast, reserved, and IPv6 forms that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo).
 */
export type AddressClass = 'public' | 'private' | 'loopback' | 'forbidden';

type Subnet = readonly [network: string, prefix: number];

/** IANA special-purpose address registries (RFC 6890) and the metadata services of clouds that sit in private ranges. */
const forbidden: readonly Subnet[] = [
  ['0.0.0.0', 8],
  ['100.100.100.200', 32],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['fd00:ec2::254', 128],
  ['fd20:ce::254', 128],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];
const loopback: readonly Subnet[] = [
  ['127.0.0.0', 8],
  ['::1', 128],
];
const privateNetworks: readonly Subnet[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['fc00::', 7],
];
const globalUnicast: readonly Subnet[] = [['2000::', 3]];

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv4(address) ? 'ipv4' : 'ipv6');

function listOf(subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, familyOf(network));
  return list;
}

const lists = { forbidden: listOf(forbidden), loopback: listOf(loopback), private: listOf(privateNetworks), global: listOf(globalUnicast) };

/** A BlockList looks through an IPv4-mapped address; we don't want that: such a form has no place in a destination. */
const isMapped = listOf([['::ffff:0:0', 96]]);

/** @param address an IP address without brackets; anything else is forbidden. */
export function addressClassOf(address: string): AddressClass {
  // A zone (`fe80::1%eth0`) names an interface of this machine.
  if (isIP(address) === 0 || address.includes('%')) return 'forbidden';
  const family = familyOf(address);
  if (family === 'ipv6' && isMapped.check(address, 'ipv6')) return 'forbidden';
  if (lists.forbidden.check(address, family)) return 'forbidden';
  if (lists.loopback.check(address, family)) return 'loopback';
  if (lists.private.check(address, family)) return 'private';
  // Of IPv6 only what is handed out for the internet: new special ranges are refused without our knowing them.
  return family === 'ipv4' || lists.global.check(address, family) ? 'public' : 'forbidden';
}
