import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, type Application, type ApplicationStatus } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import type { Load } from '../load/load.ts';
import type { World } from '../world/world.ts';

/** What is not yet as Git says; empty when all is. */
export async function differences(world: World, load: Load): Promise<string[]> {
  const { demo, history } = load.stage;
  if (!(await load.pushRest())) return ['commits that the Git server has not taken'];
  const order = new Map(history.pushed.map(({ commit }, index) => [commit, index]));
  const found: string[] = [];
  for (const name of demo.names) {
    const [application, configMaps] = await Promise.all([
      world.kube.get({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: 'argocd', name }) as Promise<Application | undefined>,
      world.kube.list({ group: '', version: 'v1', kind: 'ConfigMap' }, { namespace: demo.namespaceOf(name) }),
    ]);
    const live = new Map(configMaps.items.map((object) => [object.metadata.name, (object['data'] as { value?: string } | undefined)?.value]));
    for (const [configMap, value] of demo.wantedOf(name)) {
      if (live.get(configMap) !== value) found.push(`${name}/${configMap} is ${live.get(configMap) ?? 'missing'}, Git says ${value}`);
    }
    if (live.has('extra') && !demo.wantedOf(name).has('extra')) found.push(`${name}/extra is still there`);
    const status = application?.status as Partial<ApplicationStatus> | undefined;
    const touched = history.pushed.findLastIndex(({ applications }) => applications.includes(name));
    const synced = order.get(status?.sync?.revision ?? '') ?? -1;
    if (status?.sync?.status !== 'Synced') found.push(`${name} is ${status?.sync?.status ?? 'without a status'}`);
    else if (synced < touched) found.push(`${name} is at commit ${synced} of ${touched}`);
    if (status?.health?.status !== 'Healthy') found.push(`${name} is ${status?.health?.status ?? 'of unknown health'}`);
    if (application?.operation != null || ['Running', 'Terminating'].includes(status?.operationState?.phase ?? ''))
      found.push(`${name} has an operation under way`);
  }
  const unready = await Promise.all([...world.services.values()].map(async (service) => ((await service.isReady()) ? [] : [`${service.name} is not ready`])));
  return [...found, ...unready.flat()];
}

/**
 * How long it took until everything was as it should be and stayed so; undefined when it did not within the bound.
 * `missing`: what is not so now, or what was the last to become so.
 */
export async function waitForConvergence(world: World, load: Load, boundMs: number): Promise<{ tookMs: number | undefined; missing: string[] }> {
  const startedAt = performance.now();
  let convergedAt: number | undefined;
  let missing: string[] = [];
  for (;;) {
    const seen = await differences(world, load).catch((error: unknown) => {
      if (AppError.is(error)) return [error.message];
      throw error;
    });
    const now = performance.now();
    if (seen.length > 0) missing = seen;
    if (seen.length > 0) convergedAt = undefined;
    else convergedAt ??= now;
    if (convergedAt !== undefined && now - convergedAt >= limits.settledMs) return { tookMs: convergedAt - startedAt, missing };
    if (convergedAt === undefined && now - startedAt > boundMs) return { tookMs: undefined, missing };
    await sleep(limits.convergencePollMs);
  }
}
