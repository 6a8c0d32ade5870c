import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiServerTrouble } from '../world/api-server-proxy.ts';
import type { FaultCase, FaultContext } from './fault-case.ts';

/** The proxy misbehaves for a while; what it did is counted. */
async function trouble(
  { world, injected }: FaultContext,
  what: ApiServerTrouble,
  forMs: number,
  alongside: () => Promise<void> = async () => undefined,
): Promise<void> {
  world.proxy.setTrouble(what);
  try {
    await Promise.all([sleep(forMs), alongside()]);
  } finally {
    world.proxy.setTrouble({});
    for (const [kind, count] of world.proxy.takeCounts()) injected(kind, count);
  }
}

export const apiServerCases: readonly FaultCase[] = [
  {
    id: 'api-server-down',
    rows: ['F21'],
    title: 'the API server cannot be reached for 20 s under load',
    expected: 'back-off, nothing is taken for gone, nothing pruned; all goes on when it is back',
    boundMs: 90_000,
    inject: (context) => trouble(context, { isDown: true }, 20_000),
  },
  {
    id: 'api-server-paused',
    rows: ['F21'],
    title: 'kube-apiserver itself stopped (SIGSTOP) for 15 s under load: connections hang',
    expected: 'requests end at their deadline; all goes on when it continues',
    boundMs: 90_000,
    async inject({ world, injected }) {
      const { pid } = world.controlPlane.processes.find(({ name }) => name === 'kube-apiserver')!;
      process.kill(pid, 'SIGSTOP');
      injected('SIGSTOP kube-apiserver');
      await sleep(15_000);
      process.kill(pid, 'SIGCONT');
    },
  },
  {
    id: 'api-server-overloaded',
    rows: ['F21'],
    title: 'half of all requests answered with 429 and Retry-After, then with 500, then delayed by 3 s',
    expected: 'Retry-After is honoured, no busy loop; syncs end late, not wrong',
    boundMs: 90_000,
    async inject(context) {
      await trouble(context, { share: 0.5, status: 429, retryAfterSeconds: 1 }, 7_000);
      await trouble(context, { share: 0.5, status: 500 }, 7_000);
      await trouble(context, { share: 0.5, delayMs: 3_000 }, 7_000);
    },
  },
  {
    id: 'watches-broken',
    rows: ['F22'],
    title: 'watches cut again and again, and told that their version is too old (410)',
    expected: 'resumed or listed anew; what changed in between is found; nothing pruned',
    boundMs: 90_000,
    inject: (context) =>
      trouble(context, { expiresWatches: true, share: 0.5 }, 12_000, async () => {
        for (let done = 0; done < 6; done++) {
          await sleep(context.random.int(500, 2_000));
          context.world.proxy.cutWatches();
        }
      }),
  },
  {
    id: 'lists-truncated',
    rows: ['F23'],
    title: 'watches cut, and the lists that follow end in the middle or at an expired page',
    expected: 'an incomplete list never means that an object is gone; nothing pruned',
    boundMs: 90_000,
    inject: (context) =>
      trouble(context, { truncatesLists: true, expiresWatches: true }, 12_000, async () => {
        for (let done = 0; done < 4; done++) {
          await sleep(context.random.int(500, 2_000));
          context.world.proxy.cutWatches();
        }
      }),
  },
];
