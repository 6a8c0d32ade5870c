import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, headers } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { serviceNames } from '../platform/platform.ts';
import type { CaseContext, FaultCase } from './fault-case.ts';

/** T18: whoever can speak NATS or Redis is still not believed. */
export const forged: readonly FaultCase[] = [
  {
    id: 't-18-forged-announcements',
    title: 'announcements of events that are not in the log',
    rows: ['T18', 'F-13'],
    expected: 'Only what the log says counts: no projection takes them, nobody skips anything',
    boundMs: 60_000,
    runs: 40,
    inject: forgeAnnouncements,
  },
  {
    id: 't-18-forged-requests',
    title: 'requests over NATS that are malformed, of nobody, or of somebody else',
    rows: ['T18'],
    expected: 'Each is answered with an error or not at all; no service ends',
    boundMs: 60_000,
    runs: 10,
    inject: forgeRequests,
  },
  {
    id: 't-18-forged-jobs',
    title: 'jobs of nothing, of things that are no keys, of another queue, and too big',
    rows: ['T18', 'F-14'],
    expected: 'They do nothing; real jobs go on',
    boundMs: 60_000,
    runs: 30,
    inject: forgeJobs,
  },
];

async function forgeAnnouncements(context: CaseContext): Promise<void> {
  const { platform, random } = context;
  const restarts = restartsOf(context);
  const nats = await natsOf(platform.nats.current().url);
  try {
    for (let run = 0; run < context.runs; run++) {
      const head = await platform.log.head();
      const [sample] = (await platform.log.readFeed({ after: Math.max(0, head.position - 1), limit: 1 })).events;
      const next = head.position + 1;
      const event = {
        ...sample,
        position: next,
        id: randomUUID(),
        stream: 'application-argocd/load-0/forged',
        version: 1,
        type: 'ApplicationDeleted',
        data: { cascaded: true },
      };
      const bodies: Record<string, unknown> = {
        'an event that is not there': { generation: head.generation, from: next, to: next, events: [event] },
        'another generation': { generation: randomUUID(), from: next, to: next, events: [event] },
        'a huge position': { generation: head.generation, from: Number.MAX_SAFE_INTEGER - 1, to: Number.MAX_SAFE_INTEGER - 1 },
        'a negative position': { generation: head.generation, from: -5, to: -1, events: [] },
        'an old event, changed': { generation: head.generation, from: head.position, to: head.position, events: [{ ...event, position: head.position }] },
        'no announcement': 'hello',
      };
      const kind = random.pick(Object.keys(bodies));
      nats.publish(`${platform.prefix}.feed`, JSON.stringify(bodies[kind]));
      nats.publish(`${platform.prefix}.feed`, Buffer.from([0xff, 0x00, 0x7b]));
      context.count(`announcement of ${kind}`);
      await sleep(random.between(30, 300));
    }
    await nats.flush();
  } finally {
    await nats.close();
  }
  mustNotHaveRestarted(context, restarts);
}

async function forgeRequests(context: CaseContext): Promise<void> {
  const { platform, random } = context;
  const restarts = restartsOf(context);
  const nats = await natsOf(platform.nats.current().url);
  const verbs = ['repo-watcher.refresh', 'repo-watcher.ensure', 'renderer.render', 'syncer.resource-tree', 'rbac.login', 'rbac.logout'];
  const payloads: Record<string, Buffer> = {
    empty: Buffer.alloc(0),
    'not JSON': Buffer.from('{"a":'),
    'of another shape': Buffer.from(JSON.stringify({ urls: 7, namespace: {}, token: [] })),
    'deeply nested': Buffer.from('['.repeat(30_000)),
    big: Buffer.from(JSON.stringify({ urls: ['x'.repeat(200_000)] })),
    binary: Buffer.from(Array.from({ length: 512 }, () => random.below(256))),
  };
  try {
    for (let run = 0; run < context.runs; run++) {
      for (const verb of verbs) {
        const kind = random.pick(Object.keys(payloads));
        const sent = headers();
        if (random.below(2) === 0) sent.set('Plumbline-Token', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.');
        const answer = await nats.request(`${platform.prefix}.${verb}`, payloads[kind], { timeout: 3_000, headers: sent }).then(
          (reply) => reply.string(),
          () => 'none',
        );
        context.count(`request ${kind}`);
        if (/"token":"(?!")/.test(answer) || /"blob":"/.test(answer))
          context.violation(`T18: ${verb}, asked with a payload that was ${kind}, answered ${answer.slice(0, 200)}`);
      }
    }
    context.checked('each refused');
  } finally {
    await nats.close();
  }
  mustNotHaveRestarted(context, restarts);
}

async function forgeJobs(context: CaseContext): Promise<void> {
  const { platform, random } = context;
  const restarts = restartsOf(context);
  const connection = new Redis(platform.redis.current().url, { maxRetriesPerRequest: null });
  try {
    const names = await queuesOf(connection);
    if (names.length === 0) context.violation('no queue was found in Redis: this case forges nothing');
    for (let run = 0; run < context.runs; run++) {
      const { prefix, name } = random.pick(names);
      const queue = new Queue(name, { connection, prefix });
      const id = random.pick([
        Buffer.from(`argocd/nothing-${run}`).toString('base64url'),
        'no key at all',
        'x'.repeat(5_000),
        Buffer.from([255, 254, 0]).toString('base64url'),
      ]);
      const data = random.pick<unknown>([{}, { key: { a: 1 } }, { text: 'x'.repeat(100_000) }, [1, 2, 3]]);
      const added = await queue.add(random.pick(['work', 'tick', 'other']), data, { jobId: id, removeOnComplete: true, removeOnFail: true }).then(
        () => true,
        () => false,
      );
      context.count(added ? 'forged job' : 'job that BullMQ refused');
      await queue.close();
    }
    await sleep(2_000);
  } finally {
    connection.disconnect();
  }
  mustNotHaveRestarted(context, restarts);
}

async function queuesOf(connection: Redis): Promise<{ prefix: string; name: string }[]> {
  const found: { prefix: string; name: string }[] = [];
  for await (const keys of connection.scanStream({ match: '*:meta', count: 500 })) {
    for (const key of keys as string[]) {
      const parts = key.split(':');
      found.push({ prefix: parts.slice(0, -2).join(':'), name: parts.at(-2)! });
    }
  }
  return found;
}

function natsOf(url: string): Promise<NatsConnection> {
  const { host, username, password } = new URL(url);
  return connect({ servers: host, ...(username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }) });
}

const restartsOf = ({ platform }: CaseContext): Map<string, number> => new Map(serviceNames.map((name) => [name, platform.services[name].restarts]));

function mustNotHaveRestarted({ platform, violation, checked }: CaseContext, before: ReadonlyMap<string, number>): void {
  for (const name of serviceNames) {
    const times = platform.services[name].restarts - (before.get(name) ?? 0);
    if (times > 0) violation(`T18: ${name} ended ${times} times`);
  }
  checked('no service ended');
}
