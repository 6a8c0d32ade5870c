import { connect } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { AppError, noMetrics, refreshRepository, silentLogger } from '@plumbline/contracts';
import { randomUUID } from 'node:crypto';
import { makeRelay } from '@plumbline/testing/relay';
import { describe, expect, it } from 'vitest';
import { describeBusContract } from './contract.ts';
import { feedStreamName } from './feed-stream.ts';
import { makeNatsBus } from './nats-bus.ts';
import type { Bus } from './port.ts';

const url = process.env['TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222';
const prefix = `test-${randomUUID().slice(0, 8)}`;
const busAt = (address: string, options: { keepsAnnouncements?: boolean } = {}): Bus =>
  makeNatsBus({ url: address, prefix, service: 'tester', log: silentLogger, metrics: noMetrics, ...options });

describeBusContract('on NATS', async () => busAt(url));

describe('NATS that goes away', () => {
  it('starts without it, drops messages, and works when it comes, goes and comes again', async () => {
    const relay = makeRelay(url, 4222);
    const port = await relay.listen();
    await relay.cut();
    const bus = busAt(Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).toString());
    const other = busAt(url);
    const got: unknown[] = [];
    bus.subscribe('hint', (body) => got.push(body));
    bus.serve(refreshRepository, async (request) => ({ repositories: request.urls }));
    bus.publish('hint', 'lost');
    expect(await code(bus.call(refreshRepository, { urls: ['a'] }, { deadlineMs: 50 }))).toBe('unavailable');

    for (const round of ['first', 'second']) {
      await relay.listen(port);
      await expect.poll(() => bus.isConnected(), { timeout: 10_000 }).toBe(true);
      await expect.poll(() => code(other.call(refreshRepository, { urls: [round] })), { timeout: 10_000 }).toBe('ok');
      expect(await other.call(refreshRepository, { urls: [round] })).toEqual({ repositories: [round] });
      other.publish('hint', round);
      await expect.poll(() => got).toContain(round);
      await relay.cut();
      await expect.poll(() => bus.isConnected(), { timeout: 10_000 }).toBe(false);
      bus.publish('hint', 'lost');
    }
    expect(got).not.toContain('lost');
    await Promise.all([bus.close(), other.close()]);
  });
});

it('keeps announcements in JetStream where it is there, and goes on where it is not', async () => {
  const { host, username, password } = new URL(url);
  const plain = await connect({ servers: host, ...(username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }) });
  const bus = busAt(url, { keepsAnnouncements: true });
  await expect.poll(() => bus.isConnected()).toBe(true);
  bus.publish('feed', { generation: 'g', from: 1, to: 1 });
  if (plain.info?.jetstream === true) {
    const { streams } = await jetstreamManager(plain);
    const name = feedStreamName(prefix);
    await expect
      .poll(async () => {
        bus.publish('feed', { generation: 'g', from: 1, to: 1 });
        return streams.info(name).then(
          (info) => info.state.messages,
          () => 0,
        );
      })
      .toBeGreaterThan(0);
    await streams.delete(name);
  } else {
    expect(bus.isConnected()).toBe(true);
  }
  await Promise.all([bus.close(), plain.close()]);
});

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: unknown) => AppError.from(error).code,
  );
