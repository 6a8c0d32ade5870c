import type { Files } from '@plumbline/testing';
import { print, summary } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';
import { readyAfterAnnotation } from './bench-platform.ts';
import { isDone } from './checks.ts';
import { startCounting } from './processes.ts';
import { onStage } from './stage.ts';
import { StepTimes } from './step-times.ts';

const waves = 5;
const deploymentsPerWave = 2;
const readyAfter = '200ms';

/**
 * An application of five waves, two Deployments each, whose Pods are ready 200 ms after they are scheduled: from its
 * creation, and from a push that changes all of them, to a sync that succeeded, Synced and Healthy.
 */
export async function benchWaves(platform: RunningPlatform, pushes: number): Promise<void> {
  await onStage(platform, manifests(0), async (stage) => {
    const startedAt = performance.now();
    await stage.create([{ name: stage.name, path: 'manifests' }]);
    const until = async (commit: string): Promise<number> => stage.applications.all([stage.name], `done with ${commit}`, isDone(commit));
    const created = (await until(await stage.git.head())) - startedAt;
    const took: number[] = [];
    const steps = await StepTimes.begin(stage);
    const count = startCounting(platform);
    for (let version = 1; version <= pushes; version++) {
      const { commit, endedAt } = await stage.push(manifests(version));
      steps.pushed(performance.timeOrigin + endedAt);
      took.push((await until(commit)) - endedAt);
    }
    const figure = `sync waves: ${waves} waves of ${deploymentsPerWave} Deployments, ready after ${readyAfter} each`;
    print(`${figure}: end of git push to Succeeded, Synced and Healthy, ms`, { ...summary(took), ...count() });
    print(`${figure}: creation of the application to Succeeded, Synced and Healthy, ms`, { took: Math.round(created) });
    print(`${figure}: end of git push to the first of each event in the log, median ms`, await steps.medians());
  });
}

function manifests(version: number): Files {
  const names = Array.from({ length: waves * deploymentsPerWave }, (_, index) => `w${Math.floor(index / deploymentsPerWave)}-${index % deploymentsPerWave}`);
  return Object.fromEntries(names.map((name, index) => [`manifests/${name}.json`, deployment(name, Math.floor(index / deploymentsPerWave), version)]));
}

function deployment(name: string, wave: number, version: number): string {
  const template = {
    metadata: { labels: { app: name }, annotations: { [readyAfterAnnotation]: readyAfter } },
    spec: { containers: [{ name: 'web', image: `example.org/web:${version}` }] },
  };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, annotations: { 'argocd.argoproj.io/sync-wave': String(wave) } },
    spec: { replicas: 1, selector: { matchLabels: { app: name } }, template },
  });
}
