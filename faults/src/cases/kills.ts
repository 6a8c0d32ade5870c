import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceName } from '../platform/platform.ts';
import { serviceNames } from '../platform/platform.ts';
import type { CaseContext, FaultCase } from './fault-case.ts';

/** Rows F-01 to F-05: processes that end without a word. */
export const kills: readonly FaultCase[] = [
  {
    id: 'f-03-syncer-killed',
    title: 'syncer killed in the middle of its writes',
    rows: ['F-03'],
    expected: 'The operation goes on at the first step without an outcome; nothing is applied twice with another result',
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
];

export async function kill(context: CaseContext, name: ServiceName): Promise<void> {
  const service = context.platform.services[name];
  const { pid } = service;
  if (service.signal('SIGKILL')) context.count(`SIGKILL ${name}`);
  while (service.pid === pid && pid !== undefined) await sleep(5);
}

export const anyService = (context: CaseContext): ServiceName => context.random.pick(serviceNames);
