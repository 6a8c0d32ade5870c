import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeLocalAnnouncements, makeMemoryDatabase, makeMemoryEventLog } from '@plumbline/event-log';
import type { FeedPage } from '@plumbline/event-log';
import { AppError } from '@plumbline/contracts';
import { compilePolicy, rightsOf } from '@plumbline/policy';
import { describe, expect, it } from 'vitest';
import { limits } from '../limits.ts';
import { streamEvents } from './event-stream.ts';
import { EventTail } from './event-tail.ts';
import { subscribe } from './subscription.ts';
import type { Delivery, Wanted } from './subscription.ts';

const subject = 'admin';
const caller = {
  subject,
  groups: [],
  token: '',
  rights: rightsOf(compilePolicy({ csv: '', defaultRole: '', matchMode: 'glob', projects: [] }), { subject, groups: [] }),
};

function makeLog() {
  const announcements = makeLocalAnnouncements();
  const log = makeMemoryEventLog({ database: makeMemoryDatabase(), clock: Date.now, announce: announcements.announce, newId: () => crypto.randomUUID() });
  let reads = 0;
  const eventLog = { head: () => log.head(), readFeed: (query: { after: number; limit: number }): Promise<FeedPage> => (reads++, log.readFeed(query)) };
  const say = async (count: number) => {
    const events = Array.from({ length: count }, () => ({
      id: crypto.randomUUID(),
      type: 'CommandAccepted',
      data: { text: 'x'.repeat(1_000) },
      metadata: { actor: 'ann', service: 's', schemaVersion: 1 },
    }));
    await log.append([{ stream: `command-${crypto.randomUUID()}`, events }]);
  };
  const tail = new EventTail({ eventLog, announcements });
  const stop = new AbortController();
  const parts = { tail, statuses: { find: () => undefined }, projectedTo: () => 0, renew: async () => caller, signal: stop.signal };
  const follow = (wanted: Partial<Wanted> = {}) => subscribe(parts, { after: 0, filter: {}, ...wanted });
  return { announcements, eventLog, say, follow, tail, stop, reads: () => reads };
}

/** Positions of the events, until there are so many. */
async function positions(deliveries: AsyncIterable<Delivery>, count: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const delivery of deliveries) {
    if (delivery.kind === 'events') seen.push(...delivery.batch.events.map(({ event }) => event.position));
    if (seen.length >= count) break;
  }
  return seen;
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('a subscription', () => {
  it('misses and repeats nothing, from the beginning into what happens, and the log is read for all at once', async () => {
    const { say, follow, reads } = makeLog();
    await say(1_500);
    const followers = Array.from({ length: 50 }, () => positions(follow({ after: 1_500 }), 3_000));
    const late = positions(follow(), 4_500);
    for (let i = 0; i < 30; i++) {
      await say(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const seen of await Promise.all(followers)) expect(seen).toEqual(upTo(4_500).slice(1_500));
    expect(await late).toEqual(upTo(4_500));
    expect(reads()).toBeLessThan(20);
  });

  it('goes on when more happens than is kept', async () => {
    const { say, follow } = makeLog();
    const slow = follow();
    await slow.next();
    for (let i = 0; i < limits.tailEventsMax / 1_000 + 3; i++) await say(1_000);
    expect(await positions(slow, limits.tailEventsMax + 3_000)).toEqual(upTo(limits.tailEventsMax + 3_000));
  });

  it('tells where it stands before anything else, also when that is beyond the head', async () => {
    const { say, follow } = makeLog();
    await say(3);
    expect((await follow({ after: 2 }).next()).value).toMatchObject({ kind: 'head', position: 2, head: 3 });
    const beyond = follow({ after: 5 });
    expect((await beyond.next()).value).toMatchObject({ kind: 'head', position: 5, head: 3 });
    const next = positions(beyond, 1);
    await say(3);
    expect(await next).toEqual([6]);
  });

  it('is refused where the log no longer begins, before anything is said', async () => {
    const { eventLog, say, follow } = makeLog();
    await say(3);
    eventLog.readFeed = () => Promise.reject(new AppError('gone', 'the oldest event is 2', { details: { oldest: 2 } }));
    await expect(follow().next()).rejects.toMatchObject({ code: 'gone', details: { oldest: 2 } });
  });

  it('begins where the log ends now, though the last one left while the log was read (it began where it had ended then)', async () => {
    const { announcements, eventLog, say, stop, tail } = makeLog();
    await say(1);
    const seat = await tail.join(stop.signal);
    const { promise: isAllowed, resolve: allow } = Promise.withResolvers<void>();
    const { promise: isRead, resolve: read } = Promise.withResolvers<void>();
    const { readFeed } = eventLog;
    eventLog.readFeed = async (query) => {
      const page = await readFeed(query);
      read();
      await isAllowed;
      return page;
    };
    announcements.announce({ generation: tail.generation, from: 2, to: 2 });
    await isRead;
    seat.leave();
    allow();
    await new Promise((resolve) => setImmediate(resolve));
    await say(5);
    await tail.join(stop.signal);
    expect(tail.head).toBe(6);
  });

  it('ends with the signal', async () => {
    const { follow, stop } = makeLog();
    const ended = positions(follow(), 1);
    stop.abort();
    expect(await ended).toEqual([]);
  });
});

describe('a client that takes nothing', () => {
  it('is cut, told so, and can resume without a loss', async () => {
    const { say, follow, stop } = makeLog();
    const served: Promise<void>[] = [];
    const server = createServer((_request, response: ServerResponse) => void served.push(streamEvents(response, follow(), stop.signal, 200)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const [client] = (await once(get(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), 'response')) as [IncomingMessage];
    client.pause();
    for (let i = 0; i < 12; i++) await say(1_000);
    await new Promise((resolve) => setTimeout(resolve, 600));
    let text = '';
    for await (const chunk of client.setEncoding('utf8')) text += chunk;
    await Promise.all(served);
    server.close();
    const seen = [...text.matchAll(/^id: (\d+)\ndata: \{"position"/gm)].map((match) => Number(match[1]));
    const resumeFrom = Number(/event: cut\nid: \d+\ndata: .*"resumeFrom":(\d+)/.exec(text)?.[1]);
    expect(seen).toEqual(upTo(resumeFrom));
    expect(resumeFrom).toBeLessThan(12_000);
    expect((await positions(follow({ after: resumeFrom }), 12_000 - resumeFrom))[0]).toBe(resumeFrom + 1);
  });
});
