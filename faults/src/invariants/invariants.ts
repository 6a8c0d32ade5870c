import { verifyLog } from '@plumbline/event-log';
import { limits } from '../limits.ts';
import type { Load } from '../load/load.ts';
import type { World } from '../world/world.ts';
import { searchCanary } from './canary.ts';
import { compareProjections } from './consumers.ts';
import type { EventReader } from './event-reader.ts';
import { checkAcknowledged, checkCommits, checkEndsAfterKills, checkOperations, type Commits } from './promises.ts';
import { checkProjection } from './projection.ts';

/** What was looked at, and everything that was wrong. */
export interface Findings {
  problems: string[];
  events: number;
  acknowledged: number;
  commits: Omit<Commits, 'problems'>;
}

/** Uids of objects that Git always wants: one that changes was deleted in between. */
export class Survivors {
  readonly #uids = new Map<string, string>();

  async check(world: World, load: Load): Promise<string[]> {
    const { demo } = load.stage;
    const problems: string[] = [];
    for (const name of demo.names) {
      const { items } = await world.kube.list({ group: '', version: 'v1', kind: 'ConfigMap' }, { namespace: demo.namespaceOf(name) });
      for (const { metadata } of items) {
        const { name: object, uid = '' } = metadata;
        if (!object.startsWith('keep-')) continue;
        const before = this.#uids.get(`${name}/${object}`) ?? uid;
        if (before !== uid) problems.push(`I5: ${name}/${object} was deleted and made again`);
        this.#uids.set(`${name}/${object}`, uid);
      }
    }
    return problems;
  }
}

export interface CheckParts {
  world: World;
  load: Load;
  reader: EventReader;
  survivors: Survivors;
}

/** Everything that has to be true whatever happened, once things have settled. */
export async function checkInvariants({ world, load, reader, survivors }: CheckParts): Promise<Findings> {
  const { demo, history, api, kube } = load.stage;
  const events = await reader.all();
  const verified = await verifyLog(world.log);
  const commits = checkCommits(events, history);
  const problems = [
    ...verified.problems.map((problem) => `I2: ${problem}`),
    ...(await checkSubscribers(load, events.at(-1)?.position ?? 0)),
    ...checkSeen(load, await reader.all()),
    ...history.problems.splice(0),
    ...(await checkAcknowledged(await reader.all(), history, kube)),
    ...commits.problems,
    ...checkOperations(events),
    ...checkEndsAfterKills(events, killsOf(world), limits.endsAfterKillMs),
    ...(await survivors.check(world, load)),
    ...(await checkProjection(world.database, reader, 10_000)),
    ...(await compareProjections(api)),
    ...(await searchCanary(world, api, demo)),
  ];
  const { problems: _, ...counts } = commits;
  return { problems: problems.slice(0, limits.problemsKeptMax), events: verified.to, acknowledged: history.acknowledged.length, commits: counts };
}

const killsOf = ({ services }: World): number[] => [...services.values()].flatMap(({ killedAt }) => killedAt);

/** I7: every subscriber gets as far as the log was. */
async function checkSubscribers(load: Load, head: number): Promise<string[]> {
  const deadline = Date.now() + 20_000;
  const behind = (): string[] =>
    load.subscribers.filter(({ position }) => position < head).map(({ name, position }) => `I7: ${name} is at ${position}, the log was at ${head}`);
  while (behind().length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  return behind();
}

/** I2: what subscribers saw is what the log holds, at the same place. */
function checkSeen(load: Load, events: readonly { position: number; id: string }[]): string[] {
  const { seen } = load.stage.history;
  return events.flatMap(({ position, id }) => {
    const shown = seen.get(position);
    return shown === undefined || shown === id ? [] : [`I2: subscribers saw event ${shown} at position ${position}, the log has ${id}`];
  });
}
