import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { applicationName, applicationSpec } from '../load/workload.ts';
import type { ServiceName } from '../platform/platform.ts';
import { serviceNames } from '../platform/platform.ts';
import type { CaseContext, FaultCase } from './fault-case.ts';

/** Rows F-01 to F-05, F-17 and F-40: processes that end without a word, stand still, or are replaced. */
export const kills: readonly FaultCase[] = [
  {
    id: 'f-03-syncer-killed',
    title: 'syncer killed in the middle of its writes',
    rows: ['F-03'],
    expected: 'The operation goes on at the first step without an outcome and ends within 60 s',
    boundMs: 60_000,
    runs: 3,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        await sleep(context.random.between(400, 2_500));
        await kill(context, 'syncer');
        await context.platform.services.syncer.whenReady();
      }
    },
  },
  {
    id: 'f-04-api-killed-in-a-write',
    title: 'api killed during a write request; the client asks again',
    rows: ['F-04'],
    expected: 'The write is there once, whether it was answered or not',
    boundMs: 60_000,
    runs: 4,
    inject: killDuringWrites,
  },
  {
    id: 'f-05-kill-storm',
    title: 'every service killed at random moments',
    rows: ['F-01', 'F-02', 'F-03', 'F-05'],
    expected: 'Everything converges after the last kill; no engine of a dead renderer is left',
    boundMs: 60_000,
    runs: 200,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        await sleep(context.random.between(300, 2_900));
        await kill(context, context.random.pick(serviceNames));
      }
    },
  },
  {
    id: 'f-17-services-paused',
    title: 'every service stopped for some seconds, syncer for longer than its lease',
    rows: ['F-17', 'F-13'],
    expected: 'It goes on where it stood; what others did meanwhile is found',
    boundMs: 60_000,
    runs: 1,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        for (const name of serviceNames) {
          const service = context.platform.services[name];
          if (service.signal('SIGSTOP')) context.count(`SIGSTOP ${name}`);
          await sleep(name === 'syncer' ? 17_000 : context.random.between(1_500, 3_500));
          service.signal('SIGCONT');
        }
      }
    },
    restore: async ({ platform }) => serviceNames.forEach((name) => platform.services[name].signal('SIGCONT')),
  },
  {
    id: 'f-40-rolling-restart',
    title: 'each service stopped in order and started again, one after the other',
    rows: ['F-40'],
    expected: 'Nothing is lost; nothing is written that Git does not say',
    boundMs: 60_000,
    runs: 1,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        for (const name of serviceNames) {
          const service = context.platform.services[name];
          await service.stop();
          context.count(`restart ${name}`);
          await service.start();
          await service.whenReady();
        }
      }
    },
  },
];

export async function kill(context: CaseContext, name: ServiceName): Promise<void> {
  const service = context.platform.services[name];
  const { pid } = service;
  if (!service.signal('SIGKILL')) return;
  context.count(`SIGKILL ${name}`);
  // Until the dead one is noticed.
  for (let now = service.pid; now === pid; now = service.pid) await sleep(5);
}

async function killDuringWrites(context: CaseContext): Promise<void> {
  const { platform, load, random } = context;
  for (let run = 0; run < context.runs; run++) {
    await platform.services.api.whenReady();
    const name = `once-${run}`;
    // An application of nothing that may sync: only its being there counts.
    const spec = {
      ...applicationSpec(0, load.repoUrl),
      destination: { server: 'https://kubernetes.default.svc', namespace: applicationName(0) },
      syncPolicy: {},
    };
    const create = () => platform.client.call('POST', '/api/v1/applications', { body: { metadata: { name }, spec } });
    const first = create().then(
      ({ status }) => status,
      () => undefined,
    );
    await sleep(random.between(0, 60));
    await kill(context, 'api');
    const status = await first;
    await platform.services.api.whenReady();
    const again = await create();
    if (again.status !== 200)
      context.violation(`F-04: asked again (first: ${status ?? 'no answer'}), the api says ${again.status}: ${JSON.stringify(again.body)}`);
    const uids = await declarationsOf(platform.databaseUrl, name);
    if (uids.length > 1) context.violation(`F-04: ${name} was created ${uids.length} times`);
    await platform.kube.delete({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: 'argocd', name });
  }
  context.checked('created once');
}

async function declarationsOf(databaseUrl: string, name: string): Promise<string[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ stream: string }>(`select distinct stream from log.event where stream like $1`, [`application-argocd/${name}/%`]);
    return rows.map(({ stream }) => stream);
  } finally {
    await client.end();
  }
}
