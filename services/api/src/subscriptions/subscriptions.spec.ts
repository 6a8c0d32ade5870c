import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../limits.ts';
import { backOffMs, judge, retryAfterMs } from './attempts.ts';
import { readDeclaration } from './declaration.ts';
import { checkAddress, checkUrl, readDestinationPolicy } from './destination.ts';
import { makeSender } from './sender.ts';
import type { Resolve } from './sender.ts';
import { signatureHeaders } from './cloud-event.ts';

const strict = readDestinationPolicy({});
const lax = readDestinationPolicy({ 'plumbline.subscriptions.allowPrivateNetworks': 'true' });

describe('where a subscription may point', () => {
  it.each([
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://127.0.0.1./',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[64:ff9b:1::a00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[2001:0:7f00:1::]/',
    'https://[fe80::1]/',
    'https://[fc00::1]/',
    'https://[fd12:3456::1]/',
    'https://[fec0::1]/',
    'https://0.0.0.0/',
    'https://10.1.2.3/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://100.64.0.1/',
    'https://198.18.0.1/',
  ])('%s only where private networks are allowed', (url) => {
    expect(() => checkUrl(url, strict)).toThrow(/not on the public internet/);
    expect(() => checkUrl(url, lax)).not.toThrow();
  });

  it.each(['https://224.0.0.1/', 'https://255.255.255.255/', 'https://240.0.0.1/', 'https://[ff02::1]/'])('never %s', (url) => {
    for (const policy of [strict, lax]) expect(() => checkUrl(url, policy)).toThrow(/no receiver's/);
  });

  it.each([
    ['http://example.com/', /https:/],
    ['ftp://example.com/', /https:/],
    ['file:///etc/passwd', /https:/],
    ['https://user@example.com/', /user name/],
    ['https://user:word@example.com/', /user name/],
    ['https://example.com/#a', /fragment/],
    ['nothing', /not a URL/],
  ])('not %s', (url, why) => expect(() => checkUrl(url, strict)).toThrow(why));

  it.each(['https://example.com/hook', 'https://8.8.8.8/', 'https://172.32.0.1/', 'https://100.128.0.1/', 'https://[2606:4700::1111]/'])('%s', (url) => {
    expect(checkUrl(url, strict).href).toBe(url);
  });

  it.each([
    ['hooks.example.com', true],
    ['hooks.example.com.', true],
    ['a.corp.example', true],
    ['corp.example', false],
    ['a.corp.example.evil.example', false],
    ['xhooks.example.com', false],
  ])('with a list of hosts: %s %s', (host, isAllowed) => {
    const policy = readDestinationPolicy({ 'plumbline.subscriptions.allowedHosts': 'hooks.example.com, *.corp.example' });
    const check = () => checkUrl(`https://${host}/`, policy);
    if (isAllowed) expect(check).not.toThrow();
    else expect(check).toThrow(/allowedHosts/);
  });

  it('no host at all where the list is empty', () =>
    expect(() => checkUrl('https://example.com/', readDestinationPolicy({ 'plumbline.subscriptions.allowedHosts': '' }))).toThrow(/allowedHosts/));

  it('is judged the same for what a name resolves to', () => {
    for (const address of ['127.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '64:ff9b::1']) expect(() => checkAddress(address, strict)).toThrow();
  });
});

describe('the sender', () => {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    if (request.url === '/redirect') response.writeHead(302, { location: '/' }).end();
    else if (request.url === '/long') response.writeHead(200).end(Buffer.alloc(1024 * 1024));
    else response.writeHead(429, { 'retry-after': '7' }).end();
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const signal = new AbortController().signal;
  const message = (path: string, host = 'hook.example') => ({ url: `http://${host}:${port}${path}`, body: '{}', headers: {}, signal });

  it('asks for addresses at each connection, and connects to none that may not be', async () => {
    const answers = [['127.0.0.1'], ['224.0.0.1'], ['127.0.0.1', '224.0.0.1']];
    let asked = 0;
    const resolve: Resolve = (_host, callback) =>
      callback(
        null,
        answers[asked++]!.map((address) => ({ address, family: 4 })),
      );
    // A resolver that rebinds: allowed first, forbidden later. New connections: the sender of each try has no open one.
    const outcomes = [];
    for (let round = 0; round < 3; round++) {
      const sender = makeSender({ policy: () => lax, clock: () => 0, resolve });
      outcomes.push(await sender.send(message('/')));
      sender.close();
    }
    expect(asked).toBe(3);
    const refused = { kind: 'failed', reason: expect.stringContaining('224.0.0.1') };
    expect(outcomes).toMatchObject([{ status: 429, retryAfterMs: 7_000 }, refused, refused]);
  });

  it('does not use a connection that an older policy allowed', async () => {
    let policy = lax;
    const sender = makeSender({ policy: () => policy, clock: () => 0, resolve: (_host, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]) });
    expect(await sender.send(message('/'))).toMatchObject({ status: 429 });
    policy = { allowedHosts: ['other.example'], allowPrivateNetworks: true };
    expect(await sender.send(message('/'))).toMatchObject({ kind: 'failed', reason: expect.stringContaining('allowedHosts') });
    sender.close();
  });

  it('follows no redirect, and reads no long answer', async () => {
    const sender = makeSender({ policy: () => lax, clock: () => 0 });
    const before = requests;
    expect(await sender.send(message('/redirect', '127.0.0.1'))).toMatchObject({ status: 302 });
    expect(await sender.send(message('/long', '127.0.0.1'))).toMatchObject({ status: 200 });
    expect(requests - before).toBe(2);
    sender.close();
  });

  it('says that nobody listens, without the address', async () => {
    const sender = makeSender({ policy: () => lax, clock: () => 0 });
    const outcome = await sender.send({ url: 'http://127.0.0.1:1/token', body: '', headers: {}, signal });
    expect(outcome).toEqual({ kind: 'failed', reason: 'the receiver was not reached: ECONNREFUSED' });
    sender.close();
  });
});

describe('what comes of a try', () => {
  const day = limits.deliveryRetryMsMax;

  it('back-off is between a second and ten minutes, and doubles', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (failed, random) => {
        const delay = backOffMs(failed, random);
        expect(delay).toBeGreaterThanOrEqual(1_000);
        expect(delay).toBeLessThanOrEqual(600_000);
        expect(backOffMs(failed + 1, random)).toBeGreaterThanOrEqual(delay);
      }),
    );
  });

  it('ends within a day, whatever is answered', () => {
    const outcome = fc.oneof(
      fc.record({ kind: fc.constant('answered' as const), status: fc.integer({ min: 300, max: 599 }), retryAfterMs: fc.integer({ min: 0, max: 2 * day }) }),
      fc.record({ kind: fc.constant('failed' as const), reason: fc.string() }),
    );
    fc.assert(
      fc.property(fc.infiniteStream(outcome), fc.double({ min: 0, max: 0.999, noNaN: true }), (outcomes, random) => {
        let ageMs = 0;
        for (let tries = 0; ; tries++) {
          const verdict = judge(outcomes.next().value, { tries, ageMs }, random);
          if (verdict.kind !== 'again') {
            expect(['dead-letter', 'disable']).toContain(verdict.kind);
            return;
          }
          expect(verdict.delayMs).toBeGreaterThan(0);
          ageMs += verdict.delayMs;
          expect(ageMs).toBeLessThanOrEqual(day);
        }
      }),
    );
  });

  it.each([
    [200, 0, 'delivered'],
    [204, 9, 'delivered'],
    [302, 0, 'again'],
    [400, 1, 'again'],
    [400, 2, 'dead-letter'],
    [429, 50, 'again'],
    [408, 50, 'again'],
    [425, 50, 'again'],
    [410, 0, 'disable'],
    [503, 50, 'again'],
  ])('%s after %s tries: %s', (status, tries, kind) => expect(judge({ kind: 'answered', status }, { tries, ageMs: 5 }, 0.5).kind).toBe(kind));

  it('waits as long as it is asked to', () => {
    expect(judge({ kind: 'answered', status: 503, retryAfterMs: 60_000 }, { tries: 0, ageMs: 0 }, 0)).toMatchObject({ delayMs: 60_000 });
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:09 GMT', 4_000)).toBe(5_000);
    expect(retryAfterMs('soon', 0)).toBeUndefined();
  });
});

describe('a declaration', () => {
  const secretOf = (data: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'hook', uid: 'u' },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  });
  const good = { url: 'https://example.com/', secret: 's', subject: 'ann' };

  it('has a filter, keys and a beginning', () => {
    const data = { ...good, filter: '{"type":["HealthChanged"]}', previousSecret: 'p', after: '7', disabled: 'false' };
    expect(readDeclaration(secretOf(data), 'argocd').subscription).toMatchObject({
      filter: { types: ['HealthChanged'] },
      keys: ['s', 'p'],
      after: 7,
      disabled: undefined,
    });
  });

  it.each([
    [{ url: 'https://example.com/', subject: 'ann' }, /key secret/],
    [{ ...good, filter: '{' }, /key filter/],
    [{ ...good, filter: '{"nonsense":[]}' }, /key filter/],
    [{ ...good, filter: '{"type":["Nonsense"]}' }, /unknown type/],
    [{ ...good, after: 'soon' }, /key after/],
  ])('says what is wrong: %j', (data, why) => expect(readDeclaration(secretOf(data), 'argocd').problem).toMatch(why));
});

it('signs with both keys while one is replaced', () => {
  const { 'webhook-signature': signature } = signatureHeaders({ id: 'i', body: '{}', seconds: 7 }, ['new', 'old']);
  expect(signature).toMatch(/^v1,\S+ v1,\S+$/);
});
