import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@plumbline/manifests';
import type { Files } from '@plumbline/testing';
import { inLanes, print, rounded } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';
import { hasValue, isSynced } from './checks.ts';
import { cpuSecondsOf, isAlive, memoryOf } from './processes.ts';
import { readServiceCounts } from './service-metrics.ts';
import type { Stage } from './stage.ts';
import { onStage } from './stage.ts';

const lanes = 32;
const objectsPerApplication = 100;
/** One in five objects of the cluster is Plumbline's to manage: 10,000 of 50,000. */
const managedShare = 5;
const restarts = 3;
const pollMs = 20;
/** Memory is looked at when nothing is going on. */
const settleMs = 5_000;
const patienceMs = 180_000;

/**
 * So many ConfigMaps of 1 KB in the cluster, a fifth of them managed, 100 to an application. How long syncer is away when
 * it is restarted: until it answers that it is ready, and until a push that was made meanwhile is in the cluster.
 */
export async function benchRestart(platform: RunningPlatform, objects: number): Promise<void> {
  const applications = Math.max(1, Math.round(objects / managedShare / objectsPerApplication));
  const managed = applications * objectsPerApplication;
  const names = Array.from({ length: applications }, (_, index) => `a${index}`);
  const files = Object.fromEntries(names.map((name) => [`apps/${name}/all.yaml`, configMaps(name)]));
  await onStage(platform, { ...files, ...probe(0) }, async (stage) => {
    print('sync restart: memory with nothing to manage, MB', memoryOf(platform.refresh()));
    const foreign = Array.from({ length: Math.max(0, objects - managed) }, (_, index) => `foreign-${index}`);
    await inLanes(foreign, lanes, (name) => stage.kube.create(configMap(name, stage.name)));
    const created = [...names.map((name) => ({ name: `${stage.name}-${name}`, path: `apps/${name}` })), { name: stage.name, path: 'probe' }];
    await stage.create(created);
    const ids = created.map(({ name }) => name);
    await stage.applications.all(ids, 'Synced', isSynced);
    await sleep(settleMs);
    print(`sync restart: memory with ${objects} objects, ${managed} managed by ${applications} applications, MB`, memoryOf(platform.refresh()));
    for (let round = 1; round <= restarts; round++) await restartOnce(stage, round, { objects, managed });
    await sleep(settleMs);
    print(`sync restart: memory after ${restarts} restarts, MB`, memoryOf(platform.refresh()));
  });
}

async function restartOnce(stage: Stage, round: number, counted: { objects: number; managed: number }): Promise<void> {
  const probes = stage.observe('', 'v1', 'ConfigMap');
  await probes.all(['probe'], 'there', () => true);
  const { url, pid } = syncerOf(stage.platform.refresh());
  const askedAt = performance.now();
  process.kill(pid, 'SIGTERM');
  await until(() => !isAlive(pid));
  const endedAt = performance.now();
  const { endedAt: pushedAt } = await stage.push(probe(round));
  const served = probes.all(['probe'], `value ${round}`, hasValue(round));
  await until(() => isReady(url));
  const readyAt = performance.now();
  const servedAt = await served;
  await probes.stop();
  print(`sync restart: syncer with ${counted.objects} objects, ${counted.managed} managed, s`, {
    drained: seconds(askedAt, endedAt),
    endToReady: seconds(endedAt, readyAt),
    endToServed: seconds(endedAt, servedAt),
    pushed: seconds(endedAt, pushedAt),
    cpuSecondsOfSyncer: cpuSecondsOf(syncerOf(stage.platform.refresh()).pid),
    dryRuns: (await readServiceCounts(stage.platform)).get('dry runs') ?? 0,
  });
}

const syncerOf = ({ services }: RunningPlatform): { url: string; pid: number } => services.find(({ name }) => name === 'syncer')!;

const seconds = (from: number, to: number): number => rounded((to - from) / 1000);

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`syncer was not back within ${patienceMs} ms`);
    await sleep(pollMs);
  }
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/readyz`).catch(() => undefined);
  return answer?.ok === true;
}

const configMap = (name: string, namespace?: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  data: { text: 'x'.repeat(1_000) },
});

const configMaps = (application: string): string =>
  Array.from({ length: objectsPerApplication }, (_, index) => JSON.stringify(configMap(`${application}-${index}`))).join('\n---\n');

const probe = (value: number): Files => ({
  'probe/config.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: probe\ndata:\n  value: "${value}"\n`,
});
