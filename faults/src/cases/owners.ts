import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import { Client } from 'pg';
import { limits } from '../limits.ts';
import type { FaultPlatform } from '../platform/platform.ts';
import type { CaseContext, FaultCase } from './fault-case.ts';

/** Rows F-17 and F-19: two processes, each of which believes that the cluster is its own. */
export const owners: readonly FaultCase[] = [
  {
    id: 'f-19-two-owners',
    title: 'syncer stands still for longer than its lease; another takes over; the first one goes on',
    rows: ['F-17', 'F-19', 'I4'],
    expected: 'At most the writes that were on their way land; the first one says that it lost the lease and ends',
    boundMs: 60_000,
    runs: 2,
    inject: takeOver,
  },
];

async function takeOver(context: CaseContext): Promise<void> {
  const { platform } = context;
  const first = { service: platform.services.syncer, proxy: platform.proxies.syncer };
  for (let run = 0; run < context.runs; run++) {
    const second = await platform.another('syncer', `syncer-second-${run}`);
    try {
      await second.service.start();
      await sleep(context.random.between(1_000, 4_000));
      const before = await leaseOf(platform);
      const { pid } = first.service;
      first.service.signal('SIGSTOP');
      context.count('SIGSTOP syncer');
      await newOwner(platform, before.owner);
      // The new one has some of the load to itself before the old one goes on.
      await second.service.whenReady(60_000);
      await sleep(1_500);
      const resumedAtMs = performance.now();
      first.service.signal('SIGCONT');
      context.count('SIGCONT of the former owner');
      while (first.service.pid === pid && performance.now() - resumedAtMs < 30_000) await sleep(50);
      if (first.service.pid === pid) context.violation('F-17: a syncer that lost its lease still runs after 30 s');
      // It is the process that was started again which waits for the lease now: it writes nothing.
      await sleep(2_000);
      const late = first.proxy.writes.filter(({ atMs }) => atMs >= resumedAtMs);
      // What had passed the check of the lease when it was stopped leaves at once; some of one step may be on their way.
      for (const { method, path, atMs } of late.filter((write) => write.atMs - resumedAtMs > limits.onTheWayMs))
        context.violation(`I4: ${Math.round(atMs - resumedAtMs)} ms after it went on the former owner wrote: ${method} ${path}`);
      context.count('writes of the former owner that were on their way', late.length);
      context.checked('I4');
    } finally {
      first.service.signal('SIGCONT');
      await second.service.stop();
    }
  }
}

async function newOwner(platform: FaultPlatform, former: string): Promise<void> {
  const deadline = Date.now() + 45_000;
  while ((await leaseOf(platform)).owner === former) {
    if (Date.now() > deadline) throw new AppError('deadline-exceeded', 'nobody took the lease over within 45 s');
    await sleep(100);
  }
}

async function leaseOf({ databaseUrl }: FaultPlatform): Promise<{ owner: string; epoch: string }> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ owner: string; epoch: string }>('select owner, epoch from syncer.lease');
    if (rows[0] === undefined) throw new AppError('not-found', 'nobody has the lease of the cluster');
    return rows[0];
  } finally {
    await client.end();
  }
}
