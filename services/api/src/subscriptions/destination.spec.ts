import { describe, expect, it } from 'vitest';
import { parseDestination, requireAllowed } from './destination.ts';
import type { DestinationPolicy } from './destination.ts';

const strict: DestinationPolicy = { allowPrivateNetworks: false, allowLoopback: false, allowHttp: false };

const codeOf = (text: string, policy: DestinationPolicy = strict): string => {
  try {
    parseDestination(text, policy);
    return 'allowed';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('destination', () => {
  it.each(['https://hooks.example.com/x?y=1', 'https://hooks.example.com:8443/', 'https://8.8.8.8/', 'https://[2606:4700::1111]/'])('%s is allowed', (text) =>
    expect(codeOf(text)).toBe('allowed'),
  );

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
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.96.0.1/',
    'https://[fe80::1]/',
    'https://0.0.0.0/',
    'http://hooks.example.com/',
  ])('%s is refused by the policy', (text) => expect(codeOf(text)).toBe('permission-denied'));

  it.each([
    'hooks.example.com',
    '/x',
    'unix:///run/docker.sock',
    'file:///etc/passwd',
    'gopher://example.com/',
    'https://user:password@example.com/',
    'https://user@example.com/',
    'https://example.com/#x',
    'https://example.com:0/',
    'https://example.com:65536/',
    'https://[fe80::1%25eth0]/',
  ])('%s is not a destination', (text) => expect(codeOf(text)).toBe('invalid-argument'));

  it('never repeats what may hold a password', () => {
    const thrown = (text: string): string => {
      try {
        return parseDestination(text, strict).href;
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(thrown('https://user:hunter2@example.com/')).not.toContain('hunter2');
    expect(thrown('https//user:hunter2@example.com:x')).not.toContain('hunter2');
  });

  it('goes to listed hosts only, if there is a list', () => {
    const policy = { ...strict, allowedHosts: ['hooks.example.com', '*.Example.org'] };
    const allowed = ['https://hooks.example.com/', 'https://HOOKS.example.com./', 'https://a.example.org/', 'https://a.b.example.org/'];
    const refused = ['https://example.com/', 'https://a.hooks.example.com/', 'https://example.org/', 'https://evilexample.org/', 'https://.example.org/'];
    expect(allowed.map((text) => codeOf(text, policy))).toEqual(allowed.map(() => 'allowed'));
    expect(refused.map((text) => codeOf(text, policy))).not.toContain('allowed');
    expect(codeOf('https://hooks.example.com/', { ...strict, allowedHosts: [] })).toBe('permission-denied');
  });

  it('reaches private networks and loopback only where that is allowed, and metadata services never', () => {
    const open = { allowPrivateNetworks: true, allowLoopback: true, allowHttp: true, allowedHosts: ['*'] };
    expect(['http://10.0.0.1/', 'http://127.0.0.1:1/', 'http://[fd12::1]/'].map((text) => codeOf(text, open))).toEqual(['allowed', 'allowed', 'allowed']);
    expect(codeOf('http://127.0.0.1/', { ...open, allowLoopback: false })).toBe('permission-denied');
    expect(codeOf('http://10.0.0.1/', { ...open, allowPrivateNetworks: false })).toBe('permission-denied');
    expect(['http://169.254.169.254/', 'http://[fd00:ec2::254]/', 'http://100.100.100.200/'].map((text) => codeOf(text, open))).not.toContain('allowed');
  });

  it.each([
    '127.0.0.1',
    '169.254.169.254',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '224.0.0.1',
    '::ffff:10.0.0.1',
    'fe80::1',
    'fd00::1',
    '64:ff9b::a00:1',
  ])('a name at %s is refused with what it is at', (address) => {
    expect(() => requireAllowed(address, 'hooks.test', strict)).toThrow(`hooks.test, which is at ${address}`);
    expect(() => requireAllowed('8.8.8.8', 'hooks.test', strict)).not.toThrow();
  });
});
