import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@plumbline/testing/scenario';
import { limits } from '../limits.ts';
import { Monorepo, type MonorepoPush } from '../world/monorepo.ts';
import type { FaultCase, FaultContext } from './fault-case.ts';

/** From here on the wait for a whole round of the sweep is worth its ten minutes. */
const fullRunScale = 4;
/** Of so many behind, each turn of the sweep meets some. */
const mostOfThem = Math.ceil(limits.monorepoApplications * 0.9);

/** When the service dies: soon after the commit is known, once the sync has begun, or when most is over. */
const moments = [
  { fact: undefined, withinMs: 60 },
  { fact: 'SyncStarted', withinMs: 15 },
  { fact: undefined, withinMs: 400 },
] as const;

/** A push to a repository that many follow: only those that it changes are looked at, and whoever does that dies on the way. */
export const monorepoCases: readonly FaultCase[] = (['syncer', 'renderer'] as const).map((name) => ({
  id: `monorepo-push-${name}`,
  rows: [name === 'syncer' ? 'F03' : 'F02'],
  title: `${name} killed (SIGKILL) while a push to a repository of ${limits.monorepoApplications} applications that changes one of them is under way`,
  expected: 'the one is synced, once; nothing of the others is written; the sweep brings them the commit',
  boundMs: 60_000,
  async inject(context) {
    const monorepo = await Monorepo.begin(context.world);
    try {
      let last: MonorepoPush | undefined;
      for (let done = 0; done < moments.length * context.scale; done++)
        last = await killDuringPush({ name, moment: moments[done % moments.length]! }, monorepo, context);
      await sweptAfter(last!, monorepo, context);
    } finally {
      await monorepo.remove();
    }
  },
}));

interface Kill {
  name: 'syncer' | 'renderer';
  moment: (typeof moments)[number];
}

async function killDuringPush({ name, moment }: Kill, monorepo: Monorepo, { world, random, injected, verify, note }: FaultContext): Promise<MonorepoPush> {
  const service = world.services.get(name)!;
  const before = { writes: monorepo.writes(), facts: (await monorepo.facts()).length };
  const push = await monorepo.push(random.pick(monorepo.names));
  await (moment.fact === undefined ? monorepo.observed(push) : monorepo.fact(moment.fact, before.facts));
  await sleep(random.int(0, moment.withinMs));
  service.signal('SIGKILL');
  injected(`SIGKILL ${name}`);
  const atKill = (await monorepo.facts()).slice(before.facts).map(({ fact }) => fact.type);
  note(`killed after ${atKill.join(', ') || 'nothing'}`);
  await service.whenReady();
  await monorepo.settled(push);
  await sleep(limits.settledMs);

  const differences = await monorepo.differences();
  verify('every object is as pushed', differences.length === 0, differences.join('; '));
  const written = [...monorepo.writes()].flatMap(([object, count]) => {
    const times = count - (before.writes.get(object) ?? 0);
    return times === 0 ? [] : [`${object} ${times} times`];
  });
  verify('the one object that changed was written, once', written.join() === `${push.changed} 1 times`, written.join(', '));
  const facts = (await monorepo.facts()).slice(before.facts);
  const syncs = facts.filter(
    ({ fact }) => fact.type === 'SyncRequested' || fact.type === 'SyncStarted' || fact.type === 'SyncStepCompleted' || fact.type === 'SyncSucceeded',
  );
  const told = syncs.map(({ name: application, fact }) => `${fact.type} of ${application}`);
  const once = ['SyncRequested', 'SyncStarted', 'SyncStepCompleted', 'SyncSucceeded'].map((type) => `${type} of ${push.changed}`);
  verify('the one application was synced, once, and no other', told.join() === once.join(), told.join(', '));
  const failed = facts.flatMap(({ name: application, fact }) => (fact.type === 'ComparisonFailed' && application !== push.changed ? [application] : []));
  verify('nobody else says that something is wrong', failed.length === 0, failed.join(', '));
  return push;
}

/** Who had nothing to do is told the commit by the sweep: its share in each, and everybody in a round. */
async function sweptAfter({ commit }: MonorepoPush, monorepo: Monorepo, { scale, verify, note }: FaultContext): Promise<void> {
  const behind = await monorepo.behind(commit);
  note(`${behind.length} applications have nothing of the last commit and are told by the sweep`);
  const isWhole = scale >= fullRunScale;
  if (!isWhole && behind.length < mostOfThem) return;
  const left = await eventually(
    'the sweep',
    async (tell) => {
      const now = await monorepo.behind(commit);
      tell(now);
      return (isWhole ? now.length === 0 : now.length < behind.length) ? now : undefined;
    },
    isWhole ? limits.sweepRoundMs : limits.sweepShareMs,
  ).catch(() => undefined);
  verify(isWhole ? 'a round of the sweep tells everybody the commit' : 'the sweep tells its share the commit', left !== undefined);
}
