import { setTimeout as sleep } from 'node:timers/promises';
import { serviceNames, type ServiceName } from '@plumbline/tools';
import type { FaultCase, FaultContext } from './fault-case.ts';

/** Kills one service so many times, each time a random moment after it has come back, or while it is coming back. */
async function killAgainAndAgain(name: ServiceName, kills: number, { world, random, injected }: FaultContext): Promise<void> {
  const service = world.services.get(name)!;
  const own = random.fork(name);
  for (let done = 0; done < kills;) {
    // One in five dies before it is ready.
    if (own.chance(0.8)) await service.whenReady();
    await sleep(own.int(0, 2_500));
    if (!service.signal('SIGKILL')) continue;
    injected(`SIGKILL ${name}`);
    done++;
  }
}

const killed = (name: ServiceName, row: string): FaultCase => ({
  id: `kill-${name}`,
  rows: [row, 'F05'],
  title: `${name} killed (SIGKILL) at random moments under load`,
  expected: 'started again, it resumes from the log; a sync that was under way ends, with its reason',
  boundMs: 60_000,
  inject: (context) => killAgainAndAgain(name, 2 * context.scale, context),
});

export const killCases: readonly FaultCase[] = [
  killed('syncer', 'F03'),
  killed('repo-watcher', 'F01'),
  killed('renderer', 'F02'),
  killed('api', 'F04'),
  killed('rbac', 'F05'),
  {
    id: 'kill-storm',
    rows: ['F05'],
    title: 'all services killed (SIGKILL) at random moments, independently of each other, under load',
    expected: 'nothing acknowledged is lost; all is as Git says within a minute of the last kill',
    boundMs: 60_000,
    inject: async (context) => {
      await Promise.all(serviceNames.map((name) => killAgainAndAgain(name, 7 * context.scale, context)));
    },
  },
];
