import type { KubeObject } from '@plumbline/manifests';
import type { Files } from '@plumbline/testing';
import { print, summary } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';
import { readyAfterAnnotation } from './bench-platform.ts';
import { inNamespace, isDone, isRolledOut } from './checks.ts';
import { startCounting } from './processes.ts';
import { onStage } from './stage.ts';
import { StepTimes } from './step-times.ts';

const waves = 5;
const deploymentsPerWave = 2;
const readyAfter = '200ms';
const calibrationRounds = 5;

/**
 * An application of five waves, two Deployments each, whose Pods are ready 200 ms after they are scheduled: from its
 * creation, and from a push that changes all of them, to a sync that succeeded, Synced and Healthy.
 */
export async function benchWaves(platform: RunningPlatform, pushes: number): Promise<void> {
  await calibrateWaves(platform, Math.min(pushes, calibrationRounds));
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

/** The same by a bare client that applies a wave when the Deployments of the one before are rolled out. */
async function calibrateWaves(platform: RunningPlatform, rounds: number): Promise<void> {
  await onStage(platform, { 'README.md': 'Written by a bare client\n' }, async (stage) => {
    const deployments = stage.observe('apps', 'v1', 'Deployment');
    await stage.kube.discover();
    const took: number[] = [];
    for (let version = 0; version <= rounds; version++) {
      const startedAt = performance.now();
      for (let wave = 0; wave < waves; wave++) {
        const names = namesOf(wave);
        const objects = names.map((name) => deployment(name, wave, version));
        await Promise.all(objects.map((one) => stage.kube.apply(inNamespace(one, stage.name), { fieldManager: 'calibration' })));
        await deployments.all(names, `rolled out in version ${version}`, isRolledOut(imageOf(version)));
      }
      // The first makes them, as the creation of the application does; the others change them.
      if (version > 0) took.push(performance.now() - startedAt);
    }
    print(`calibration: ${waves} waves of ${deploymentsPerWave} Deployments by a bare client, ready after ${readyAfter} each, ms`, summary(took));
  });
}

const namesOf = (wave: number): string[] => Array.from({ length: deploymentsPerWave }, (_, index) => `w${wave}-${index}`);

const imageOf = (version: number): string => `example.org/web:${version}`;

function manifests(version: number): Files {
  const all = Array.from({ length: waves }, (_, wave) => namesOf(wave).map((name) => deployment(name, wave, version))).flat();
  return Object.fromEntries(all.map((object) => [`manifests/${object.metadata.name}.json`, JSON.stringify(object)]));
}

function deployment(name: string, wave: number, version: number): KubeObject {
  const template = {
    metadata: { labels: { app: name }, annotations: { [readyAfterAnnotation]: readyAfter } },
    spec: { containers: [{ name: 'web', image: imageOf(version) }] },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, annotations: { 'argocd.argoproj.io/sync-wave': String(wave) } },
    spec: { replicas: 1, selector: { matchLabels: { app: name } }, template },
  };
}
