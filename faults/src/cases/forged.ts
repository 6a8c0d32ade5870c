import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { Queue } from 'bullmq';
import type { FaultCase, FaultContext } from './fault-case.ts';

const uid = (): string => randomUUID();

/** What somebody with all rights on NATS would say: events that never were, positions far off, bytes without meaning. */
async function forgeAnnouncements({ world, load, injected }: FaultContext): Promise<void> {
  const { hostname, port, username, password } = new URL(world.nats.url);
  const nats = await connect({ servers: `${hostname}:${port}`, user: decodeURIComponent(username), pass: decodeURIComponent(password) });
  try {
    const { position, generation } = await world.log.head();
    const { rows } = await world.database.query<{ stream: string }>('select stream from api.application_status where name = $1', [load.stage.demo.names[0]]);
    const forged = (at: number, type: string, data: unknown): object => ({
      position: at,
      id: uid(),
      stream: rows[0]!.stream,
      version: 9_999,
      type,
      data,
      metadata: { actor: 'admin', service: 'syncer', schemaVersion: 1 },
      at: new Date().toISOString(),
    });
    const bodies: unknown[] = [
      { generation: uid(), from: 1, to: 1 },
      { generation, from: 9e15, to: 9e15 },
      { generation, from: 1, to: 9e15 },
      { generation, from: -1, to: 'x', events: [null] },
      [],
      null,
    ];
    // Whichever position is next by then: an event that says that an application is gone.
    for (let ahead = 1; ahead <= 60; ahead++) {
      const at = position + ahead;
      bodies.push({ generation, from: at, to: at, events: [forged(at, 'ApplicationDeleted', { cascaded: true })] });
    }
    for (const body of bodies) nats.publish(`${world.prefix}.feed`, JSON.stringify(body));
    nats.publish(`${world.prefix}.feed`, randomBytes(100_000));
    nats.publish(`${world.prefix}.feed`, '{"generation":');
    injected('forged announcement', bodies.length + 2);
    await nats.flush();
  } finally {
    await nats.close();
  }
}

/** Requests as a stranger would make them; what must not happen is an answer that is not an error. */
async function forgeRequests({ world, injected, verify }: FaultContext): Promise<void> {
  const { hostname, port, username, password } = new URL(world.nats.url);
  const nats = await connect({ servers: `${hostname}:${port}`, user: decodeURIComponent(username), pass: decodeURIComponent(password) });
  const requests: [verb: string, body: string | Uint8Array][] = [
    ['rbac.login', JSON.stringify({ username: 'admin', password: 'wrong', from: 'forged' })],
    ['rbac.logout', JSON.stringify({ token: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.' })],
    ['renderer.render', '{"application":'],
    [
      'renderer.render',
      JSON.stringify({ application: 'argocd/app-0', repository: 'x', commit: 'x', tree: 'x', sealedSpec: 'x', kubeVersion: 'v1', apiVersions: [] }),
    ],
    ['syncer.resource-tree', JSON.stringify({ namespace: '../..', name: '' })],
    ['syncer.resource-tree', randomBytes(70_000)],
    ['repo-watcher.ensure', JSON.stringify({ url: 'ext::sh -c touch% /tmp/forged', ref: '--upload-pack=x' })],
    ['api.consumer-operate', JSON.stringify({ action: 'rebuild', consumer: 'api.application-status', acceptParked: true })],
    ['syncer.consumer-operate', JSON.stringify({ action: 'skip', consumer: 'syncer.applications', stream: 'x', reason: 'forged' })],
  ];
  try {
    const accepted: string[] = [];
    for (const [verb, body] of requests) {
      const reply = await nats.request(`${world.prefix}.${verb}`, body, { timeout: 15_000 }).catch(() => undefined);
      if (reply !== undefined && !Object.hasOwn(reply.json<object>(), 'error')) accepted.push(verb);
    }
    injected('forged request', requests.length);
    verify('forged requests are answered with an error, or not at all', accepted.length === 0, accepted.join(', '));
  } finally {
    await nats.close();
  }
}

/** Jobs about nothing, with keys that are none, in queues that are not theirs. */
async function forgeJobs({ world, injected }: FaultContext): Promise<void> {
  const { hostname, port, password } = new URL(world.redis.url);
  const connection = { host: hostname, port: Number(port), password: decodeURIComponent(password) };
  const names: [service: string, queue: string][] = [
    ['syncer', 'application-wakeups'],
    ['repo-watcher', 'poll'],
    ['repo-watcher', 'application-wakeups'],
  ];
  for (const [service, name] of names) {
    const queue = new Queue(name, { connection, prefix: `${world.prefix}:${service}` });
    try {
      const ids = ['k-nothing', 'k-%zz', 'k-', `k-${'x'.repeat(10_000)}`, 'k-argocd%2Fapp-0', 'k-..%2F..%2Fetc'];
      for (const jobId of ids) await queue.add('work', { huge: 'x'.repeat(50_000), application: { spec: {} } }, { jobId });
      await queue.add('tick', {}, { jobId: 'k-tick' });
      await queue.add('constructor', null, { jobId: 'k-constructor' });
      injected('forged job', ids.length + 2);
    } finally {
      await queue.close();
    }
  }
}

export const forgedCase: FaultCase = {
  id: 'forged-messages',
  rows: ['T18'],
  title: 'announcements, requests and jobs forged by somebody with all rights on NATS and Redis',
  expected: 'no projection believes them, no service obeys or dies',
  boundMs: 60_000,
  async inject(context) {
    const { world, verify } = context;
    const exits = (): number => [...world.services.values()].reduce((sum, { ownExits }) => sum + ownExits, 0);
    const before = exits();
    await forgeAnnouncements(context);
    await forgeRequests(context);
    await forgeAnnouncements(context);
    await forgeJobs(context);
    await sleep(3_000);
    verify('no service ended', exits() === before, `${exits() - before} did`);
  },
};
