import { once } from 'node:events';
import { createServer as createHttp1 } from 'node:http';
import { connect, constants, createServer as createHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { silentLogger } from '@plumbline/contracts';
import { EventSchema, EventService, SubscribeRequestSchema, SubscribeResponseSchema } from '@plumbline/contracts/proto/events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { callListener } from './call-listener.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const messageOf = (position: number, sizeBytes: number) =>
  create(SubscribeResponseSchema, { kind: { case: 'event', value: create(EventSchema, { position: BigInt(position), data: 'x'.repeat(sizeBytes) }) } });

interface Source {
  count: number;
  sizeBytes: number;
  patienceMs: number;
}

/** A service that says `count` events as fast as they are taken, and notes when its subscription is over. */
async function serve({ count = 10, sizeBytes = 10, patienceMs = 5_000 }: Partial<Source> = {}, http: 1 | 2 = 2) {
  const seen = { said: 0, isOver: false };
  const listener = callListener({
    log: silentLogger,
    patienceMs,
    routes: (router) =>
      router.service(EventService, {
        async *subscribe() {
          try {
            for (; seen.said < count; seen.said++) yield messageOf(seen.said + 1, sizeBytes);
          } finally {
            seen.isOver = true;
          }
        },
      }),
  });
  const server: Server = http === 2 ? createHttp2(listener) : createHttp1(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const request = (): Buffer => {
  const body = toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema));
  return Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]);
};
const soon = { timeout: 10_000, interval: 10 };

describe('calls', () => {
  it.each([
    ['gRPC', 2, (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ['gRPC-Web', 1, (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
    ['Connect', 1, (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
  ] as const)('of %s get every message in order, also those bigger than one write', async (_, http, transport) => {
    const { url, seen } = await serve({ count: 300, sizeBytes: 4_000 }, http);
    const positions: number[] = [];
    for await (const { kind } of createClient(EventService, transport(url)).subscribe({}))
      if (kind.case === 'event') positions.push(Number(kind.value.position));
    expect(positions).toEqual(Array.from({ length: 300 }, (_nothing, index) => index + 1));
    expect(seen.isOver).toBe(true);
  });

  it('of an unknown name are not found', async () => {
    const { url } = await serve({}, 1);
    expect((await fetch(`${url}/plumbline.v1.EventService/Nothing`, { method: 'POST' })).status).toBe(404);
  });
});

// Remembers that connect's adapter waits for a client without end: its place among the watchers was lost until it went.
describe('a client that takes nothing', () => {
  it('is cut over HTTP/2, told to slow down, and leaves its subscription', async () => {
    const { url, seen } = await serve({ count: Infinity, sizeBytes: 10_000, patienceMs: 200 });
    const session = connect(url);
    ends.push(() => session.destroy());
    const stream = session.request({
      ':method': 'POST',
      ':path': '/plumbline.v1.EventService/Subscribe',
      'content-type': 'application/grpc+proto',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    stream.end(request());
    await once(stream, 'response');
    await vi.waitFor(() => expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM), soon);
    await vi.waitFor(() => expect(seen.isOver).toBe(true), soon);
    // What it did not take was not made: a few windows and buffers.
    expect(seen.said * 10_000).toBeLessThan(4 * 1024 * 1024);
  });

  it('is cut over HTTP/1.1', async () => {
    const { url, seen } = await serve({ count: Infinity, sizeBytes: 100_000, patienceMs: 200 }, 1);
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
    ends.push(() => socket.destroy());
    const body = request();
    socket.write(
      `POST /plumbline.v1.EventService/Subscribe HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    socket.pause();
    await vi.waitFor(() => expect(seen.isOver).toBe(true), soon);
  });

  it('is not cut while it takes something', async () => {
    const { url, seen } = await serve({ count: 60, sizeBytes: 60_000, patienceMs: 1_000 });
    let heard = 0;
    for await (const _ of createClient(EventService, createGrpcTransport({ baseUrl: url })).subscribe({})) {
      heard++;
      await new Promise((resolve) => void setTimeout(resolve, 30));
    }
    expect([heard, seen.said]).toEqual([60, 60]);
  });
});

it('a client that leaves ends its subscription', async () => {
  const { url, seen } = await serve({ count: Infinity, sizeBytes: 100 });
  const stop = new AbortController();
  const reading = (async () => {
    for await (const _ of createClient(EventService, createGrpcTransport({ baseUrl: url })).subscribe({}, { signal: stop.signal }))
      if (seen.said > 100) stop.abort();
  })();
  await expect(reading).rejects.toThrow();
  await vi.waitFor(() => expect(seen.isOver).toBe(true), soon);
});
