import { describe, expect, it } from 'vitest';
import { checkAddress, checkUrl, destinationSettings, readDestinationPolicy } from './destination.ts';
import type { DestinationPolicy } from './destination.ts';

const policyOf = ({ hosts, networks, http }: { hosts?: string; networks?: string; http?: string } = {}): DestinationPolicy =>
  readDestinationPolicy({ [destinationSettings.hosts]: hosts, [destinationSettings.networks]: networks, [destinationSettings.http]: http });
const strict = policyOf();
const everything = policyOf({ networks: '0.0.0.0/0 ::/0', http: 'true' });
const verdict = (text: string, policy: DestinationPolicy): string => {
  try {
    return `allowed ${checkUrl(text, policy).href}`;
  } catch (error) {
    return (error as Error).message;
  }
};

describe('where a subscription may point', () => {
  it.each([
    'https://127.0.0.1/',
    'https://127.0.0.1./',
    'https://127.1/',
    'https://2130706433/',
    'https://0177.0.0.1/',
    'https://0x7f.0.0.1/',
    'https://0x7f000001/',
    'https://①②⑦.0.0.1/',
    'https://[::1]/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://10.96.0.1/',
    'https://0xa.1/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://[fc00::1]/',
    'https://[fd12:3456::1]/',
  ])('%s only where its network is allowed', (url) => {
    expect(verdict(url, strict)).toMatch(/is (private|loopback) and in none of plumbline.subscriptions.allowedNetworks/);
    expect(verdict(url, everything)).toMatch(/^allowed/);
  });

  it.each([
    'https://0.0.0.0/',
    'https://0/',
    'https://169.254.169.254/latest/meta-data/',
    'https://0xa9fea9fe/',
    'https://100.100.100.200/',
    'https://224.0.0.1/',
    'https://240.0.0.1/',
    'https://255.255.255.255/',
    'https://198.18.0.1/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://[64:ff9b:1::a00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[2001:0:7f00:1::]/',
    'https://[fe80::1]/',
    'https://[fec0::1]/',
    'https://[ff02::1]/',
    'https://[fd00:ec2::254]/',
  ])('%s never', (url) => {
    for (const policy of [strict, everything]) expect(verdict(url, policy)).toMatch(/never called/);
  });

  it.each([
    ['http://example.com/', /https:/],
    ['ftp://example.com/', /https:/],
    ['unix:///run/docker.sock', /https:/],
    ['file:///etc/passwd', /https:/],
    ['https://user@example.com/', /user name/],
    ['https://user:word@example.com/', /user name/],
    ['https://example.com/#a', /fragment/],
    ['https://example.com:0/', /port 0/],
    ['https://example.com:65536/', /not a URL/],
    ['https://[fe80::1%25eth0]/', /not a URL/],
    ['nothing', /not a URL/],
  ])('not %s', (url, why) => expect(verdict(url, strict)).toMatch(why));

  it.each(['https://example.com/hook', 'https://8.8.8.8/', 'https://172.32.0.1/', 'https://100.128.0.1/', 'https://[2606:4700::1111]/'])('%s', (url) =>
    expect(verdict(url, strict)).toBe(`allowed ${url}`),
  );

  it('never repeats what may hold a password', () => {
    for (const url of ['https://user:hunter2@example.com/', 'https//user:hunter2@example.com:x', 'ftp://x/hunter2'])
      expect(verdict(url, strict)).not.toContain('hunter2');
  });

  it.each([
    ['hooks.example.com', true],
    ['HOOKS.example.com.', true],
    ['a.corp.example', true],
    ['a.b.corp.example', true],
    ['corp.example', false],
    ['xcorp.example', false],
    ['a.corp.example.evil.example', false],
    ['xhooks.example.com', false],
    ['a.hooks.example.com', false],
  ])('with a list of hosts: %s %s', (host, isAllowed) => {
    const policy = policyOf({ hosts: 'hooks.example.com, *.Corp.example\n' });
    expect(verdict(`https://${host}/`, policy)).toMatch(isAllowed ? /^allowed/ : /allowedHosts/);
  });

  it('no host at all where the list is empty, any where it is *', () => {
    expect(verdict('https://example.com/', policyOf({ hosts: '' }))).toMatch(/allowedHosts/);
    expect(verdict('https://example.com/', policyOf({ hosts: '*' }))).toMatch(/^allowed/);
    expect(verdict('https://127.0.0.1/', policyOf({ hosts: '*' }))).toMatch(/loopback/);
  });

  it.each([
    ['10.1.0.0/16', '10.1.2.3', true],
    ['10.1.0.0/16', '10.2.0.1', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['fd12::/16', 'fd12::7', true],
    ['fd12::/16', '10.1.2.3', false],
    ['::/0', '10.1.2.3', false],
    // What is no network allows nothing.
    ['10.0.0.0/', '10.0.0.1', false],
    ['10.0.0.0/33', '10.0.0.1', false],
    ['10.0.0.0/-1', '10.0.0.1', false],
    ['10.0.0.0/8/8', '10.0.0.1', false],
    ['all', '10.0.0.1', false],
  ])('network %s with %s: %s', (network, address, isAllowed) => {
    const check = (): void => checkAddress(address, policyOf({ networks: network }));
    if (isAllowed) expect(check).not.toThrow();
    else expect(check).toThrow(/allowedNetworks/);
  });
});
