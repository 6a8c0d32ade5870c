import type { Files } from '@plumbline/testing';
import { print, rounded } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';
import { countRequests, requestsSince } from './api-requests.ts';
import { startCounting } from './processes.ts';
import { readServiceCounts, serviceCountsSince } from './service-metrics.ts';
import type { Stage } from './stage.ts';
import { onStage } from './stage.ts';
import { hasValue, isSynced, isSyncedTo } from './checks.ts';

const pushes = 3;

/** One commit to the base that so many Kustomize overlays share, each the source of an application of one ConfigMap of 2 KB. */
export async function benchSharedChange(platform: RunningPlatform, applications: number): Promise<void> {
  const names = Array.from({ length: applications }, (_, index) => `a${index}`);
  const overlays = Object.fromEntries(names.map((name) => [`apps/${name}/kustomization.yaml`, `resources:\n  - ../../base\nnameSuffix: -${name}\n`]));
  await onStage(platform, { ...overlays, 'base/kustomization.yaml': 'resources:\n  - config.yaml\n', ...base(0) }, async (stage) => {
    const ids = names.map((name) => `${stage.name}-${name}`);
    await stage.create(ids.map((name, index) => ({ name, path: `apps/${names[index]}` })));
    await stage.applications.all(ids, 'Synced', isSynced);
    for (let value = 1; value <= pushes; value++) await pushOnce(stage, value, ids);
  });
}

async function pushOnce(stage: Stage, value: number, ids: readonly string[]): Promise<void> {
  const configMaps = stage.observe('', 'v1', 'ConfigMap');
  const objects = ids.map((id) => `shared-${id.split('-').at(-1)}`);
  await configMaps.all(objects, 'there', () => true);
  const before = await countRequests(stage.connection);
  const servicesBefore = await readServiceCounts(stage.platform);
  const count = startCounting(stage.platform);
  const { commit, endedAt } = await stage.push(base(value));
  const [applied, synced] = await Promise.all([
    configMaps.all(objects, `value ${value}`, hasValue(value)),
    stage.applications.all(ids, `Synced to ${commit}`, isSyncedTo(commit)),
  ]);
  const cost = count();
  const perSecond = (at: number): number => Math.round((ids.length / (at - endedAt)) * 1000);
  const requests = requestsSince(before, await countRequests(stage.connection), ['configmaps', 'applications']);
  await configMaps.stop();
  print(`sync shared: one change of ${ids.length} applications of one ConfigMap, applications/s`, {
    appliedPerSecond: perSecond(applied),
    syncedPerSecond: perSecond(synced),
    appliedAfterMs: Math.round(applied - endedAt),
    syncedAfterMs: Math.round(synced - endedAt),
    cpuMsPerApplication: rounded((cost.plumbline * 1000) / ids.length),
    writesPerApplication: Object.fromEntries(Object.entries(requests).map(([what, times]) => [what, rounded(times / ids.length)])),
    ...serviceCountsSince(servicesBefore, await readServiceCounts(stage.platform)),
    ...cost,
  });
}

const base = (value: number): Files => ({
  'base/config.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shared\ndata:\n  value: "${value}"\n  text: ${'x'.repeat(2_000)}\n`,
});
