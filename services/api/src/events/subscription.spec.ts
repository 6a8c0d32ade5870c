import { makeLocalAnnouncements, makeMemoryDatabase, makeMemoryEventLog } from '@plumbline/event-log';
import { compilePolicy, rightsOf } from '@plumbline/policy';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeStatusProjection } from '../applications/status-projection.ts';
import { limits } from '../limits.ts';
import { followLog } from './event-tail.ts';
import { subscribe } from './subscription.ts';
import type { SubscriptionMessage, SubscriptionQuery } from './subscription.ts';

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

function setUp({ announces = true } = {}) {
  const announcements = makeLocalAnnouncements();
  const log = makeMemoryEventLog({
    database: makeMemoryDatabase(),
    clock: Date.now,
    announce: (announcement) => (announces ? announcements.announce(announcement) : undefined),
    newId: () => crypto.randomUUID(),
  });
  const statuses = makeStatusProjection();
  let projected = 0;
  const readFeed = vi.spyOn(log, 'readFeed');
  const tail = followLog(log, announcements);
  ends.push(() => tail.stop());
  const append = async (stream: string, type: string, data: unknown = {}) => {
    const metadata = { actor: 'ann', service: 's', schemaVersion: 1 };
    const recorded = await log.append([{ stream, events: [{ id: crypto.randomUUID(), type, data, metadata }] }]);
    statuses.consumer.committed!(recorded);
    projected = recorded.at(-1)!.position;
    return projected;
  };
  const rights = { csv: '' };
  const follow = (query: Partial<SubscriptionQuery> = {}, subject = 'admin') => {
    const stop = new AbortController();
    ends.push(() => stop.abort());
    const renew = async () => {
      const policy = compilePolicy({ csv: rights.csv, defaultRole: '', matchMode: 'glob', projects: [] });
      return { subject, groups: [], token: '', rights: rightsOf(policy, { subject, groups: [] }) };
    };
    const parts = { eventLog: log, statuses, projectedTo: () => projected, tail, signal: stop.signal, renew };
    return listen(subscribe({ after: 0, filter: {}, ...query }, parts));
  };
  return { log, append, follow, readFeed, rights };
}

/** Collects what a subscription says. */
function listen(messages: AsyncGenerator<SubscriptionMessage>) {
  const heard: SubscriptionMessage[] = [];
  const reading = (async () => {
    for await (const message of messages) heard.push(message);
  })();
  reading.catch(() => undefined);
  const positions = () => heard.flatMap((message) => (message.kind === 'events' ? message.events.map(({ event }) => event.position) : []));
  return { heard, positions, reading, until: (expected: number[]) => vi.waitFor(() => expect(positions()).toEqual(expected), { timeout: 5_000, interval: 5 }) };
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('a subscription', () => {
  it('tells everything once, in order, from any position, and says at first how far it is', async () => {
    const { append, follow } = setUp();
    for (let i = 0; i < 700; i++) await append(`command-${i}`, 'CommandDone');
    const all = follow();
    const late = follow({ after: 690 });
    await late.until(numbers(691, 700));
    await append('command-x', 'CommandDone');
    await all.until(numbers(1, 701));
    await late.until(numbers(691, 701));
    expect(late.heard[1]).toMatchObject({ kind: 'progress', position: 700, head: 700 });
  });

  it('reads the log once for all who follow its end', async () => {
    const { append, follow, readFeed } = setUp();
    await append('command-0', 'CommandDone');
    const followers = Array.from({ length: 50 }, () => follow());
    await Promise.all(followers.map((each) => each.until([1])));
    const before = readFeed.mock.calls.length;
    for (let i = 0; i < 200; i++) await append(`command-${i}`, 'CommandDone');
    await Promise.all(followers.map((each) => each.until(numbers(1, 201))));
    expect(readFeed.mock.calls.length - before).toBeLessThanOrEqual(4);
  });

  // Remembers that two thousand big events took some hundred megabytes for as long as anybody listened.
  it('keeps few of big events for all who follow', async () => {
    const { append, follow, readFeed } = setUp();
    await append('command-0', 'CommandDone');
    const follower = follow();
    await follower.until([1]);
    const count = Math.ceil((1.5 * limits.tailBytesMax) / 200_000);
    for (let i = 0; i < count; i++) await append(`command-${i}`, 'CommandDone', { text: 'x'.repeat(200_000) });
    await follower.until(numbers(1, count + 1));
    const before = readFeed.mock.calls.length;
    await follow({ after: count + 1 - Math.floor((0.9 * limits.tailBytesMax) / 200_000) }).until(
      numbers(count + 2 - Math.floor((0.9 * limits.tailBytesMax) / 200_000), count + 1),
    );
    expect(readFeed.mock.calls.length).toBe(before);
    await follow({ after: 1 }).until(numbers(2, count + 1));
    expect(readFeed.mock.calls.length).toBeGreaterThan(before);
  });

  it('loses nothing when no announcement comes', async () => {
    const { append, follow } = setUp({ announces: false });
    const follower = follow();
    for (let i = 0; i < 5; i++) await append(`command-${i}`, 'CommandDone');
    await follower.until(numbers(1, 5));
  });

  it('waits beyond the end', async () => {
    const { append, follow } = setUp();
    await append('command-0', 'CommandDone');
    const follower = follow({ after: 3 });
    for (let i = 0; i < 4; i++) await append(`command-${i}`, 'CommandDone');
    await follower.until([4, 5]);
  });

  it('tells what the caller may see, and progress whatever they may see', async () => {
    const { append, follow, rights } = setUp();
    rights.csv = 'p, ann, applications, get, team/*, allow';
    const spec = { project: 'team', destination: {} };
    const declared = { namespace: 'argocd', uid: 'u', project: 'team', spec, specHash: '', sealedSpec: '' };
    await append('application-argocd/web/u', 'ApplicationDeclared', { ...declared, name: 'web' });
    await append('application-argocd/db/u', 'ApplicationDeclared', { ...declared, name: 'db', project: 'other' });
    await append('command-1', 'CommandDone');
    const ann = follow({}, 'ann');
    await ann.until([1]);
    await vi.waitFor(() => expect(ann.heard.at(-1)).toMatchObject({ kind: 'progress', position: 3 }));
    const filtered = follow({ filter: { applications: ['argocd/db'], types: ['ApplicationDeclared'] } });
    await filtered.until([2]);
  });

  it('says that the log was recovered from an older copy, and goes on from there', async () => {
    const { log, append, follow } = setUp();
    for (let i = 0; i < 5; i++) await append(`command-${i}`, 'CommandDone');
    const { generation } = await log.head();
    const follower = follow();
    await follower.until(numbers(1, 5));
    log.recoverTo(3);
    await append('command-new', 'CommandDone');
    await append('command-new', 'CommandAccepted');
    await append('command-new', 'CommandAccepted');
    await follower.until([1, 2, 3, 4, 5, 4, 5, 6]);
    expect(follower.heard).toContainEqual(expect.objectContaining({ kind: 'generation-changed', resumeAfter: 3 }));
    const resumed = follow({ after: 5, generation });
    await resumed.until([4, 5, 6]);
    expect(resumed.heard[0]).toMatchObject({ kind: 'generation-changed', resumeAfter: 3 });
  });

  it('is refused where the log does not begin yet', async () => {
    const { log, append, follow } = setUp();
    for (let i = 0; i < 5; i++) await append(`command-${i}`, 'CommandDone');
    log.dropBefore(4);
    await expect(follow({ after: 1 }).reading).rejects.toMatchObject({ code: 'gone', details: { oldest: 4 } });
    await follow({ after: 3 }).until([4, 5]);
  });

  it('looks again and again what the caller may see', async () => {
    const { append, follow, rights } = setUp();
    rights.csv = 'p, ann, applications, get, */*, allow';
    const follower = follow({}, 'ann');
    await append('command-1', 'CommandDone');
    await follower.until([1]);
    rights.csv = '';
    await new Promise((resolve) => setTimeout(resolve, limits.streamCheckMs + 500));
    await append('command-2', 'CommandDone');
    await follow().until([1, 2]);
    expect(follower.positions()).toEqual([1]);
  }, 20_000);
});
