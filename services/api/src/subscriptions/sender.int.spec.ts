import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { DestinationPolicy } from './destination.ts';
import type { Outcome } from './attempts.ts';
import { makeSender } from './sender.ts';
import type { ResolvedAddress } from './sender.ts';

const open: DestinationPolicy = { allowedHosts: undefined, allowedNetworks: ['127.0.0.0/8'], allowHttp: true };
const local: ResolvedAddress = { address: '127.0.0.1', family: 4 };

interface Receiver {
  port: number;
  connections: () => number;
  received: { request: IncomingMessage; body: string }[];
}

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function receiver(answer: RequestListener): Promise<Receiver> {
  const received: Receiver['received'] = [];
  let connections = 0;
  const server: Server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ request, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections, received };
}

interface Posting {
  post(url: string, headers?: Record<string, string>, body?: string): Promise<Outcome>;
}

function sender(parts: { policy?: () => DestinationPolicy; addresses?: () => ResolvedAddress[]; deadlineMs?: number } = {}): Posting {
  const made = makeSender({
    policy: parts.policy ?? (() => open),
    resolve: async () => (parts.addresses ?? (() => [local]))(),
    clock: () => Date.parse('2026-11-26T00:00:00Z'),
    ...(parts.deadlineMs === undefined ? {} : { deadlineMs: parts.deadlineMs }),
  });
  opened.push(() => made.close());
  return { post: (url, headers = {}, body = '') => made.send({ url, headers, body, signal: new AbortController().signal }) };
}

const end =
  (status: number, headers: Record<string, string> = {}, body = ''): RequestListener =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);

describe('a post', () => {
  it('reaches the receiver whole, by the name of the host', async () => {
    const { port, received } = await receiver(end(204));
    expect(await sender().post(`http://hooks.test:${port}/a?b=c`, { 'webhook-id': 'e1' }, '{"ä":1}')).toEqual({ kind: 'answered', status: 204 });
    const [only] = received;
    expect(only?.body).toBe('{"ä":1}');
    expect(only?.request).toMatchObject({ method: 'POST', url: '/a?b=c', headers: { host: `hooks.test:${port}`, 'webhook-id': 'e1' } });
  });

  it.each(['301', '302', '307', '308'])('%s is not followed', async (status) => {
    const target = await receiver(end(200));
    const { port } = await receiver(end(Number(status), { location: `http://127.0.0.1:${target.port}/` }));
    expect(await sender().post(`http://hooks.test:${port}/`)).toEqual({ kind: 'answered', status: Number(status) });
    expect(target.connections()).toBe(0);
  });

  it.each([
    ['120', 120_000],
    ['Thu, 26 Nov 2026 00:01:00 GMT', 60_000],
    ['Thu, 26 Nov 2020 00:01:00 GMT', 0],
    ['soon', undefined],
  ])('reads Retry-After: %s', async (value, retryAfterMs) => {
    const { port } = await receiver(end(503, { 'retry-after': value }));
    const expected = { kind: 'answered', status: 503, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    expect(await sender().post(`http://hooks.test:${port}/`)).toEqual(expected);
  });

  it('does not read an answer that never ends', async () => {
    let written = 0;
    const { port } = await receiver((_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(1_024))) written += 1_024;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    expect(await sender().post(`http://hooks.test:${port}/`)).toEqual({ kind: 'answered', status: 200 });
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  it('gives up on who does not answer, and on who stops in the middle', async () => {
    const silent = await receiver(() => undefined);
    const halting = await receiver((_, response) => void response.writeHead(200).write('x'));
    const expected = { kind: 'failed', reason: 'no answer within 200 ms' };
    const impatient = sender({ deadlineMs: 200 });
    expect(await impatient.post(`http://hooks.test:${silent.port}/`)).toEqual(expected);
    expect(await impatient.post(`http://hooks.test:${halting.port}/`)).toEqual(expected);
  });

  it('tells a connection that is reset or refused, without the URL', async () => {
    const { port } = await receiver((request) => request.socket.destroy());
    const reset = await sender().post(`http://hooks.test:${port}/?token=hunter2`);
    expect(reset.kind).toBe('failed');
    const refused = await sender().post('http://hooks.test:1/?token=hunter2');
    expect(refused).toEqual({ kind: 'failed', reason: 'the receiver was not reached: ECONNREFUSED' });
    expect(JSON.stringify([reset, refused])).not.toContain('hunter2');
  });
});

// Every address here is this machine, so that even a check that is broken reaches nobody else.
describe('where a post may go (T14)', () => {
  const strict = { ...open, allowedNetworks: [] };
  const refused = { kind: 'failed', reason: expect.stringContaining('may not be sent') as string };

  it.each(['127.0.0.1', '127.0.0.2', '::1', '::ffff:127.0.0.1', '0.0.0.0', '::'])('a name at %s is refused and nothing is connected to', async (address) => {
    const { port, connections } = await receiver(end(200));
    const family = address.includes(':') ? 6 : 4;
    const attempt = await sender({ policy: () => strict, addresses: () => [{ address, family }] }).post(`http://hooks.test:${port}/`);
    expect(attempt).toMatchObject({ kind: 'failed', reason: expect.stringContaining(`address ${address} is`) as string });
    expect(connections()).toBe(0);
  });

  it('one refused address refuses the name', async () => {
    const { port, connections } = await receiver(end(200));
    const addresses = (): ResolvedAddress[] => [local, { address: '0.0.0.0', family: 4 }];
    expect(await sender({ addresses }).post(`http://hooks.test:${port}/`)).toEqual(refused);
    expect(connections()).toBe(0);
  });

  it('a name without an address is out of reach', async () => {
    expect(await sender({ addresses: () => [] }).post('http://hooks.test/')).toEqual({ kind: 'failed', reason: 'host hooks.test has no address' });
  });

  it('a name that points elsewhere at the next connection is refused then (DNS rebinding)', async () => {
    const { port, connections } = await receiver(end(200, { connection: 'close' }));
    const answers: ResolvedAddress[] = [local, { address: '::ffff:127.0.0.1', family: 6 }, { address: '0.0.0.0', family: 4 }];
    let asked = 0;
    const rebound = sender({ addresses: () => [answers[asked++] ?? local] });
    const url = `http://hooks.test:${port}/`;
    expect(await rebound.post(url)).toEqual({ kind: 'answered', status: 200 });
    expect([await rebound.post(url), await rebound.post(url)]).toEqual([refused, refused]);
    // One question for each connection: nobody asks again between the check and the connection.
    expect([asked, connections()]).toEqual([3, 1]);
  });

  it('an address in place of a name is checked without asking for it', async () => {
    const { port, connections } = await receiver(end(200));
    const addresses = (): never => expect.unreachable('resolved an address');
    const closed = sender({ policy: () => strict, addresses });
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '0177.0.0.1', '127.0.0.1.', '[::ffff:127.0.0.1]', '[::1]']) {
      expect(await closed.post(`http://${host}:${port}/`), host).toEqual(refused);
    }
    expect(connections()).toBe(0);
    expect((await sender({ addresses }).post(`http://127.0.0.1:${port}/`)).kind).toBe('answered');
  });

  it('a policy that becomes stricter holds from the next request on', async () => {
    const { port, received } = await receiver(end(200));
    let policy = open;
    const made = sender({ policy: () => policy });
    expect((await made.post(`http://hooks.test:${port}/`)).kind).toBe('answered');
    for (const stricter of [
      { ...open, allowedHosts: ['other.test'] },
      { ...open, allowHttp: false },
      { ...open, allowedNetworks: [] },
    ]) {
      policy = stricter;
      expect(await made.post(`http://hooks.test:${port}/`)).toEqual(refused);
    }
    expect(received.length).toBe(1);
  });
});
