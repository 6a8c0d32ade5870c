import { setTimeout as sleep } from 'node:timers/promises';
import { serviceNames } from '@plumbline/tools';
import { StalledSubscriber } from '../load/stalled-subscriber.ts';
import type { FaultCase } from './fault-case.ts';

export const rollingRestartCase: FaultCase = {
  id: 'rolling-restart',
  rows: ['F40'],
  title: 'each service ended in order (SIGTERM) and started again, one after the other, under load and with streams open',
  expected: 'each ends by itself in time, whatever its clients do; nothing is lost; nothing is written that Git does not say',
  boundMs: 60_000,
  async inject({ world, load, random, scale, injected, verify }) {
    for (let round = 0; round < Math.min(scale, 2); round++) {
      for (const name of serviceNames) {
        await sleep(random.int(0, 1_000));
        // Somebody who neither reads nor leaves must not keep api from ending.
        const stalled = name === 'api' ? await StalledSubscriber.begin(world.grpcUrl, await load.session()) : undefined;
        const { isOrderly, how } = await world.services.get(name)!.restart();
        stalled?.leave();
        injected(`SIGTERM ${name}`);
        verify('every service ends by itself in time', isOrderly, `${name}: ${how}`);
      }
    }
  },
};
