import { setTimeout as sleep } from 'node:timers/promises';
import { print, rounded, summary } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';
import { countRequests, requestsSince } from './api-requests.ts';
import { startCounting } from './processes.ts';
import { readServiceCounts, serviceCountsSince } from './service-metrics.ts';
import { onStage } from './stage.ts';
import { hasValue, isSynced, isSyncedTo } from './checks.ts';

const pushes = 20;
/** The other applications hear of the commit too: their work belongs to the push. */
const settleMs = 1_000;

/** Pushes that each change one of so many applications of one repository. */
export async function benchMonorepo(platform: RunningPlatform, applications: number): Promise<void> {
  const names = Array.from({ length: applications }, (_, index) => `a${index}`);
  const files = Object.fromEntries(names.map((name) => [fileOf(name), configMap(name, 0)]));
  await onStage(platform, files, async (stage) => {
    const id = (name: string): string => `${stage.name}-${name}`;
    const configMaps = stage.observe('', 'v1', 'ConfigMap');
    await stage.create(names.map((name) => ({ name: id(name), path: `apps/${name}` })));
    await stage.applications.all(names.map(id), 'Synced', isSynced);
    await sleep(settleMs);

    const [toApplied, toSynced]: [number[], number[]] = [[], []];
    const before = await countRequests(stage.connection);
    const servicesBefore = await readServiceCounts(platform);
    const count = startCounting(platform);
    for (let value = 1; value <= pushes; value++) {
      const name = names[(value * 7) % names.length]!;
      const { commit, endedAt } = await stage.push({ [fileOf(name)]: configMap(name, value) });
      toApplied.push((await configMaps.all([name], `value ${value}`, hasValue(value))) - endedAt);
      toSynced.push((await stage.applications.all([id(name)], `Synced to ${commit}`, isSyncedTo(commit))) - endedAt);
      await sleep(settleMs);
    }
    const cost = count();
    const services = serviceCountsSince(servicesBefore, await readServiceCounts(platform));
    const requests = requestsSince(before, await countRequests(stage.connection), ['configmaps', 'applications']);
    const perPush = (counts: Record<string, number>): Record<string, number> =>
      Object.fromEntries(Object.entries(counts).map(([what, times]) => [what, rounded(times / pushes)]));
    print(`sync monorepo: push of 1 of ${applications} applications to the watch event of the object, ms`, {
      ...summary(toApplied),
      cpuSecondsPerPush: rounded(cost.plumbline / pushes),
      perPush: { ...perPush(services), ...perPush(requests) },
      ...cost,
    });
    print(`sync monorepo: push of 1 of ${applications} applications to Synced in the status, ms`, summary(toSynced));
  });
}

const fileOf = (name: string): string => `apps/${name}/config.yaml`;

const configMap = (name: string, value: number): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: "${value}"\n`;
