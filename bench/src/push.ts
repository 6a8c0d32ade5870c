import { performance } from 'node:perf_hooks';
import { silentLogger } from '@plumbline/contracts';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { PlatformAddress } from '@plumbline/testing/scenario';
import { Scenario } from '@plumbline/testing/scenario';
import { calibrate } from './calibration.ts';
import { print, summary } from './measure.ts';

const pushes = 50;
const pauseMs = 300;

/** From a `git push` to the changed object, as a watch sees it: one application, one object, webhook. */
export async function benchPush(platform: PlatformAddress): Promise<void> {
  const kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: platform.kubeconfig, env: {} }), log: silentLogger });
  const scenario = await Scenario.begin({ platform, kube });
  try {
    await scenario.givenRepository({ 'manifests/config.yaml': manifest(0) });
    await scenario.whenApplicationIsCreated();
    await scenario.thenApplicationIs({ sync: 'Synced' });
    const seen = observe(scenario);
    await calibrate(kube, scenario.namespace);

    const [fromEnd, fromStart, toSynced]: [number[], number[], number[]] = [[], [], []];
    for (let round = 1; round <= pushes; round++) {
      await scenario.git.commit({ 'manifests/config.yaml': manifest(round) });
      const started = performance.now();
      await scenario.git.push();
      const pushed = performance.now();
      const applied = await seen.value(String(round));
      fromEnd.push(applied - pushed);
      fromStart.push(applied - started);
      const commit = await scenario.git.head();
      toSynced.push((await seen.synced(commit)) - pushed);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    await seen.stop();
    print('push: end of git push to the watch event of the object, ms', summary(fromEnd));
    print('push: start of git push to the watch event of the object, ms', summary(fromStart));
    print('push: end of git push to Synced in the status, ms', summary(toSynced));
  } finally {
    await scenario.end();
    await kube.close();
  }
}

const manifest = (value: number): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bench\ndata:\n  value: "${value}"\n`;

/** When a value of the ConfigMap, or a revision in the Application's status, was first seen by a watch. */
function observe(scenario: Scenario): { value(value: string): Promise<number>; synced(commit: string): Promise<number>; stop(): Promise<void> } {
  const times = new Map<string, number>();
  const waiting = new Map<string, (time: number) => void>();
  const note = (what: string): void => {
    if (times.has(what)) return;
    times.set(what, performance.now());
    waiting.get(what)?.(times.get(what)!);
  };
  const seen = (what: string): Promise<number> => {
    const time = times.get(what);
    return time === undefined ? new Promise((resolve) => void waiting.set(what, resolve)) : Promise.resolve(time);
  };
  const watches = [
    scenario.kube.watch({
      group: '',
      version: 'v1',
      kind: 'ConfigMap',
      namespace: scenario.namespace,
      listener: {
        upsert: (object) => {
          if (object.metadata.name === 'bench') note(`value ${(object['data'] as { value: string }).value}`);
        },
        remove: () => undefined,
      },
    }),
    scenario.kube.watch({
      group: 'argoproj.io',
      version: 'v1alpha1',
      kind: 'Application',
      namespace: 'argocd',
      listener: {
        upsert: (object) => {
          const status = object['status'] as { sync?: { status: string; revision?: string } } | undefined;
          if (object.metadata.name === scenario.name && status?.sync?.status === 'Synced') note(`synced ${status.sync.revision ?? ''}`);
        },
        remove: () => undefined,
      },
    }),
  ];
  return {
    value: (value) => seen(`value ${value}`),
    synced: (commit) => seen(`synced ${commit}`),
    async stop() {
      await Promise.all(watches.map((watch) => watch.stop()));
    },
  };
}
